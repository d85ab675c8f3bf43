"""``python -m penstock``."""

from penstock.app.cli import main

main()
