"""The back office's process: what follows from the journal and from the clock, behind the lane, never in a payer's way."""
