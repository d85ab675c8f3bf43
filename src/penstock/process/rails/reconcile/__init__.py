"""The daily comparison of our settlement accounts with the bank's statement, and the differences it finds."""
