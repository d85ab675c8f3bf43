"""One installation per worker for all journeys; each test opens customers of its own in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from support.bank import Bank
from support.installation import BUSY, Installation, installed
from support.policies import journey_policy


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    """Real processes with small tables and small partitions, and a sandbox for the examples."""
    with installed(policy=journey_policy(datetime.now(UTC)), sandbox="1", **BUSY) as running:
        yield running


@pytest.fixture(scope="session")
def bank(installation: Installation) -> Iterator[Bank]:
    """The client that the tests mostly speak as."""
    with Bank(installation) as made:
        yield made


@pytest.fixture(scope="session")
def other(installation: Installation) -> Iterator[Bank]:
    """Another API client of the same installation."""
    with Bank(installation, "other") as made:
        yield made
