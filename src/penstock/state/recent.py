"""Recent command ids and follow-ups: insert-only hash tables, one generation per journal partition.

A generation is dropped as a whole once its partition has an index in the database. Because entries
are never moved, a copy of a table that was made piece by piece is completed by replaying the rows
since: an entry that is there already is found, one that is missing takes the place it had. Kernels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.kit.kernels import kernel
from penstock.state import layout as at
from penstock.state.hashing import mix


@kernel
def id_hash(state: Any, client: int, hi: int, lo: int) -> int:
    """Where a command's id lies in a generation, before it is cut to the table's size."""
    return mix(mix(lo, state.hash_key[0]), hi ^ client)


@kernel
def find_id(state: Any, client: int, hi: int, lo: int) -> tuple[int, int]:
    """The sequence and fingerprint of a recent command, (0, 0) = not recent."""
    place_hash = id_hash(state, client, hi, lo)
    for generation in range(at.GENERATIONS):
        if state.generations[generation, at.GENERATION_PARTITION] == 0:
            continue
        table = state.ids[generation]
        mask = table.shape[0] - 1
        place = place_hash & mask
        while table[place, at.ID_SEQ] != 0:
            word = table[place, at.ID_SEQ]
            if table[place, at.ID_HI] == hi and table[place, at.ID_LO] == lo and word >> at.SEQ_BITS == client:
                return word & ((1 << at.SEQ_BITS) - 1), table[place, at.ID_FINGERPRINT]
            place = (place + 1) & mask
    return 0, 0


@kernel
def generation_of(state: Any, seq: int, time_us: int) -> int:
    """The generation in which a row's id belongs, begun if it is new; -1 = its partition is indexed already."""
    partition = (seq - 1) // state.scalars[0, at.PARTITION_ROWS]
    if partition < state.scalars[0, at.FIRST_PARTITION]:
        return -1
    generation = partition % at.GENERATIONS
    if state.generations[generation, at.GENERATION_PARTITION] != partition + 1:
        state.generations[generation, at.GENERATION_PARTITION] = partition + 1
        state.generations[generation, at.GENERATION_TIME_US] = time_us
    newest = state.generations[generation, at.GENERATION_LAST_SEQ]
    state.generations[generation, at.GENERATION_LAST_SEQ] = max(newest, seq)
    return generation


@kernel
def remember_id(state: Any, generation: int, client: int, hi: int, lo: int, fingerprint: int, seq: int) -> None:
    """Enter a command id; entering it again changes nothing."""
    table = state.ids[generation]
    mask = table.shape[0] - 1
    place = id_hash(state, client, hi, lo) & mask
    word = np.int64(client) << at.SEQ_BITS | seq
    while table[place, at.ID_SEQ] != 0:
        if table[place, at.ID_SEQ] == word:
            return
        place = (place + 1) & mask
    table[place, at.ID_HI] = hi
    table[place, at.ID_LO] = lo
    table[place, at.ID_FINGERPRINT] = fingerprint
    table[place, at.ID_SEQ] = word


@kernel
def remember_ref(state: Any, generation: int, origin_seq: int, seq: int, payment_state: int, left: int) -> None:
    """Note the newest row of a payment, and what it left to give back; older news change nothing."""
    table = state.refs[generation]
    mask = table.shape[0] - 1
    place = mix(origin_seq, state.hash_key[0]) & mask
    while table[place, at.REF_ORIGIN] != 0 and table[place, at.REF_ORIGIN] != origin_seq:
        place = (place + 1) & mask
    if table[place, at.REF_ORIGIN] == 0:
        table[place, at.REF_ORIGIN] = origin_seq
    if table[place, at.REF_LAST_SEQ] < seq:
        table[place, at.REF_LAST_SEQ] = seq
        table[place, at.REF_STATE] = payment_state
        table[place, at.REF_LEFT] = left


@kernel
def find_ref(state: Any, origin_seq: int) -> tuple[int, int, int]:
    """The newest recent row of a payment, its state and what is left of it, (0, 0, 0) = no recent follow-up."""
    best_seq, best_state, best_left = 0, 0, 0
    for generation in range(at.GENERATIONS):
        if state.generations[generation, at.GENERATION_PARTITION] == 0:
            continue
        table = state.refs[generation]
        mask = table.shape[0] - 1
        place = mix(origin_seq, state.hash_key[0]) & mask
        while table[place, at.REF_ORIGIN] != 0:
            if table[place, at.REF_ORIGIN] == origin_seq:
                if table[place, at.REF_LAST_SEQ] > best_seq:
                    best_seq, best_state = table[place, at.REF_LAST_SEQ], table[place, at.REF_STATE]
                    best_left = table[place, at.REF_LEFT]
                break
            place = (place + 1) & mask
    return best_seq, best_state, best_left
