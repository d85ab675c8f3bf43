"""The demonstration: a small town of customers, live traffic, a dashboard, and curl lines to try."""
