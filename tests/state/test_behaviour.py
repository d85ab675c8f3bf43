"""The memory of behaviour: replay gives the same bytes from anywhere, tables stay bounded, records have their size."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from support.reference_features import Attempt
from support.streams import (
    BEHAVIOUR,
    START_US,
    digest_of_a_stream,
    evictions,
    image,
    memory,
    observe_events_alone,
    observe_steps,
    random_steps,
)

from penstock.contracts.features import BY_NAME
from penstock.state import layout as at
from penstock.state.behaviour.learning import replay_events
from penstock.state.tables import State

#: What one record of a table holds, in bytes, as docs/features.md says.
PAYER_BYTES, PAYEE_BYTES, ENTITY_SET_BYTES, PAIR_SET_BYTES = 224, 160, 1_024, 128
_ROOT: Final = Path(__file__).resolve().parents[1]


def learned(seed: int, count: int = 150) -> tuple[State, NDArray[np.void]]:
    """The memory after a random stream, and its events with what was new in each."""
    state = memory(entities=60, pairs=60)  # so few that records are driven out
    _, events = observe_steps(state, random_steps(seed, count))
    return state, events


def test_replay_is_what_was_learned_online() -> None:
    state, events = learned(1)
    again = memory(entities=60, pairs=60)
    replay_events(again, events)
    assert image(again) == image(state)
    assert any(image(state)[name] != image(memory(entities=60, pairs=60))[name] for name in BEHAVIOUR)


def test_replay_of_what_is_known_changes_nothing() -> None:
    state, events = learned(2)
    before = image(state)
    replay_events(state, events)
    assert image(state) == before


def test_pieces_copied_at_any_moment_and_a_replay_give_the_same_bytes() -> None:
    whole, events = learned(3)
    dice = random.Random(3)
    start = 40
    torn = memory(entities=60, pairs=60)
    running = memory(entities=60, pairs=60)
    moments = {
        (name, row): dice.randrange(start, len(events) + 1) for name in BEHAVIOUR for row in range(len(getattr(torn, name)))
    }
    for place in range(len(events) + 1):
        for (name, row), moment in moments.items():
            if moment == place:
                getattr(torn, name)[row] = getattr(running, name)[row]
        if place < len(events):
            replay_events(running, events[place : place + 1])
    assert image(torn) != image(whole)
    replay_events(torn, events[start:])
    assert image(torn) == image(whole)


def test_how_a_stream_is_cut_changes_nothing() -> None:
    whole, events = learned(4)
    for pieces in (2, 7, len(events)):
        state = memory(entities=60, pairs=60)
        for piece in np.array_split(events, pieces):
            observe_events_alone(state, piece)
        assert image(state) == image(whole)


def test_inventing_devices_drives_out_and_never_grows() -> None:
    state = memory(entities=40, pairs=40)
    sizes = {name: getattr(state, name).nbytes for name in BEHAVIOUR}
    invented = [Attempt(START_US + number, 1, payee=2, device=number + 1) for number in range(500)]
    observe_steps(state, list(invented))
    keys = state.entities[:, at.FIRST_KEY : at.FIRST_KEY + at.ENTITY_WAYS]
    remembered = int(np.count_nonzero(keys))
    pairs = int(sum(np.count_nonzero(state.pairs[:, at.FIRST_PAIR + way * at.PAIR_WIDTH]) for way in range(at.PAIR_WAYS)))
    assert {name: getattr(state, name).nbytes for name in BEHAVIOUR} == sizes
    assert state.entities[:, at.SET_EVICTIONS].sum() == 500 - remembered
    assert state.pairs[:, at.PAIR_EVICTIONS].sum() == 501 - pairs
    assert evictions(state) > 800


def test_the_newest_stay() -> None:
    state = memory(entities=40, pairs=40)
    steps = [Attempt(START_US + number, 1, device=number % 90 + 1) for number in range(300)]
    vectors, _ = observe_steps(state, [*steps, Attempt(START_US + 400, 1, device=steps[-1].device)])
    assert vectors[-1, BY_NAME["device.seen"].slot] >= 1, "what was used last is still known"


def test_a_record_has_the_size_that_is_documented() -> None:
    state = memory()
    assert state.payers[0].nbytes == PAYER_BYTES
    assert state.payees[0].nbytes == PAYEE_BYTES
    assert PAYER_BYTES + PAYEE_BYTES == 384
    assert state.entities[0].nbytes == ENTITY_SET_BYTES
    assert state.pairs[0].nbytes == PAIR_SET_BYTES
    assert (at.ENTITY_WAYS, at.PAIR_WAYS) == (7, 4)
    page = (_ROOT.parent / "docs" / "features.md").read_text("utf-8")
    for number in (PAYER_BYTES, PAYEE_BYTES, ENTITY_SET_BYTES, PAIR_SET_BYTES):
        assert f"{number:,} B" in page


def test_compiled_and_uncompiled_make_the_same_bytes() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); from support.streams import digest_of_a_stream; print(digest_of_a_stream())"
    done = subprocess.run(
        [sys.executable, "-c", code, str(_ROOT)], check=True, capture_output=True, text=True,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
    )  # fmt: skip
    assert done.stdout.strip() == digest_of_a_stream()
