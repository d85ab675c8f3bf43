"""An installation that may be broken, and money in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from support.bank import Bank
from support.installation import BUSY, Installation, installed
from support.policies import journey_policy

#: Checkpoints and partitions all the time, and answers that are given up soon.
FRAGILE = {**BUSY, "checkpoint_interval_s": "0.3", "reply_timeout_s": "2", "holds_max": "50000", "holds_per_account": "50000"}


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """Real processes that start again when they are killed."""
    with installed(policy=journey_policy(datetime.now(UTC)), **FRAGILE) as running:
        yield running


@pytest.fixture
def bank(installation: Installation) -> Iterator[Bank]:
    """A caller with a lot of patience."""
    with Bank(installation) as made:
        yield made
