"""A bank simulator: a small honest bank with durable state, and ways to behave as real banks sometimes do."""
