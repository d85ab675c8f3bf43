"""History: past payments with their labels, as columns."""
