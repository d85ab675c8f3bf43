"""What the tests of approvals may ask for: a lane, an edge, and the people of an operator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.database import Database
from support.edge import make_world
from support.people import Staff, hire


@pytest.fixture
def staff(database: Database, home: Path) -> Iterator[Staff]:
    """A lane in a thread, and keys of people of different names."""
    world = make_world(database, home)
    yield hire(world, database)
    world.stop_lane()
