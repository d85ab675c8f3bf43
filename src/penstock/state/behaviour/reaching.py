"""Reaching ahead: asking for the memory of the next events before it is needed. Kernels.

The memory of behaviour is far larger than a processor's caches, and each event needs some forty lines of it. One event
after another would wait for each. So while an event is dealt with, the sets and accounts of the one ``AHEAD`` events
later are asked for, and the records within the sets, which only the sets tell, of the one half as far away. Nothing
is changed, and nothing depends on what is asked for.
"""

from __future__ import annotations

from typing import Any, Final

from penstock.kit.kernels import kernel
from penstock.kit.prefetch import prefetch
from penstock.state import layout as at
from penstock.state.behaviour.events import NOTHING
from penstock.state.behaviour.parties import (
    CATEGORY,
    INSTRUMENT,
    PAYER_PAYEE,
    PAYER_PLACE,
    WAY,
    hash_parties,
    seek_entity,
)
from penstock.state.behaviour.sets import entity_column, set_of

#: How many events ahead memory is asked for; the parties of event ``i`` are in row ``i % AHEAD``.
AHEAD: Final = 16
_HALF: Final = AHEAD // 2
_LINE: Final = 8  # int64 in a line of the cache


@kernel
def reach_first(state: Any, events: Any, parties: Any) -> None:
    """Name the parties (``AHEAD``, ``WIDTH``) of the first events, and ask for what they need."""
    for i in range(min(AHEAD, events.shape[0])):
        _reach_sets(state, events[i], parties[i])
    for i in range(min(_HALF, events.shape[0])):
        _reach_records(state, events[i], parties[i])


@kernel
def reach_next(state: Any, events: Any, parties: Any, done: int) -> None:
    """After an event: the one ``AHEAD`` after it takes its row of the parties."""
    if done + AHEAD < events.shape[0]:
        _reach_sets(state, events[done + AHEAD], parties[done % AHEAD])
    if done + _HALF < events.shape[0]:
        _reach_records(state, events[done + _HALF], parties[(done + _HALF) % AHEAD])


@kernel
def _reach_sets(state: Any, event: Any, parties: Any) -> None:
    if event["kind"] == NOTHING:
        return
    _reach_accounts(state.payers, state.payees, event["payer"], event["payee"])
    hash_parties(state.hash_key[0], event, parties)
    for kind in range(INSTRUMENT, CATEGORY + 1):
        parties[WAY + kind] = -1
        if parties[kind] != 0:
            prefetch(state.entities, set_of(state.entities, parties[kind]), 0)
    for kind in range(PAYER_PAYEE, PAYER_PLACE + 1):
        parties[WAY + kind] = -1
        if parties[kind] != 0:
            prefetch(state.pairs, set_of(state.pairs, parties[kind]), 0)
            prefetch(state.pairs, set_of(state.pairs, parties[kind]), _LINE)


@kernel
def _reach_accounts(payers: Any, payees: Any, payer: int, payee: int) -> None:
    """Each line that the records lie on; of the payee's own payments, what tells of money received."""
    for column in range(0, at.PAYER_WIDTH, _LINE):
        prefetch(payers, payer, column)
    for column in range(0, at.PAYEE_WIDTH, _LINE):
        prefetch(payees, payee, column)
    prefetch(payers, payee, at.STAMP_US)
    prefetch(payers, payee, at.RECEIVED)
    prefetch(payers, payee, at.RECEIVED_US)


@kernel
def _reach_records(state: Any, event: Any, parties: Any) -> None:
    if event["kind"] == NOTHING:
        return
    for kind in range(INSTRUMENT, CATEGORY + 1):
        if parties[kind] != 0:
            _reach_record(state.entities, set_of(state.entities, parties[kind]), seek_entity(state.entities, parties, kind))


@kernel
def _reach_record(entities: Any, place: int, way: int) -> None:
    """The record, or what tells which one will be driven out."""
    if way >= 0:
        for column in range(0, at.ENTITY_WIDTH, _LINE):
            prefetch(entities, place, entity_column(way) + column)
    else:
        for other in range(at.ENTITY_WAYS):
            prefetch(entities, place, entity_column(other) + at.LAST_US)
