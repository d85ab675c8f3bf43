"""A generation that is forgotten is empty: its place is taken by another partition's, and memory is bounded."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

import numpy as np
import pytest

from penstock.state import layout as at
from penstock.state.ahead import NextGeneration
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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux is asked, and says what is in memory")
def test_the_memory_of_the_next_generation_is_asked_for_as_this_one_fills() -> None:
    state = fresh()
    state.ids[1, 5] = 42  # whatever lies there stays
    ahead, size = NextGeneration(state), state.ids[0].nbytes
    resident = [_resident_bytes(state, 1)]
    for filled in (1, ROWS // 4, ROWS // 2, ROWS):
        state.scalars[0, at.LAST_SEQ] = filled
        for _ in range(size // mmap.PAGESIZE):
            ahead.step()
        resident.append(_resident_bytes(state, 1))
    assert resident[0] < size
    assert resident == sorted(resident)
    assert resident[-1] == size
    assert state.ids[1, 5].tolist() == [42] * at.ID_WIDTH
    assert np.count_nonzero(state.ids) == at.ID_WIDTH


def _resident_bytes(state: State, generation: int) -> int:
    """How much of a generation of ids lies in memory: pages that were never written are not there."""
    size = state.ids[0].nbytes
    first = state.ids.ctypes.data + generation * size
    with Path("/proc/self/pagemap").open("rb") as pages:  # one word of 64 bits for each page, its highest bit: present
        pages.seek(first // mmap.PAGESIZE * 8)
        words = np.frombuffer(pages.read(size // mmap.PAGESIZE * 8), np.uint64)
    return int((words >> np.uint64(63)).sum()) * mmap.PAGESIZE
