"""One training for all tests of this folder that only look at it."""

from __future__ import annotations

import pytest
from support.labelled import DAY_US, labelled_history
from support.models import Training, telling_vectors, train


@pytest.fixture(scope="session")
def training() -> Training:
    history = labelled_history(5, 5_000, days=120)
    return train(history, telling_vectors(history, 5), int(history.time_us[-1]) - 20 * DAY_US)
