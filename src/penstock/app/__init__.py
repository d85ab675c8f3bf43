"""Composition root: command line, processes and wiring. Only here are clock and environment read."""
