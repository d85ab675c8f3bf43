"""The decision: what is known of a payment, its score, its verdict."""
