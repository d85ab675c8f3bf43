"""Import of payment files: read, map, and send through the public API."""
