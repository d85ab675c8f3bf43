"""Features: the vector of each attempt, from the memory just before it; then the memory learns the attempt. Kernels.

One kernel, three uses: the lane decides with it, back-tests replay history through it, and training
data comes out of it. What entity and measure each slot holds is the registry's matter
(``contracts/features.py``); here it is only a table.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.features import FEATURES, SLOTS, UNKNOWN, Entity
from penstock.kit.kernels import kernel
from penstock.process.decide.measures import (
    MEASURES,
    PARTS,
    measure_entity,
    measure_pair,
    measure_payee,
    measure_payer,
    measure_payment,
)
from penstock.state import layout as at
from penstock.state.behaviour.decay import instant
from penstock.state.behaviour.events import ATTEMPT, LABEL, PAIRS
from penstock.state.behaviour.learning import learn
from penstock.state.behaviour.parties import make_parties, seek_entity, seek_pair
from penstock.state.behaviour.reaching import AHEAD, reach_first, reach_next
from penstock.state.behaviour.sets import entity_column, pair_column, set_of

_PAYMENT, _PAYER, _PAYEE = int(Entity.PAYMENT), int(Entity.PAYER), int(Entity.PAYEE)
_INSTRUMENT, _CATEGORY = int(Entity.INSTRUMENT), int(Entity.CATEGORY)
_PAYER_PAYEE, _PAYER_PLACE = int(Entity.PAYER_PAYEE), int(Entity.PAYER_PLACE)
assert PAIRS == (Entity.PAYER_PAYEE, Entity.PAYER_DEVICE, Entity.PAYER_NETWORK, Entity.PAYER_PLACE)

#: The slots of each entity, -1 after the last, the parts of measures that it needs, and the measure in each slot.
_SLOTS_OF = np.full((len(Entity), SLOTS), -1, dtype=np.int64)
for _entity in Entity:
    _own = [feature.slot for feature in FEATURES if feature.entity == _entity]
    _SLOTS_OF[_entity, : len(_own)] = _own
_PARTS_OF = np.array(
    [sum({PARTS[f.measure] for f in FEATURES if f.entity == entity and f.measure in PARTS}) for entity in Entity],
    dtype=np.int64,
)
_MEASURE_OF = np.array([feature.measure for feature in FEATURES], dtype=np.int64)
#: What a vector says of an entity that the caller did not name.
UNKNOWNS: Final[NDArray[np.float32]] = np.array([feature.unknown for feature in FEATURES], dtype=np.float32)


class Scratch(NamedTuple):
    """The kernel's room to work in."""

    measures: NDArray[np.float64]  # of one entity
    parties: NDArray[np.int64]  # (AHEAD, WIDTH) of the events that memory was asked for


def make_scratch() -> Scratch:
    """Room to describe events in; what it holds means nothing between calls."""
    return Scratch(np.full(MEASURES, UNKNOWN), make_parties(AHEAD))


@kernel
def observe_events(state: Any, events: Any, scratch: Any, vectors: Any) -> None:
    """Fill the vectors (n, 64) float32 of the attempts among events (n,), in order, and learn each event.

    Attempts of nobody that is known (payer 0), and other events, leave their vector as it is.
    """
    maturity_us = state.scalars[0, at.MATURITY_US]
    reach_first(state, events, scratch.parties)
    for i in range(events.shape[0]):
        event, parties = events[i], scratch.parties[i % AHEAD]
        if event["kind"] == ATTEMPT and event["payer"] > 0:
            now = instant(event["time_us"], maturity_us)
            describe(state, event, parties, now, scratch.measures, vectors[i])
            learn(state, event, parties, now)
        elif event["kind"] == LABEL:
            learn(state, event, parties, instant(event["time_us"], maturity_us))
        reach_next(state, events, scratch.parties, i)


@kernel
def describe(state: Any, event: Any, parties: Any, now: Any, scratch: Any, vector: Any) -> None:
    """Fill the vector (64,) of an attempt, and note in the event which pairs are new."""
    amount = event["amount_minor"]
    for slot in range(SLOTS):
        vector[slot] = UNKNOWNS[slot]
    _begin(scratch)
    measure_payment(event, scratch)
    _take(_PAYMENT, scratch, vector)
    payer, payee = event["payer"], event["payee"]
    _begin(scratch)
    measure_entity(state.payers[payer], _PARTS_OF[_PAYER], now, amount, scratch)
    measure_payer(state.payers[payer], event, now, scratch)
    _take(_PAYER, scratch, vector)
    if payee > 0:
        _begin(scratch)
        measure_entity(state.payees[payee], _PARTS_OF[_PAYEE], now, amount, scratch)
        measure_payee(state.payees[payee], now, scratch)
        _take(_PAYEE, scratch, vector)
    for kind in range(_INSTRUMENT, _CATEGORY + 1):
        if parties[kind] != 0:
            _describe_entity(state, parties, kind, now, amount, scratch, vector)
    novel = 0
    for kind in range(_PAYER_PAYEE, _PAYER_PLACE + 1):
        if parties[kind] != 0 and _describe_pair(state.pairs, parties, kind, now.time_us, scratch, vector):
            novel |= 1 << (kind - _PAYER_PAYEE)
    event["novel"] = novel


@kernel
def _begin(scratch: Any) -> None:
    for measure in range(MEASURES):
        scratch[measure] = UNKNOWN


@kernel
def _take(entity: int, scratch: Any, vector: Any) -> None:
    """Copy the measures that the registry has chosen for an entity into their slots."""
    for k in range(SLOTS):
        slot = _SLOTS_OF[entity, k]
        if slot < 0:
            return
        vector[slot] = scratch[_MEASURE_OF[slot]]


@kernel
def _describe_entity(state: Any, parties: Any, kind: int, now: Any, amount: int, scratch: Any, vector: Any) -> None:
    way = seek_entity(state.entities, parties, kind)
    place, column = state.entities[set_of(state.entities, parties[kind])], entity_column(way)
    _begin(scratch)
    record = place[column : column + at.ENTITY_WIDTH] if way >= 0 else state.payees[0, : at.ENTITY_WIDTH]
    measure_entity(record, _PARTS_OF[kind], now, amount, scratch)
    _take(kind, scratch, vector)


@kernel
def _describe_pair(pairs: Any, parties: Any, kind: int, time_us: int, scratch: Any, vector: Any) -> bool:
    """Whether the pair is new."""
    way = seek_pair(pairs, parties, kind)
    _begin(scratch)
    measure_pair(pairs[set_of(pairs, parties[kind])], pair_column(way) if way >= 0 else -1, time_us, scratch)
    _take(kind, scratch, vector)
    return way < 0
