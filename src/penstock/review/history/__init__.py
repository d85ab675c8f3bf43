"""Looking back: a payment and its events, an account and its history."""
