"""The replay: events through the kernel of the lane, with no limits and no money."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.features import SLOTS
from penstock.improve.history.columns import History
from penstock.improve.observing.events import events_of
from penstock.process.decide.features import UNKNOWNS, make_scratch, observe_events
from penstock.process.decide.rounding import round_vectors
from penstock.state.behaviour.events import ATTEMPT
from penstock.state.tables import Capacity, State, reserve

_CHUNK: Final = 4_096  # its vectors stay in the cache while they are rounded
_HASHED: Final = ("instrument", "device", "network", "place", "category")
_MOST_PAIRS: Final = 1 << 24
#: History needs no secret against collisions made on purpose.
_HASH_KEY: Final = 0x5EED
#: The seventh of a maturity is at least a second, so that its count since 1970 has room in a record.
_LEAST_MATURITY_US: Final = 7_000_000


class Observation(NamedTuple):
    """What came of it."""

    vectors: NDArray[np.float16]  # (n, 64)
    kernel_s: float  # spent in the kernel and in rounding
    state: State


def observe(history: History, progress: Callable[[int], None] | None = None) -> NDArray[np.float16]:
    """The vector (n, 64) of each payment of a history, as the lane would have had it just before.

    A payment without a payer is nobody's attempt: all its slots say unknown.

    :param progress: is told how many events more are done.
    """
    return replay(history, progress).vectors


def replay(history: History, progress: Callable[[int], None] | None = None) -> Observation:
    """``observe``, with the memory afterwards and the time that it took."""
    events, places = events_of(history)
    state = reserve(_capacity(history), _HASH_KEY, max(history.maturity_us, _LEAST_MATURITY_US))
    vectors = np.zeros((len(history), SLOTS), np.float16)
    is_attempt = events["kind"] == ATTEMPT
    scratch, wide = make_scratch(), np.zeros((_CHUNK, SLOTS), np.float32)
    spent_ns, done = 0, 0
    for first in range(0, len(events), _CHUNK):
        piece = events[first : first + _CHUNK]
        started = time.perf_counter_ns()
        wide[:] = UNKNOWNS
        observe_events(state, piece, scratch, wide[: len(piece)])
        own = round_vectors(wide, np.flatnonzero(is_attempt[first : first + len(piece)]))
        spent_ns += time.perf_counter_ns() - started
        vectors[done : done + len(own)] = own
        done += len(own)
        if progress is not None:
            progress(len(piece))
    assert np.all(np.diff(places) > 0), "payments keep their order"
    return Observation(vectors, spent_ns / 1e9, state)


def _capacity(history: History) -> Capacity:
    """Room enough that hardly anything is driven out: this is the past, nobody invents devices."""
    accounts = int(max(history.payer.max(initial=1), history.payee.max(initial=1)) + history.place.max(initial=0))
    entities = sum(int(getattr(history, name).max(initial=0)) for name in _HASHED)
    pairs = min(4 * len(history) + 16, _MOST_PAIRS)
    return Capacity(
        customers=1, accounts=accounts, holds=1, partition_rows=16, own_limits=16, entities=2 * entities + 16,
        pairs=2 * pairs, labels=16,
    )  # fmt: skip
