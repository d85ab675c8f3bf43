"""Technique without domain: kernels, ring, settings, database, embedded PostgreSQL, secrets, telemetry."""
