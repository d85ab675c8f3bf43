"""API keys: how a client proves that it is itself."""
