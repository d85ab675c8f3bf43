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

#: What is wanted of each entity, as bits by ``Measure``: what no feature of it needs is not measured.
_WANTED = np.array(
    [sum(1 << feature.measure for feature in FEATURES if feature.entity == entity) for entity in Entity], dtype=np.int64
)
#: The entity and the measure in each slot.
_ENTITY_OF = np.array([feature.entity for feature in FEATURES], dtype=np.uint64)
_MEASURE_OF = np.array([feature.measure for feature in FEATURES], dtype=np.uint64)
#: What a vector says of an entity that the caller did not name, …
UNKNOWNS: Final[NDArray[np.float32]] = np.array([feature.unknown for feature in FEATURES], dtype=np.float32)
#: … and the measures of all entities before anything is known.
_NOTHING = np.full((len(Entity), MEASURES), UNKNOWN)
_NOTHING[_ENTITY_OF, _MEASURE_OF] = UNKNOWNS


class Scratch(NamedTuple):
    """The kernel's room to work in."""

    measures: NDArray[np.float64]  # (entities, MEASURES)
    parties: NDArray[np.int64]  # (AHEAD, WIDTH) of the events that memory was asked for


def make_scratch() -> Scratch:
    """Room to describe events in; what it holds means nothing between calls."""
    return Scratch(_NOTHING.copy(), make_parties(AHEAD))


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
def describe(state: Any, event: Any, parties: Any, now: Any, measures: Any, vector: Any) -> None:
    """Fill the vector (64,) of an attempt, and note in the event which pairs are new."""
    for entity in range(_NOTHING.shape[0]):
        for measure in range(MEASURES):
            measures[entity, measure] = _NOTHING[entity, measure]
    payer, payee, amount = event["payer"], event["payee"], event["amount_minor"]
    measure_payment(event, measures[_PAYMENT])
    measure_entity(state.payers[payer], _WANTED[_PAYER], now, amount, measures[_PAYER])
    measure_payer(state.payers[payer], event, now, measures[_PAYER])
    if payee > 0:
        measure_entity(state.payees[payee], _WANTED[_PAYEE], now, amount, measures[_PAYEE])
        measure_payee(state.payees[payee], now, measures[_PAYEE])
    for kind in range(_INSTRUMENT, _CATEGORY + 1):
        if parties[kind] != 0:
            way = seek_entity(state.entities, parties, kind)
            place, column = state.entities[set_of(state.entities, parties[kind])], entity_column(way)
            record = place[column : column + at.ENTITY_WIDTH] if way >= 0 else state.payees[0, : at.ENTITY_WIDTH]
            measure_entity(record, _WANTED[kind], now, amount, measures[kind])
    event["novel"] = _describe_pairs(state.pairs, parties, now.time_us, measures)
    for slot in range(SLOTS):
        vector[slot] = measures[_ENTITY_OF[slot], _MEASURE_OF[slot]]


@kernel
def _describe_pairs(pairs: Any, parties: Any, time_us: int, measures: Any) -> int:
    """Which pairs are new, as bits."""
    novel = 0
    for kind in range(_PAYER_PAYEE, _PAYER_PLACE + 1):
        if parties[kind] != 0:
            way = seek_pair(pairs, parties, kind)
            place = pairs[set_of(pairs, parties[kind])]
            measure_pair(place, pair_column(way) if way >= 0 else -1, time_us, measures[kind])
            novel |= (1 if way < 0 else 0) << (kind - _PAYER_PAYEE)
    return novel
