"""One installation with a bank for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.bank import SCOPES, Bank
from support.banked import Banked, banked


@pytest.fixture(scope="module")
def system() -> Iterator[Banked]:
    """Real processes: database, keeper, lane, edge, office and bank."""
    with banked() as running:
        yield running


@pytest.fixture(scope="module")
def bank(system: Banked) -> Iterator[Bank]:
    """A caller with a lot of patience."""
    with Bank(system.installation) as made:
        yield made


@pytest.fixture(scope="module")
def clerk(system: Banked) -> Iterator[Bank]:
    """A person of the operator's who works the queues."""
    with Bank(system.installation, "clerks", [*SCOPES, "control", "operate", "review"]) as made:
        yield made
