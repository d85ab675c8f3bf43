"""The lane's memory: fixed-width tables, the fold that a journal row is, checkpoint, recovery."""
