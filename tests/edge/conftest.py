"""What the edge's tests may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.database import Database
from support.edge import World, make_world


@pytest.fixture
def world(database: Database, home: Path) -> Iterator[World]:
    """A lane in a thread, API keys, and a way to open an edge to it."""
    made = make_world(database, home)
    yield made
    made.stop_lane()
