"""Bounded memory for what callers invent: sets of a few records, found by a keyed hash. Kernels.

A new key takes a free place of its set, or the place that was used longest ago; so inventing devices
drives out devices, and never grows. Which record goes depends on the set alone.
"""

from __future__ import annotations

from typing import Any

from penstock.kit.kernels import kernel
from penstock.state import layout as at
from penstock.state.hashing import mix


@kernel
def entity_key(hash_key: int, kind: int, value: int) -> int:
    """The key of an entity of a kind; 0 = there is none, and of no other."""
    return mix(mix(kind, value), hash_key) | 1 if value != 0 else 0


@kernel
def pair_key(hash_key: int, kind: int, payer: int, value: int) -> int:
    """The key of a pair of a kind; 0 = there is none, and of no other."""
    return mix(mix(mix(kind, payer), value), hash_key) | 1 if value != 0 else 0


@kernel
def set_of(table: Any, key: int) -> int:
    """The set in which a key has its place; the number of sets is a power of two."""
    return (key >> 1) & (table.shape[0] - 1)


@kernel
def entity_column(way: int) -> int:
    """The first column of a record in its set."""
    return at.FIRST_ENTITY + way * at.ENTITY_WIDTH


@kernel
def pair_column(way: int) -> int:
    """The first column of a pair in its set."""
    return at.FIRST_PAIR + way * at.PAIR_WIDTH


@kernel
def find_entity(place: Any, key: int, hint: int) -> int:
    """The way of an entity in its set, -1 = it is not remembered; ``hint``: where it was last seen, or -1."""
    if hint >= 0 and place[at.FIRST_KEY + hint] == key:
        return hint
    for way in range(at.ENTITY_WAYS):
        if place[at.FIRST_KEY + way] == key:
            return way
    return -1


@kernel
def take_entity(place: Any, key: int, hint: int) -> int:
    """The way of an entity in its set; a new one has a record of zeros."""
    found = find_entity(place, key, hint)
    if found >= 0:
        return found
    oldest = 0
    for way in range(at.ENTITY_WAYS):
        if place[at.FIRST_KEY + way] == 0:
            oldest = way
            break
        if place[entity_column(way) + at.LAST_US] < place[entity_column(oldest) + at.LAST_US]:
            oldest = way
    if place[at.FIRST_KEY + oldest] != 0:
        place[at.SET_EVICTIONS] += 1
    place[at.FIRST_KEY + oldest] = key
    column = entity_column(oldest)
    for word in range(column, column + at.ENTITY_WIDTH):
        place[word] = 0
    return oldest


@kernel
def find_pair(place: Any, key: int, hint: int) -> int:
    """The way of a pair in its set, -1 = it is not remembered; ``hint``: where it was last seen, or -1."""
    if hint >= 0 and place[pair_column(hint) + at.PAIR_KEY] == key:
        return hint
    for way in range(at.PAIR_WAYS):
        if place[pair_column(way) + at.PAIR_KEY] == key:
            return way
    return -1


@kernel
def learn_pair(place: Any, key: int, hint: int, time_us: int) -> None:
    """Count an attempt of a pair."""
    way = find_pair(place, key, hint)
    column = pair_column(way)
    if way < 0:
        column = _free_pair(place)
        if place[column + at.PAIR_KEY] != 0:
            place[at.PAIR_EVICTIONS] += 1
        place[column + at.PAIR_KEY] = key
        place[column + at.PAIR_COUNT] = 0
    place[column + at.PAIR_COUNT] += 1
    place[column + at.PAIR_LAST_US] = time_us
    place[at.SET_STAMP_US] = time_us


@kernel
def _free_pair(place: Any) -> int:
    """The first column of a free pair of a set, or of the one that was used longest ago."""
    oldest = at.FIRST_PAIR
    for way in range(at.PAIR_WAYS):
        column = pair_column(way)
        if place[column + at.PAIR_KEY] == 0:
            return column
        if place[column + at.PAIR_LAST_US] < place[oldest + at.PAIR_LAST_US]:
            oldest = column
    return oldest
