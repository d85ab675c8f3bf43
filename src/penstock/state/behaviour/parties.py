"""The parties that an event names, as keys: computed once, then used to ask for memory, to measure and to learn. Kernels.

A row of int64 (``WIDTH``,) belongs to one event. By the numbers of ``Entity`` it holds the key of each, 0 = the event
does not name it; and ``WAY`` further the way of its set in which it was last seen, -1 = in none. A way is a hint: other
events, and other parties of the same event, may have driven its record out since.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.features import Entity
from penstock.kit.kernels import kernel
from penstock.state.behaviour.sets import entity_key, find_entity, find_pair, pair_key, set_of

INSTRUMENT, DEVICE, NETWORK = int(Entity.INSTRUMENT), int(Entity.DEVICE), int(Entity.NETWORK)
PLACE, CATEGORY = int(Entity.PLACE), int(Entity.CATEGORY)
PAYER_PAYEE, PAYER_DEVICE = int(Entity.PAYER_PAYEE), int(Entity.PAYER_DEVICE)
PAYER_NETWORK, PAYER_PLACE = int(Entity.PAYER_NETWORK), int(Entity.PAYER_PLACE)
#: From an entity's key to its way.
WAY: Final = len(Entity)
WIDTH: Final = 2 * WAY


def make_parties(events: int) -> NDArray[np.int64]:
    """Room for the parties of so many events."""
    return np.zeros((events, WIDTH), np.int64)


@kernel
def hash_parties(hash_key: int, event: Any, parties: Any) -> None:
    """Compute the keys of an event's parties."""
    payer, payee, device = event["payer"], event["payee"], event["device"]
    network, place = event["network"], event["place"]
    parties[INSTRUMENT] = entity_key(hash_key, INSTRUMENT, event["instrument"])
    parties[DEVICE] = entity_key(hash_key, DEVICE, device)
    parties[NETWORK] = entity_key(hash_key, NETWORK, network)
    parties[PLACE] = entity_key(hash_key, PLACE, place)
    parties[CATEGORY] = entity_key(hash_key, CATEGORY, event["category"])
    parties[PAYER_PAYEE] = pair_key(hash_key, PAYER_PAYEE, payer, payee)
    parties[PAYER_DEVICE] = pair_key(hash_key, PAYER_DEVICE, payer, device)
    parties[PAYER_NETWORK] = pair_key(hash_key, PAYER_NETWORK, payer, network)
    parties[PAYER_PLACE] = pair_key(hash_key, PAYER_PLACE, payer, place)


@kernel
def seek_entity(entities: Any, parties: Any, kind: int) -> int:
    """The way in which an entity that is named lies now, -1 = it is not remembered; noted as the hint."""
    key = parties[kind]
    way = find_entity(entities[set_of(entities, key)], key, parties[WAY + kind])
    parties[WAY + kind] = way
    return way


@kernel
def seek_pair(pairs: Any, parties: Any, kind: int) -> int:
    """The way in which a pair that is named lies now, -1 = it is not remembered; noted as the hint."""
    key = parties[kind]
    way = find_pair(pairs[set_of(pairs, key)], key, parties[WAY + kind])
    parties[WAY + kind] = way
    return way
