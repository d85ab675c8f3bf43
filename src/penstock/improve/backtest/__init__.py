"""Back-tests: what would have been caught, missed and disturbed, measured on history (docs/metrics.md)."""
