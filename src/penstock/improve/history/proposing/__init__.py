"""Proposing: look at a file of past payments, and say which column seems to mean what."""
