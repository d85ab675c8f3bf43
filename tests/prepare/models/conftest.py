"""What the tests of models may ask for: a lane, an edge, and people who bring and approve models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.database import Database
from support.edge import make_world
from support.people import Staff, hire


@pytest.fixture
def staff(database: Database, home: Path) -> Iterator[Staff]:
    """A lane in a thread, and keys of people of different names; mina brings models."""
    world = make_world(database, home, model_bytes_max=40_000, models_max=3)
    yield hire(world, database)
    world.stop_lane()
