"""The way in and the way out of every command: bodies, translation to records, outcomes."""
