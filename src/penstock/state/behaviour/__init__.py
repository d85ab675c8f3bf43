"""Behaviour: what the lane remembers of payers, payees, devices, networks, places and pairs, and how it forgets."""
