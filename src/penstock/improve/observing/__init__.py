"""Observing: history replayed through the lane's own kernel, judged by what really happened."""
