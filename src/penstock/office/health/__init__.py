"""How the back office's jobs are doing: written by its process, read by whoever wants to know."""
