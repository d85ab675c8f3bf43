"""Learning: what one event does to the memory of everybody who took part. Kernels.

Each record (each set, where records are found by a hash) carries the time of the last event that
touched it, and lane time never stands still: so a record that a checkpoint caught later than its
neighbours skips the events that it has seen, as the money's records do by sequence. What one record's
change needs of another (whether a partner was new) is in the event.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.kit.kernels import kernel
from penstock.state import layout as at
from penstock.state.behaviour.decay import DAY_TICK, HOUR_TICK, MONTH_TICK, MOST, ONE, after_ticks, decayed, instant
from penstock.state.behaviour.events import ATTEMPT, LABEL
from penstock.state.behaviour.parties import (
    CATEGORY,
    DEVICE,
    INSTRUMENT,
    NETWORK,
    PAYER_DEVICE,
    PAYER_NETWORK,
    PAYER_PAYEE,
    PAYER_PLACE,
    PLACE,
    WAY,
    make_parties,
)
from penstock.state.behaviour.payees import label_payee, mature_payee
from penstock.state.behaviour.reaching import AHEAD, reach_first, reach_next
from penstock.state.behaviour.records import learn_attempt, learn_label
from penstock.state.behaviour.sets import entity_column, find_entity, learn_pair, set_of, take_entity
from penstock.state.tables import State

_NEW_PAYEE, _NEW_DEVICE, _NEW_NETWORK, _NEW_PLACE = 1, 2, 4, 8

#: The local quarters of an hour as directions on the clock, in 2^15ths.
_ANGLES = 2 * np.pi * np.arange(96) / 96
COSINES = np.rint(np.cos(_ANGLES) * 32768).astype(np.int64)
SINES = np.rint(np.sin(_ANGLES) * 32768).astype(np.int64)


def replay_events(state: State, events: NDArray[Any]) -> None:
    """Learn events (n,) in order; what has seen an event already stays as it is."""
    _replay(state, events, make_parties(AHEAD))


@kernel
def _replay(state: Any, events: Any, parties: Any) -> None:
    reach_first(state, events, parties)
    for i in range(events.shape[0]):
        learn(state, events[i], parties[i % AHEAD], instant(events[i]["time_us"], state.scalars[0, at.MATURITY_US]))
        reach_next(state, events, parties, i)


@kernel
def learn(state: Any, event: Any, parties: Any, now: Any) -> None:
    """Learn one event, unless it has been learned: everything is looked at before anything changes.

    ``parties``: its row; ``now``: the ``Instant`` of the event.
    """
    payer, payee, time_us, entities = event["payer"], event["payee"], event["time_us"], state.entities
    new_payer = payer > 0 and state.payers[payer, at.STAMP_US] < time_us
    new_payee = payee > 0 and state.payees[payee, at.STAMP_US] < time_us
    new_receiver = payee > 0 and state.payers[payee, at.STAMP_US] < time_us
    new_instrument = _is_new(entities, parties[INSTRUMENT], time_us)
    new_device = _is_new(entities, parties[DEVICE], time_us)
    new_network = _is_new(entities, parties[NETWORK], time_us)
    new_place = _is_new(entities, parties[PLACE], time_us)
    new_category = _is_new(entities, parties[CATEGORY], time_us)
    if event["kind"] == ATTEMPT:
        _learn_pairs(state.pairs, parties, time_us)
    novel = event["novel"]
    if new_payer:
        _learn_payer(state.payers[payer], event, now)
    if new_payee:
        _learn_payee(state.payees[payee], event, novel & _NEW_PAYEE != 0, now)
    if new_receiver and event["kind"] == ATTEMPT:
        _learn_received(state.payers[payee], now, event["amount_minor"])
    if new_instrument:
        _learn_entity(entities, parties, INSTRUMENT, event, False, now)
    if new_device:
        _learn_entity(entities, parties, DEVICE, event, novel & _NEW_DEVICE != 0, now)
    if new_network:
        _learn_entity(entities, parties, NETWORK, event, novel & _NEW_NETWORK != 0, now)
    if new_place:
        _learn_entity(entities, parties, PLACE, event, novel & _NEW_PLACE != 0, now)
    if new_category:
        _learn_entity(entities, parties, CATEGORY, event, False, now)


@kernel
def _is_new(table: Any, key: int, time_us: int) -> bool:
    """Whether a party is named, and its set has not seen what happens at a time."""
    return key != 0 and table[set_of(table, key), at.SET_STAMP_US] < time_us


@kernel
def _learn(record: Any, event: Any, novel: bool, now: Any) -> None:
    """What every record learns of an event."""
    record[at.STAMP_US] = event["time_us"]
    if event["kind"] == ATTEMPT:
        learn_attempt(record, now, event["amount_minor"], novel, event["waits"] != 0)
    elif event["kind"] == LABEL:
        learn_label(record, now, event["paid_us"], event["was"], event["option"])


@kernel
def _learn_entity(entities: Any, parties: Any, kind: int, event: Any, novel: bool, now: Any) -> None:
    key, hint = parties[kind], parties[WAY + kind]
    place = entities[set_of(entities, key)]
    place[at.SET_STAMP_US] = event["time_us"]
    way = take_entity(place, key, hint) if event["kind"] == ATTEMPT else find_entity(place, key, hint)
    if way >= 0:
        column = entity_column(way)
        _learn(place[column : column + at.ENTITY_WIDTH], event, novel, now)


@kernel
def _learn_pairs(pairs: Any, parties: Any, time_us: int) -> None:
    new_payee = _is_new(pairs, parties[PAYER_PAYEE], time_us)
    new_device = _is_new(pairs, parties[PAYER_DEVICE], time_us)
    new_network = _is_new(pairs, parties[PAYER_NETWORK], time_us)
    new_place = _is_new(pairs, parties[PAYER_PLACE], time_us)
    if new_payee:
        _learn_pair(pairs, parties, PAYER_PAYEE, time_us)
    if new_device:
        _learn_pair(pairs, parties, PAYER_DEVICE, time_us)
    if new_network:
        _learn_pair(pairs, parties, PAYER_NETWORK, time_us)
    if new_place:
        _learn_pair(pairs, parties, PAYER_PLACE, time_us)


@kernel
def _learn_pair(pairs: Any, parties: Any, kind: int, time_us: int) -> None:
    key = parties[kind]
    learn_pair(pairs[set_of(pairs, key)], key, parties[WAY + kind], time_us)


# --- what only payees have


@kernel
def _learn_payee(record: Any, event: Any, novel: bool, now: Any) -> None:
    if event["kind"] == LABEL:
        mature_payee(record, now)
        label_payee(record, now, event["paid_us"], event["was"], event["option"])
    elif event["kind"] == ATTEMPT and event["waits"] != 0:
        mature_payee(record, now)
    _learn(record, event, novel, now)


# --- what only payers have


@kernel
def _learn_payer(record: Any, event: Any, now: Any) -> None:
    if event["kind"] == ATTEMPT:
        before_us = record[at.LAST_US]  # 0 before the first: then what decays is 0
        _learn_hour(record, now.month - before_us // MONTH_TICK, event["quarter"])
        _learn_way(record, now.day - before_us // DAY_TICK, event)
        spent = after_ticks(record[at.SUM_HOUR], now.hour - before_us // HOUR_TICK)
        record[at.SUM_HOUR] = min(spent + min(event["amount_minor"], MOST), MOST)
        if event["failed"] != 0:
            learn_failure(record, now.time_us)
    _learn(record, event, event["novel"] & _NEW_PAYEE != 0, now)


@kernel
def _learn_hour(record: Any, ticks: int, quarter: int) -> None:
    """At which time of the day, after ticks of a month's half-life."""
    record[at.HABIT_COS] = after_ticks(record[at.HABIT_COS], ticks)
    record[at.HABIT_SIN] = after_ticks(record[at.HABIT_SIN], ticks)
    if quarter >= 0:
        record[at.HABIT_COS] = max(min(record[at.HABIT_COS] + COSINES[quarter], MOST), -MOST)
        record[at.HABIT_SIN] = max(min(record[at.HABIT_SIN] + SINES[quarter], MOST), -MOST)


@kernel
def _learn_way(record: Any, ticks: int, event: Any) -> None:
    """By which device and network the payer came, and where that was, after ticks of a day's half-life."""
    device, network = event["device"] & 0xFFFFFFFF, event["network"] & 0x7FFFFFFF
    last_device, last_network = record[at.CAME_BY] & 0xFFFFFFFF, record[at.CAME_BY] >> 32
    switches = after_ticks(record[at.SWITCHES], ticks)
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
def _learn_received(record: Any, now: Any, amount: int) -> None:
    before_us = record[at.RECEIVED_US]
    received = after_ticks(record[at.RECEIVED], now.day - before_us // DAY_TICK) if before_us > 0 else 0
    record[at.RECEIVED] = min(received + min(amount, MOST), MOST)
    record[at.RECEIVED_US] = now.time_us
    record[at.STAMP_US] = now.time_us


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
