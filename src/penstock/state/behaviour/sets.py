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
def entity_key(state: Any, kind: int, value: int) -> int:
    """The key of an entity of a kind, never 0."""
    return mix(mix(kind, value), state.hash_key[0]) | 1


@kernel
def pair_key(state: Any, kind: int, payer: int, value: int) -> int:
    """The key of a pair of a kind, never 0."""
    return mix(mix(mix(kind, payer), value), state.hash_key[0]) | 1


@kernel
def set_of(table: Any, key: int) -> int:
    """The set in which a key has its place; the number of sets is a power of two."""
    return (key >> 1) & (table.shape[0] - 1)


@kernel
def find_entity(entities: Any, key: int) -> int:
    """The first column of an entity's record in its set, -1 = it is not remembered."""
    place = entities[set_of(entities, key)]
    for way in range(at.ENTITY_WAYS):
        if place[at.FIRST_KEY + way] == key:
            return at.FIRST_ENTITY + way * at.ENTITY_WIDTH
    return -1


@kernel
def take_entity(entities: Any, key: int) -> int:
    """The first column of an entity's record in its set; a new one is zero."""
    found = find_entity(entities, key)
    if found >= 0:
        return found
    place = entities[set_of(entities, key)]
    oldest = 0
    for way in range(at.ENTITY_WAYS):
        if place[at.FIRST_KEY + way] == 0:
            oldest = way
            break
        if _last_us(place, way) < _last_us(place, oldest):
            oldest = way
    if place[at.FIRST_KEY + oldest] != 0:
        place[at.SET_EVICTIONS] += 1
    place[at.FIRST_KEY + oldest] = key
    column = at.FIRST_ENTITY + oldest * at.ENTITY_WIDTH
    place[column : column + at.ENTITY_WIDTH] = 0
    return column


@kernel
def _last_us(place: Any, way: int) -> int:
    return place[at.FIRST_ENTITY + way * at.ENTITY_WIDTH + at.LAST_US]


@kernel
def find_pair(pairs: Any, key: int) -> int:
    """The first column of a pair in its set, -1 = it is not remembered."""
    place = pairs[set_of(pairs, key)]
    for way in range(at.PAIR_WAYS):
        column = at.FIRST_PAIR + way * at.PAIR_WIDTH
        if place[column + at.PAIR_KEY] == key:
            return column
    return -1


@kernel
def learn_pair(pairs: Any, key: int, time_us: int) -> None:
    """Count an attempt of a pair."""
    place = pairs[set_of(pairs, key)]
    column = find_pair(pairs, key)
    if column < 0:
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
        column = at.FIRST_PAIR + way * at.PAIR_WIDTH
        if place[column + at.PAIR_KEY] == 0:
            return column
        if place[column + at.PAIR_LAST_US] < place[oldest + at.PAIR_LAST_US]:
            oldest = column
    return oldest
