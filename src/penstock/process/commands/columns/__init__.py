"""Payments in columns: a whole batch as an Arrow IPC stream, and its outcomes as another (docs/api.md)."""
