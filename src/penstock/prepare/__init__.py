"""BEFORE a payment: customers, credentials, environment, limits, imports."""
