"""The rails: money that leaves by bank transfer, money that arrives, and the daily comparison with the bank's books."""
