"""The header Idempotency-Key: for callers that name a request by a text of their own instead of a UUIDv7."""
