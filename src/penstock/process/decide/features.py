"""Features: the vector of each attempt, from the memory just before it; then the memory learns the attempt. Kernels.

One kernel, three uses: the lane decides with it, back-tests replay history through it, and training
data comes out of it. What entity and measure each slot holds is the registry's matter
(``contracts/features.py``); here it is only a table.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.features import FEATURES, SLOTS, UNKNOWN, Entity, Measure
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
from penstock.process.decide.reaching import AHEAD, reach
from penstock.state import layout as at
from penstock.state.behaviour.events import ATTEMPT, LABEL, PAIRS
from penstock.state.behaviour.learning import learn
from penstock.state.behaviour.sets import entity_key, find_entity, find_pair, pair_key, set_of

_PAYMENT, _PAYER, _PAYEE = int(Entity.PAYMENT), int(Entity.PAYER), int(Entity.PAYEE)
_INSTRUMENT, _DEVICE, _NETWORK = int(Entity.INSTRUMENT), int(Entity.DEVICE), int(Entity.NETWORK)
_PLACE, _CATEGORY = int(Entity.PLACE), int(Entity.CATEGORY)
_PAYER_PAYEE, _PAYER_DEVICE = int(Entity.PAYER_PAYEE), int(Entity.PAYER_DEVICE)
_PAYER_NETWORK, _PAYER_PLACE = int(Entity.PAYER_NETWORK), int(Entity.PAYER_PLACE)
_SEEN: Final = int(Measure.SEEN)
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


def make_scratch() -> NDArray[np.float64]:
    """Room for the measures of one entity."""
    return np.full(MEASURES, UNKNOWN)


@kernel
def observe_events(state: Any, events: Any, scratch: Any, vectors: Any) -> int:
    """Fill the vectors (n, 64) float32 of the attempts among events (n,), in order, and learn each event.

    Attempts of nobody that is known (payer 0), and other events, leave their vector as it is. What is returned means
    nothing: see ``reach``.
    """
    read = 0
    for i in range(events.shape[0]):
        if i % AHEAD == 0:
            read ^= reach(state, events, i)
        event = events[i]
        if event["kind"] == ATTEMPT and event["payer"] > 0:
            describe(state, event, scratch, vectors[i])
            learn(state, event)
        elif event["kind"] == LABEL:
            learn(state, event)
    return read


@kernel
def describe(state: Any, event: Any, scratch: Any, vector: Any) -> None:
    """Fill the vector (64,) of an attempt, and note in the event which pairs are new."""
    time_us, amount, maturity_us = event["time_us"], event["amount_minor"], state.scalars[0, at.MATURITY_US]
    for slot in range(SLOTS):
        vector[slot] = UNKNOWNS[slot]
    _begin(scratch)
    measure_payment(event, scratch)
    _take(_PAYMENT, scratch, vector)
    payer, payee = event["payer"], event["payee"]
    _begin(scratch)
    measure_entity(state.payers[payer], _PARTS_OF[_PAYER], time_us, amount, maturity_us, scratch)
    measure_payer(state.payers[payer], event, scratch)
    _take(_PAYER, scratch, vector)
    if payee > 0:
        _begin(scratch)
        measure_entity(state.payees[payee], _PARTS_OF[_PAYEE], time_us, amount, maturity_us, scratch)
        measure_payee(state.payees[payee], time_us, maturity_us, scratch)
        _take(_PAYEE, scratch, vector)
    _describe_entity(state, _INSTRUMENT, event["instrument"], time_us, amount, scratch, vector)
    _describe_entity(state, _DEVICE, event["device"], time_us, amount, scratch, vector)
    _describe_entity(state, _NETWORK, event["network"], time_us, amount, scratch, vector)
    _describe_entity(state, _PLACE, event["place"], time_us, amount, scratch, vector)
    _describe_entity(state, _CATEGORY, event["category"], time_us, amount, scratch, vector)
    novel = _describe_pair(state, _PAYER_PAYEE, payer, payee, time_us, scratch, vector)
    novel += 2 * _describe_pair(state, _PAYER_DEVICE, payer, event["device"], time_us, scratch, vector)
    novel += 4 * _describe_pair(state, _PAYER_NETWORK, payer, event["network"], time_us, scratch, vector)
    novel += 8 * _describe_pair(state, _PAYER_PLACE, payer, event["place"], time_us, scratch, vector)
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
def _describe_entity(
    state: Any, kind: int, value: int, time_us: int, amount: int, scratch: Any, vector: Any
) -> None:
    if value == 0:
        return
    key = entity_key(state, kind, value)
    place = state.entities[set_of(state.entities, key)]
    column = find_entity(state.entities, key)
    _begin(scratch)
    record = place[column : column + at.ENTITY_WIDTH] if column >= 0 else state.payees[0, : at.ENTITY_WIDTH]
    measure_entity(record, _PARTS_OF[kind], time_us, amount, state.scalars[0, at.MATURITY_US], scratch)
    _take(kind, scratch, vector)


@kernel
def _describe_pair(state: Any, kind: int, payer: int, value: int, time_us: int, scratch: Any, vector: Any) -> int:
    """1 = the pair is new."""
    if value == 0:
        return 0
    key = pair_key(state, kind, payer, value)
    column = find_pair(state.pairs, key)
    _begin(scratch)
    measure_pair(state.pairs[set_of(state.pairs, key)], column, time_us, scratch)
    _take(kind, scratch, vector)
    return 1 if column < 0 else 0
