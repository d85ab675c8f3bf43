"""Open holds: slots, the index from payment to slot, and the order in which they run out. Kernels."""

from __future__ import annotations

from typing import Any

from penstock.kit.kernels import kernel
from penstock.state import layout as at
from penstock.state.hashing import mix


@kernel
def _place(index: Any, origin_seq: int) -> int:
    return mix(origin_seq, 0) & (index.shape[0] - 1)


@kernel
def find_hold(state: Any, origin_seq: int) -> int:
    """The slot of a payment's open hold, 0 = it has none."""
    index = state.hold_index
    mask = index.shape[0] - 1
    place = _place(index, origin_seq)
    while index[place] != 0:
        if state.holds[index[place], at.ORIGIN_SEQ] == origin_seq:
            return index[place]
        place = (place + 1) & mask
    return 0


@kernel
def index_hold(state: Any, slot: int) -> None:
    """Make a filled slot findable, and enter it into the expiry order."""
    index = state.hold_index
    mask = index.shape[0] - 1
    place = _place(index, state.holds[slot, at.ORIGIN_SEQ])
    while index[place] != 0:
        place = (place + 1) & mask
    index[place] = slot
    size = state.scalars[0, at.HOLDS_OPEN]
    state.expiry[size] = slot
    state.expiry_place[slot] = size
    state.scalars[0, at.HOLDS_OPEN] = size + 1
    _sift_up(state, size)


@kernel
def unindex_hold(state: Any, slot: int) -> None:
    """Undo ``index_hold`` before the slot is cleared."""
    _remove_from_index(state, slot)
    place = state.expiry_place[slot]
    last = state.scalars[0, at.HOLDS_OPEN] - 1
    state.scalars[0, at.HOLDS_OPEN] = last
    if place != last:
        moved = state.expiry[last]
        state.expiry[place] = moved
        state.expiry_place[moved] = place
        _sift_up(state, place)
        _sift_down(state, state.expiry_place[moved])


@kernel
def _remove_from_index(state: Any, slot: int) -> None:
    """Linear probing without tombstones: move later entries of the run back (Knuth 6.4, algorithm R)."""
    index = state.hold_index
    mask = index.shape[0] - 1
    gap = _place(index, state.holds[slot, at.ORIGIN_SEQ])
    while index[gap] != slot:
        gap = (gap + 1) & mask
    place = gap
    while True:
        place = (place + 1) & mask
        if index[place] == 0:
            break
        home = _place(index, state.holds[index[place], at.ORIGIN_SEQ])
        if ((place - home) & mask) >= ((place - gap) & mask):
            index[gap] = index[place]
            gap = place
    index[gap] = 0


@kernel
def take_slot(state: Any) -> int:
    """A free slot, the most recently freed first; the caller has checked that there is one."""
    free = state.scalars[0, at.HOLDS_FREE]
    if free > 0:
        state.scalars[0, at.HOLDS_FREE] = free - 1
        slot = state.holds_free[free - 1, 0]
        state.holds_free[free - 1, 0] = 0
        return slot
    state.scalars[0, at.HOLDS_HIGH] += 1
    return state.scalars[0, at.HOLDS_HIGH]


@kernel
def free_slot(state: Any, slot: int) -> None:
    """Clear a slot and put it on the stack."""
    for column in range(at.HOLD_WIDTH):
        state.holds[slot, column] = 0
    free = state.scalars[0, at.HOLDS_FREE]
    state.holds_free[free, 0] = slot
    state.scalars[0, at.HOLDS_FREE] = free + 1


@kernel
def next_due(state: Any, now_us: int) -> int:
    """The slot of the hold that runs out first, if it has run out by now; 0 = none."""
    if state.scalars[0, at.HOLDS_OPEN] == 0:
        return 0
    slot = state.expiry[0]
    return slot if state.holds[slot, at.EXPIRES_US] <= now_us else 0


@kernel
def due_by(state: Any, until_us: int, most: int) -> int:
    """How many holds run out by a time; a number above ``most`` = more than that.

    A walk through the heap from its root, which leaves out whatever lies below a hold that runs out later.
    """
    size, count, place = state.scalars[0, at.HOLDS_OPEN], 0, 0
    while place < size:
        due = state.holds[state.expiry[place], at.EXPIRES_US] <= until_us
        count += 1 if due else 0
        if count > most:
            return count
        if due and 2 * place + 1 < size:
            place = 2 * place + 1
            continue
        while place > 0 and (place & 1 == 0 or place + 1 >= size):
            place = (place - 1) >> 1
        if place == 0:
            return count
        place += 1
    return count


@kernel
def _before(state: Any, a: int, b: int) -> bool:
    holds = state.holds
    if holds[a, at.EXPIRES_US] != holds[b, at.EXPIRES_US]:
        return holds[a, at.EXPIRES_US] < holds[b, at.EXPIRES_US]
    return holds[a, at.ORIGIN_SEQ] < holds[b, at.ORIGIN_SEQ]


@kernel
def _swap(state: Any, i: int, j: int) -> None:
    a, b = state.expiry[i], state.expiry[j]
    state.expiry[i], state.expiry[j] = b, a
    state.expiry_place[a], state.expiry_place[b] = j, i


@kernel
def _sift_up(state: Any, place: int) -> None:
    while place > 0:
        parent = (place - 1) >> 1
        if not _before(state, state.expiry[place], state.expiry[parent]):
            return
        _swap(state, place, parent)
        place = parent


@kernel
def _sift_down(state: Any, place: int) -> None:
    size = state.scalars[0, at.HOLDS_OPEN]
    while True:
        least = place
        for child in (2 * place + 1, 2 * place + 2):
            if child < size and _before(state, state.expiry[child], state.expiry[least]):
                least = child
        if least == place:
            return
        _swap(state, place, least)
        place = least
