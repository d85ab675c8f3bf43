"""Work rests after each piece, unless too much is waiting for it or it is to end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from penstock.app.resting import Resting


def spent_s(resting: Resting, work_s: float) -> float:
    """How long a piece of work that takes so long lasts with its rest."""
    resting.begin()
    begun_s = time.monotonic()
    time.sleep(work_s)
    resting.rest()
    return time.monotonic() - begun_s


def test_a_rest_is_longer_than_the_work_but_bounded() -> None:
    resting = Resting()
    resting.suit(1)
    assert spent_s(resting, 0.003) >= 0.003 * 9
    begun_s = time.monotonic()
    resting.begin()
    threading.Event().wait(0.2)
    resting.rest()
    assert time.monotonic() - begun_s >= 0.26, "the longest rest is taken after long work"


@pytest.mark.parametrize("hurry", [lambda resting: resting.suit(2), lambda resting: resting.end()])
def test_there_is_no_rest_while_too_much_waits_or_at_the_end(hurry: Callable[[Resting], None]) -> None:
    resting = Resting()
    hurry(resting)
    assert sum(spent_s(resting, 0.005) - 0.005 for _ in range(100)) < 100 * 0.02 / 2, "with rests it is twice as long"
