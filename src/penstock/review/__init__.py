"""AFTER a payment: verification, history, and later log, sampling, cases, fraud, notices, feedback."""
