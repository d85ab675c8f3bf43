"""Reaching ahead: reading what the next events will need, before it is needed. Kernels.

The memory of behaviour is far larger than a processor's caches, and each event needs a dozen places in
it. One event after another would wait for each; read for several events at once, the waits overlap.
Nothing is changed, and nothing depends on what is read.
"""

from __future__ import annotations

from typing import Any, Final

from penstock.contracts.features import Entity
from penstock.kit.kernels import kernel
from penstock.state import layout as at
from penstock.state.behaviour.sets import entity_key, find_entity, pair_key, set_of

#: Events whose memory is read together.
AHEAD: Final = 16
_INSTRUMENT, _DEVICE, _NETWORK = int(Entity.INSTRUMENT), int(Entity.DEVICE), int(Entity.NETWORK)
_PLACE, _CATEGORY = int(Entity.PLACE), int(Entity.CATEGORY)
_PAYER_PAYEE, _PAYER_DEVICE = int(Entity.PAYER_PAYEE), int(Entity.PAYER_DEVICE)
_PAYER_NETWORK, _PAYER_PLACE = int(Entity.PAYER_NETWORK), int(Entity.PAYER_PLACE)


@kernel
def reach(state: Any, events: Any, first: int) -> int:
    """Read what the events from ``first`` on need; the number returned means nothing, but that all was read."""
    last = min(first + AHEAD, events.shape[0])
    read = 0
    for i in range(first, last):
        read ^= _reach_accounts(state, events[i]["payer"], events[i]["payee"])
        read ^= _reach_sets(state, events[i])
    for i in range(first, last):
        read ^= _reach_records(state, events[i])
    return read


@kernel
def _reach_accounts(state: Any, payer: int, payee: int) -> int:
    """One word of each line of the cache, 64 bytes, that the records lie on."""
    payers, payees = state.payers, state.payees
    read = payers[payer, at.STAMP_US] ^ payers[payer, at.WEIGHT] ^ payers[payer, at.WAITING_B] ^ payers[payer, at.FAILED]
    return read ^ payees[payee, at.STAMP_US] ^ payees[payee, at.WEIGHT] ^ payees[payee, at.WAITING_B] ^ payers[payee, at.RECEIVED]


@kernel
def _reach_sets(state: Any, event: Any) -> int:
    payer = event["payer"]
    read = _reach_set(state, _INSTRUMENT, event["instrument"]) ^ _reach_set(state, _DEVICE, event["device"])
    read ^= _reach_set(state, _NETWORK, event["network"]) ^ _reach_set(state, _PLACE, event["place"])
    read ^= _reach_set(state, _CATEGORY, event["category"]) ^ _reach_pair(state, _PAYER_PAYEE, payer, event["payee"])
    read ^= _reach_pair(state, _PAYER_DEVICE, payer, event["device"])
    read ^= _reach_pair(state, _PAYER_NETWORK, payer, event["network"])
    return read ^ _reach_pair(state, _PAYER_PLACE, payer, event["place"])


@kernel
def _reach_set(state: Any, kind: int, value: int) -> int:
    if value == 0:
        return 0
    return state.entities[set_of(state.entities, entity_key(state, kind, value)), at.SET_STAMP_US]


@kernel
def _reach_pair(state: Any, kind: int, payer: int, value: int) -> int:
    if value == 0:
        return 0
    place = state.pairs[set_of(state.pairs, pair_key(state, kind, payer, value))]
    return place[at.SET_STAMP_US] ^ place[at.PAIR_SET_WIDTH - 1]


@kernel
def _reach_records(state: Any, event: Any) -> int:
    read = _reach_record(state, _INSTRUMENT, event["instrument"]) ^ _reach_record(state, _DEVICE, event["device"])
    read ^= _reach_record(state, _NETWORK, event["network"]) ^ _reach_record(state, _PLACE, event["place"])
    return read ^ _reach_record(state, _CATEGORY, event["category"])


@kernel
def _reach_record(state: Any, kind: int, value: int) -> int:
    if value == 0:
        return 0
    key = entity_key(state, kind, value)
    column = find_entity(state.entities, key)
    if column < 0:
        return 0
    place = state.entities[set_of(state.entities, key)]
    return place[column] ^ place[column + at.WEIGHT] ^ place[column + at.ENTITY_WIDTH - 1]
