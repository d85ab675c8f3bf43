"""A generation that is forgotten is empty: its place is taken by another partition's, and memory is bounded."""

from __future__ import annotations

import numpy as np

from penstock.state import layout as at
from penstock.state.recent import find_id, find_ref, generation_of, remember_id, remember_ref
from penstock.state.recovery import _forget_before, _wanted
from penstock.state.tables import Capacity, State, forget_partition, reserve

ROWS = 1_000
CLIENT, HELD, CLEARED = 1, 3, 2


def fresh() -> State:
    return reserve(Capacity(16, 64, 16, ROWS, 16, 16, 16, 16), 7, 1_000_000)


def fill(state: State, partition: int) -> None:
    """Remember an id of each row of a partition."""
    for seq in range(partition * ROWS + 1, (partition + 1) * ROWS + 1):
        remember_id(state, generation_of(state, seq, seq), CLIENT, seq, seq, seq, seq)


def test_what_is_forgotten_is_gone() -> None:
    state = fresh()
    fill(state, 0)
    remember_ref(state, 0, 5, 6, HELD, 0)
    forget_partition(state, 0)
    assert not state.ids.any()
    assert not state.refs.any()
    assert not state.generations.any()


def test_generations_are_used_again_for_ever() -> None:
    state = fresh()
    for partition in range(3 * at.GENERATIONS):
        fill(state, partition)
        if partition >= 2:
            forget_partition(state, partition - 2)
    newest = 3 * at.GENERATIONS * ROWS
    assert find_id(state, CLIENT, newest, newest) == (newest, newest)
    assert find_id(state, CLIENT, -1, -1) == (0, 0), "a full table would be searched for ever"


def test_no_payment_goes_back_to_a_state_of_a_forgotten_partition() -> None:
    state = fresh()
    remember_ref(state, generation_of(state, 10, 10), 5, 10, HELD, 0)
    remember_ref(state, generation_of(state, ROWS + 1, 11), 5, ROWS + 1, CLEARED, 7)
    forget_partition(state, 0)
    forget_partition(state, 1)
    generation_of(state, at.GENERATIONS * ROWS + 1, 12)
    assert find_ref(state, 5) == (0, 0, 0)


def test_recovery_forgets_what_was_indexed_since_the_checkpoint() -> None:
    state = fresh()
    fill(state, 0)
    fill(state, 1)
    _forget_before(state, 1)
    assert state.scalars[0, at.FIRST_PARTITION] == 1
    assert not state.ids[0].any()
    assert find_id(state, CLIENT, ROWS + 1, ROWS + 1) == (ROWS + 1, ROWS + 1)


def test_recovery_drops_entries_of_a_generation_that_began_anew_while_the_checkpoint_was_written() -> None:
    state = fresh()
    fill(state, 0)
    places = np.flatnonzero(state.ids[0, :, at.ID_SEQ])
    piece = np.column_stack([places, state.ids[0, places]])
    assert len(_wanted(state, "ids", piece)) == ROWS
    forget_partition(state, 0)
    assert len(_wanted(state, "ids", piece)) == 0
    generation_of(state, at.GENERATIONS * ROWS + 1, 1)
    assert len(_wanted(state, "ids", piece)) == 0
