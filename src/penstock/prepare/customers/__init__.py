"""Customers: tier, limits, and what is used of them."""
