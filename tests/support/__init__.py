"""What the tests share; on the path by `pythonpath` in pyproject.toml."""
