"""Penstock, the gate that controls the flow of payments."""

__version__ = "0.1.0"
