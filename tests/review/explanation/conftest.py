"""What the tests of explanations may ask for: a lane whose policy knows risk, an edge, and people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.database import Database
from support.edge import make_world
from support.lanes import POLICY, policy_toml
from support.people import Staff, hire

RISK = '[[risk]]\ntype = "any"\nchallenge = 0.02\nreview = 0.05\nblock = 0.6\n'


@pytest.fixture
def staff(database: Database, home: Path) -> Iterator[Staff]:
    """A lane in a thread, and keys of people of different names; mina brings models."""
    (home / "policy.toml").write_text(policy_toml(POLICY) + RISK, "utf-8")
    world = make_world(database, home, sandbox=1)
    yield hire(world, database)
    world.stop_lane()
