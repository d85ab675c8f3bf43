"""Admit: number the instruction's content, and look up what memory no longer knows.

Ids and payments whose partition has no index yet are in memory. Only ids from before that horizon, and
follow-ups of payments that are not held any more, cost a look at the database; they are looked up
together, once per batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from penstock.contracts.commands import Kind
from penstock.contracts.ids import uuid7_time_ms
from penstock.contracts.money import CURRENCIES
from penstock.contracts.reasons import Reason
from penstock.contracts.states import FOLLOW_UPS
from penstock.journal import reader
from penstock.journal.ids import find_ids
from penstock.journal.reader import Partition
from penstock.kit.kernels import kernel
from penstock.process.bounds import check_bounds
from penstock.process.post.terms import Int64, Known, Terms
from penstock.state import layout as at
from penstock.state.hashing import mix
from penstock.state.holds import find_hold
from penstock.state.reaching import AHEAD, reach_ids
from penstock.state.recent import find_id
from penstock.state.tables import State

_FOLLOW_UPS = tuple(int(kind) for kind in FOLLOW_UPS)
_PAYMENTS = (int(Kind.PAY), int(Kind.DEPOSIT), int(Kind.WITHDRAW))
_REFUND, _PAY = int(Kind.REFUND), int(Kind.PAY)
_FUTURE, _EXPIRED = int(Reason.ID_FROM_FUTURE), int(Reason.ID_EXPIRED)
#: Gives the connection for a look-up, when everything that memory knows is there to be found.
Reading = Callable[[], psycopg.Connection[Any]]
_NUMERICS = tuple(currency.numeric for currency in CURRENCIES)


def admit(
    state: State,
    terms: Terms,
    commands: NDArray[Any],
    times_us: Int64,
    side_words: Int64,
    partitions: list[Partition],
    reading: Reading,
) -> Known:
    """Find out what posting must know of each command; ``side_words`` (n,) is the first word of its side hash.

    :raises AssertionError: when an edge sends amounts out of bounds.
    """
    check_bounds(commands)
    count = len(commands)
    known = Known(*(np.zeros(count, np.int64) for _ in Known._fields))
    fingerprint_commands(commands, side_words, known.fingerprint)
    _look_up_ids(state, terms, commands, known, partitions, reading)
    recognise(state, terms, commands, times_us, known, make_twins(count))
    _look_up_payments(state, terms, commands, known, reading)
    return known


def make_twins(commands: int) -> Int64:
    """Room for ``recognise`` to note the ids of a batch."""
    return np.zeros(1 << (2 * commands + 1).bit_length(), np.int64)


@kernel
def fingerprint_commands(commands: Any, side_words: Any, out: Any) -> None:
    """Number the content of each command, to tell a repeat from another instruction under the same id."""
    for i in range(commands.shape[0]):
        command = commands[i]
        number = mix(command["kind"], command["payment_type"])
        number = mix(number, command["payer_account"])
        number = mix(number, command["payee_account"])
        number = mix(number, command["amount_minor"])
        number = mix(number, command["ref_seq"])
        number = mix(number, command["lifetime_us"])
        number = mix(number, command["from_us"])
        number = mix(number, command["until_us"])
        number = mix(number, command["customer"])
        number = mix(number, command["currency"])
        number = mix(number, command["tier"])
        number = mix(number, command["flags"])
        number = mix(number, command["option"])
        if command["kind"] == _PAY:
            number = _mix_way(number, command)
        out[i] = mix(number, side_words[i])


@kernel
def _mix_way(number: int, command: Any) -> int:
    """By what, from where and how surely a payment was asked for."""
    number = mix(number, command["instrument"])
    number = mix(number, command["device"])
    number = mix(number, command["network"])
    number = mix(number, command["place"])
    number = mix(number, command["category"])
    number = mix(number, command["latitude_e4"])
    number = mix(number, command["longitude_e4"])
    number = mix(number, command["channel"])
    number = mix(number, command["factors"])
    number = mix(number, command["verification"])
    number = mix(number, command["extras_given"])
    number = mix(number, command["extra_1"])
    number = mix(number, command["extra_2"])
    number = mix(number, command["extra_3"])
    return mix(number, command["extra_4"])


@kernel
def recognise(state: Any, terms: Any, commands: Any, times_us: Any, known: Any, twins: Any) -> None:
    """Which commands repeat an earlier one, and whose ids are out of their time (design 4.3).

    :param twins: zeroed, a power of two of places, more than twice as many as commands.
    """
    for i in range(commands.shape[0]):
        if i % AHEAD == 0:
            reach_ids(state, commands, i)
        command = commands[i]
        seq, fingerprint = find_id(state, command["client"], command["id_hi"], command["id_lo"])
        if seq > 0:
            known.found_seq[i], known.found_fingerprint[i] = seq, fingerprint
        if known.found_seq[i] > 0:
            continue
        place = _twin_place(commands, command, twins)
        known.twin[i] = twins[place]
        if known.twin[i] > 0:
            continue
        known.refused[i] = _out_of_time(terms, command, times_us[i])
        if known.refused[i] == 0:
            twins[place] = i + 1


@kernel
def _twin_place(commands: Any, command: Any, twins: Any) -> int:
    """Where the command of the same id is noted, or would be."""
    mask = twins.shape[0] - 1
    place = mix(command["id_lo"], command["client"]) & mask
    while twins[place] > 0:
        other = commands[twins[place] - 1]
        if (
            other["client"] == command["client"]
            and other["id_hi"] == command["id_hi"]
            and other["id_lo"] == command["id_lo"]
        ):
            break
        place = (place + 1) & mask
    return place


@kernel
def _out_of_time(terms: Any, command: Any, time_us: int) -> int:
    id_time_us = ((command["id_hi"] >> 16) & 0xFFFFFFFFFFFF) * 1000
    if id_time_us > time_us + terms.id_ahead_us:
        return _FUTURE
    return _EXPIRED if id_time_us < time_us - terms.id_age_us else 0


@kernel
def unknown_ids(state: Any, commands: Any, horizon_us: int, out: Any) -> None:
    """Which ids are from before the horizon and not in memory."""
    for i in range(commands.shape[0]):
        command = commands[i]
        id_time_us = ((command["id_hi"] >> 16) & 0xFFFFFFFFFFFF) * 1000
        out[i] = (
            id_time_us < horizon_us and find_id(state, command["client"], command["id_hi"], command["id_lo"])[0] == 0
        )


def _horizon_us(state: State) -> int:
    """Rows since this time have their ids in memory; 0 = all rows ever."""
    first = int(state.scalars[0, at.FIRST_PARTITION])
    if first == 0:
        return 0
    generation = state.generations[first % at.GENERATIONS]
    begun = generation[at.GENERATION_PARTITION] == first + 1
    return int(generation[at.GENERATION_TIME_US] if begun else state.scalars[0, at.LAST_TIME_US])


def _look_up_ids(
    state: State,
    terms: Terms,
    commands: NDArray[Any],
    known: Known,
    partitions: list[Partition],
    reading: Reading,
) -> None:
    horizon_us = _horizon_us(state)
    if horizon_us == 0:
        return
    old = np.zeros(len(commands), np.bool_)
    unknown_ids(state, commands, horizon_us + terms.id_ahead_us, old)
    places = np.flatnonzero(old)
    if not len(places):
        return
    id_times = [uuid7_time_ms(int(commands["id_hi"][i])) * 1000 for i in places]
    closed = closed_between(partitions, min(id_times) - terms.id_ahead_us, max(id_times) + terms.id_age_us + 1_000_000)
    if not closed:
        return
    clients, upper, lower = (commands[name][places].tolist() for name in ("client", "id_hi", "id_lo"))
    asked = list(zip(places.tolist(), clients, upper, lower, strict=True))
    for place, seq, fingerprint in find_ids(reading(), terms.lane, asked, [partition.first_seq for partition in closed]):
        known.found_seq[place] = seq
        known.found_fingerprint[place] = fingerprint


def closed_between(partitions: list[Partition], first_us: int, last_us: int) -> list[Partition]:
    """The indexed partitions that hold rows of a span of lane time, in order."""
    return [
        p for p in partitions
        if p.indexed and p.first_time_us is not None and p.last_time_us is not None
        and p.first_time_us <= last_us and p.last_time_us >= first_us
    ]  # fmt: skip


@kernel
def find_held(state: Any, commands: Any, known: Any) -> None:
    """What the open hold that each command names says of its payment; ``ref_client`` 0 = that must be looked up.

    The hold of a refund knows who asked for the refund, not whose the payment is.
    """
    for i in range(commands.shape[0]):
        known.ref_client[i] = -1
        if commands[i]["kind"] in _FOLLOW_UPS:
            slot = find_hold(state, commands[i]["ref_seq"])
            known.ref_client[i] = 0
            if slot > 0 and state.holds[slot, at.HOLD_KIND] != _REFUND:
                _describe_held(state.holds[slot], known, i)


@kernel
def _describe_held(hold: Any, known: Any, i: int) -> None:
    known.ref_client[i] = hold[at.HOLD_CLIENT]
    known.ref_kind[i] = hold[at.HOLD_KIND]
    known.ref_payer[i] = hold[at.HOLD_PAYER]
    known.ref_payee[i] = hold[at.HOLD_PAYEE]
    known.ref_type[i] = hold[at.HOLD_TYPE]
    known.ref_currency[i] = _NUMERICS[hold[at.HOLD_CURRENCY]]


def _look_up_payments(
    state: State, terms: Terms, commands: NDArray[Any], known: Known, reading: Reading
) -> None:
    find_held(state, commands, known)
    places = np.flatnonzero(known.ref_client == 0)
    if not len(places):
        return
    hot_first_seq = int(state.scalars[0, at.FIRST_PARTITION] * state.scalars[0, at.PARTITION_ROWS]) + 1
    payments = reader.find_payments(reading(), terms.lane, commands["ref_seq"][places].tolist(), hot_first_seq)
    for i in places:
        payment = payments.get(int(commands["ref_seq"][i]))
        if payment is not None and payment.kind in _PAYMENTS:
            for name, value in payment._asdict().items():
                getattr(known, f"ref_{name}")[i] = value
