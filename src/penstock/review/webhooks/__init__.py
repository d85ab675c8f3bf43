"""Webhooks: events sent to endpoints of clients, signed as Standard Webhooks says, again and again until they arrive."""
