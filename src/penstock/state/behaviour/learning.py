"""Learning: what one event does to the memory of everybody who took part. Kernels.

Each record (each set, where records are found by a hash) carries the time of the last event that
touched it, and lane time never stands still: so a record that a checkpoint caught later than its
neighbours skips the events that it has seen, as the money's records do by sequence. What one record's
change needs of another (whether a partner was new) is in the event.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.contracts.features import Entity
from penstock.kit.kernels import kernel
from penstock.state import layout as at
from penstock.state.behaviour.decay import DAY_TICK, HOUR_TICK, MONTH_TICK, MOST, ONE, decayed
from penstock.state.behaviour.events import ATTEMPT, LABEL
from penstock.state.behaviour.payees import label_payee, mature_payee
from penstock.state.behaviour.records import learn_attempt, learn_label
from penstock.state.behaviour.sets import (
    entity_key,
    find_entity,
    learn_pair,
    pair_key,
    set_of,
    take_entity,
)

_INSTRUMENT, _DEVICE, _NETWORK = int(Entity.INSTRUMENT), int(Entity.DEVICE), int(Entity.NETWORK)
_PLACE, _CATEGORY = int(Entity.PLACE), int(Entity.CATEGORY)
_PAYER_PAYEE, _PAYER_DEVICE = int(Entity.PAYER_PAYEE), int(Entity.PAYER_DEVICE)
_PAYER_NETWORK, _PAYER_PLACE = int(Entity.PAYER_NETWORK), int(Entity.PAYER_PLACE)
_NEW_PAYEE, _NEW_DEVICE, _NEW_NETWORK, _NEW_PLACE = 1, 2, 4, 8

#: The local quarters of an hour as directions on the clock, in 2^15ths.
_ANGLES = 2 * np.pi * np.arange(96) / 96
COSINES = np.rint(np.cos(_ANGLES) * 32768).astype(np.int64)
SINES = np.rint(np.sin(_ANGLES) * 32768).astype(np.int64)


@kernel
def replay_events(state: Any, events: Any) -> None:
    """Learn events in order; what has seen an event already stays as it is."""
    for i in range(events.shape[0]):
        learn(state, events[i])


@kernel
def learn(state: Any, event: Any) -> None:
    """Learn one event, unless it has been learned: everything is looked at before anything changes."""
    payer, payee, time_us = event["payer"], event["payee"], event["time_us"]
    new_payer = payer > 0 and state.payers[payer, at.STAMP_US] < time_us
    new_payee = payee > 0 and state.payees[payee, at.STAMP_US] < time_us
    new_receiver = payee > 0 and state.payers[payee, at.STAMP_US] < time_us
    new_instrument = _is_new_entity(state, _INSTRUMENT, event["instrument"], time_us)
    new_device = _is_new_entity(state, _DEVICE, event["device"], time_us)
    new_network = _is_new_entity(state, _NETWORK, event["network"], time_us)
    new_place = _is_new_entity(state, _PLACE, event["place"], time_us)
    new_category = _is_new_entity(state, _CATEGORY, event["category"], time_us)
    if event["kind"] == ATTEMPT:
        _learn_pairs(state, event)
    novel = event["novel"]
    if new_payer:
        _learn_payer(state, state.payers[payer], event)
    if new_payee:
        _learn_payee(state, state.payees[payee], event, novel & _NEW_PAYEE != 0)
    if new_receiver and event["kind"] == ATTEMPT:
        _learn_received(state.payers[payee], time_us, event["amount_minor"])
    if new_instrument:
        _learn_entity(state, _INSTRUMENT, event["instrument"], event, False)
    if new_device:
        _learn_entity(state, _DEVICE, event["device"], event, novel & _NEW_DEVICE != 0)
    if new_network:
        _learn_entity(state, _NETWORK, event["network"], event, novel & _NEW_NETWORK != 0)
    if new_place:
        _learn_entity(state, _PLACE, event["place"], event, novel & _NEW_PLACE != 0)
    if new_category:
        _learn_entity(state, _CATEGORY, event["category"], event, False)


@kernel
def _is_new_entity(state: Any, kind: int, value: int, time_us: int) -> bool:
    if value == 0:
        return False
    place = set_of(state.entities, entity_key(state, kind, value))
    return state.entities[place, at.SET_STAMP_US] < time_us


@kernel
def _learn(state: Any, record: Any, event: Any, novel: bool) -> None:
    """What every record learns of an event."""
    record[at.STAMP_US] = event["time_us"]
    maturity_us = state.scalars[0, at.MATURITY_US]
    if event["kind"] == ATTEMPT:
        learn_attempt(record, event["time_us"], event["amount_minor"], novel, event["waits"] != 0, maturity_us)
    elif event["kind"] == LABEL:
        learn_label(record, event["time_us"], event["paid_us"], event["was"], event["option"], maturity_us)


@kernel
def _learn_entity(state: Any, kind: int, value: int, event: Any, novel: bool) -> None:
    key = entity_key(state, kind, value)
    place = state.entities[set_of(state.entities, key)]
    place[at.SET_STAMP_US] = event["time_us"]
    column = take_entity(state.entities, key) if event["kind"] == ATTEMPT else find_entity(state.entities, key)
    if column >= 0:
        _learn(state, place[column : column + at.ENTITY_WIDTH], event, novel)


@kernel
def _learn_pairs(state: Any, event: Any) -> None:
    payer, time_us = event["payer"], event["time_us"]
    new_payee = _is_new_pair(state, _PAYER_PAYEE, payer, event["payee"], time_us)
    new_device = _is_new_pair(state, _PAYER_DEVICE, payer, event["device"], time_us)
    new_network = _is_new_pair(state, _PAYER_NETWORK, payer, event["network"], time_us)
    new_place = _is_new_pair(state, _PAYER_PLACE, payer, event["place"], time_us)
    if new_payee:
        learn_pair(state.pairs, pair_key(state, _PAYER_PAYEE, payer, event["payee"]), time_us)
    if new_device:
        learn_pair(state.pairs, pair_key(state, _PAYER_DEVICE, payer, event["device"]), time_us)
    if new_network:
        learn_pair(state.pairs, pair_key(state, _PAYER_NETWORK, payer, event["network"]), time_us)
    if new_place:
        learn_pair(state.pairs, pair_key(state, _PAYER_PLACE, payer, event["place"]), time_us)


@kernel
def _is_new_pair(state: Any, kind: int, payer: int, value: int, time_us: int) -> bool:
    if value == 0:
        return False
    place = set_of(state.pairs, pair_key(state, kind, payer, value))
    return state.pairs[place, at.SET_STAMP_US] < time_us


# --- what only payees have


@kernel
def _learn_payee(state: Any, record: Any, event: Any, novel: bool) -> None:
    time_us, maturity_us = event["time_us"], state.scalars[0, at.MATURITY_US]
    if event["kind"] == LABEL:
        mature_payee(record, time_us, maturity_us)
        label_payee(record, time_us, event["paid_us"], event["was"], event["option"], maturity_us)
    elif event["kind"] == ATTEMPT and event["waits"] != 0:
        mature_payee(record, time_us, maturity_us)
    _learn(state, record, event, novel)


# --- what only payers have


@kernel
def _learn_payer(state: Any, record: Any, event: Any) -> None:
    if event["kind"] == ATTEMPT:
        before_us = record[at.LAST_US]  # 0 before the first: then what decays is 0
        _learn_hour(record, before_us, event["time_us"], event["quarter"])
        _learn_way(record, before_us, event)
        spent = decayed(record[at.SUM_HOUR], HOUR_TICK, before_us, event["time_us"])
        record[at.SUM_HOUR] = min(spent + min(event["amount_minor"], MOST), MOST)
        if event["failed"] != 0:
            learn_failure(record, event["time_us"])
    _learn(state, record, event, event["novel"] & _NEW_PAYEE != 0)


@kernel
def _learn_hour(record: Any, before_us: int, time_us: int, quarter: int) -> None:
    record[at.HABIT_COS] = decayed(record[at.HABIT_COS], MONTH_TICK, before_us, time_us)
    record[at.HABIT_SIN] = decayed(record[at.HABIT_SIN], MONTH_TICK, before_us, time_us)
    if quarter >= 0:
        record[at.HABIT_COS] = max(min(record[at.HABIT_COS] + COSINES[quarter], MOST), -MOST)
        record[at.HABIT_SIN] = max(min(record[at.HABIT_SIN] + SINES[quarter], MOST), -MOST)


@kernel
def _learn_way(record: Any, before_us: int, event: Any) -> None:
    """By which device and network the payer came, and where that was."""
    device, network = event["device"] & 0xFFFFFFFF, event["network"] & 0x7FFFFFFF
    last_device, last_network = record[at.CAME_BY] & 0xFFFFFFFF, record[at.CAME_BY] >> 32
    switches = decayed(record[at.SWITCHES], DAY_TICK, before_us, event["time_us"])
    if device != 0 and last_device not in (0, device):
        switches += ONE
    if network != 0 and last_network not in (0, network):
        switches += ONE
    record[at.SWITCHES] = min(switches, MOST)
    record[at.CAME_BY] = ((network if network != 0 else last_network) << 32) | (device if device != 0 else last_device)
    if event["located"] != 0:
        north, east = np.int64(event["latitude_e4"]) + 900_000, np.int64(event["longitude_e4"]) + 1_800_001
        record[at.WAS_AT] = (north << 32) | east
        record[at.WAS_AT_US] = event["time_us"]


@kernel
def _learn_received(record: Any, time_us: int, amount: int) -> None:
    before_us = record[at.RECEIVED_US]
    received = decayed(record[at.RECEIVED], DAY_TICK, before_us, time_us) if before_us > 0 else 0
    record[at.RECEIVED] = min(received + min(amount, MOST), MOST)
    record[at.RECEIVED_US] = time_us
    record[at.STAMP_US] = time_us


@kernel
def learn_failure(record: Any, time_us: int) -> None:
    """Note that an attempt was declined.

    It is known from the next second on: no batch holds two seconds, so it does not matter which attempts share one.
    """
    second = time_us // 1_000_000
    if second != record[at.FAILED_NOW] >> 20:
        record[at.FAILED] = failures(record, time_us)
        record[at.FAILED_NOW] = second << 20
    if record[at.FAILED_NOW] & 0xFFFFF < 0xFFFFF:
        record[at.FAILED_NOW] += 1


@kernel
def failures(record: Any, time_us: int) -> int:
    """The declined attempts that are known at a time, decayed by the day."""
    second, noted = time_us // 1_000_000, record[at.FAILED_NOW] >> 20
    left = record[at.FAILED]
    if second > noted:
        left = min(left + (record[at.FAILED_NOW] & 0xFFFFF) * ONE, MOST)
    return decayed(left, DAY_TICK, noted * 1_000_000, second * 1_000_000)
