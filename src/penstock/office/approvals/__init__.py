"""Approvals: what one person asks for and others must confirm before the lane does it."""
