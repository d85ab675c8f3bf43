"""Files that are on the disk when a function returns."""

from __future__ import annotations

import os
from pathlib import Path


def write_durably(path: Path, body: bytes) -> None:
    """Write a file and fsync it; its name is durable only after ``sync_folder``."""
    with path.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
