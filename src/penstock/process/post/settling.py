"""Settling holds: clear, release, cancel, expire, after the state × command table. Kernels.

A hold of the amount A with the fee F keeps ``rest + fee of the rest`` frozen. After clearing C and
releasing R, the fee taken is the share of C, and the fee still frozen is the share of A - R less it.
"""

from __future__ import annotations

from typing import Any

from penstock.contracts.commands import Flag, Kind
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State as PaymentState
from penstock.kit.kernels import kernel
from penstock.process.post.fees import fee_share
from penstock.process.post.moving import room
from penstock.process.post.rows import begin_row, close_row, decline, name_payer
from penstock.process.post.terms import REFUSALS
from penstock.state import layout as at
from penstock.state.fold import fee_account
from penstock.state.holds import find_hold, next_due
from penstock.state.recent import find_ref

_CLEARED, _HELD, _RELEASED = int(PaymentState.CLEARED), int(PaymentState.HELD), int(PaymentState.RELEASED)
_CANCELLED, _EXPIRED = int(PaymentState.CANCELLED), int(PaymentState.EXPIRED)
_CLEAR, _RELEASE, _CANCEL, _EXPIRE = int(Kind.CLEAR), int(Kind.RELEASE), int(Kind.CANCEL), int(Kind.EXPIRE)
_RELEASE_REST = int(Flag.RELEASE_REST)
_ABOVE_HOLD, _TOO_LARGE = int(Reason.AMOUNT_ABOVE_HOLD), int(Reason.BALANCE_TOO_LARGE)
_UNKNOWN = int(Reason.PAYMENT_UNKNOWN)
_CURRENCY_BY_SLOT = (156, 840, 978, 344, 392)


@kernel
def follow_up(state: Any, row: Any, command: Any, ref_client: int, ref_state: int) -> None:
    """Clear, release or cancel a payment of the client's."""
    slot = find_hold(state, command["ref_seq"])
    if slot > 0 and state.holds[slot, at.HOLD_CLIENT] == command["client"]:
        if command["kind"] == _CLEAR:
            _clear(state, row, slot)
        else:
            _give_back(state, row, slot)
        return
    if slot > 0 or ref_client != command["client"]:
        decline(state, row, _UNKNOWN)
        return
    row["ref_seq"] = command["ref_seq"]
    recent_seq, recent_state = find_ref(state, command["ref_seq"])
    decline(state, row, REFUSALS[recent_state if recent_seq > 0 else ref_state, command["kind"]])


@kernel
def expire_due(state: Any, terms: Any, rows: Any, first: int, most: int, time_us: int, day: int) -> int:
    """Write an ``expire`` row for each hold that has run out, at most ``most``; how many were written."""
    written = 0
    slot = next_due(state, time_us)
    while slot > 0 and written < most:
        row = rows[first + written]
        begin_row(state, terms, row, time_us, day)
        row["kind"] = _EXPIRE
        row["id_hi"] = 0x8000
        row["id_lo"] = row["seq"] - 0x7FFFFFFFFFFFFFFF - 1
        _give_back(state, row, slot)
        written += 1
        slot = next_due(state, time_us)
    return written


@kernel
def _name_payment(state: Any, row: Any, hold: Any) -> None:
    name_payer(state, row, hold[at.HOLD_PAYER])
    row["payee_account"] = hold[at.HOLD_PAYEE]
    row["ref_seq"] = hold[at.ORIGIN_SEQ]
    row["ref_prev_seq"] = hold[at.HOLD_LAST_SEQ]
    row["payment_type"] = hold[at.HOLD_TYPE]
    row["currency"] = _CURRENCY_BY_SLOT[hold[at.HOLD_CURRENCY]]


@kernel
def _rest(hold: Any) -> int:
    return hold[at.HOLD_AMOUNT] - hold[at.HOLD_CLEARED] - hold[at.HOLD_RELEASED]


@kernel
def _frozen(hold: Any, cleared: int, released: int, fee_taken: int) -> int:
    """What stays held when so much has been cleared and released in total."""
    rest = hold[at.HOLD_AMOUNT] - cleared - released
    if rest == 0:
        return 0
    return rest + fee_share(hold[at.HOLD_FEE], hold[at.HOLD_AMOUNT] - released, hold[at.HOLD_AMOUNT]) - fee_taken


@kernel
def _frozen_now(hold: Any) -> int:
    return _frozen(hold, hold[at.HOLD_CLEARED], hold[at.HOLD_RELEASED], hold[at.HOLD_FEE_TAKEN])


@kernel
def _clear(state: Any, row: Any, slot: int) -> None:
    """Pay out all or a part of a hold; with RELEASE_REST the rest is given back."""
    hold = state.holds[slot]
    amount = row["amount_minor"] if row["amount_minor"] > 0 else _rest(hold)
    row["ref_seq"] = hold[at.ORIGIN_SEQ]
    if amount > _rest(hold):
        decline(state, row, _ABOVE_HOLD)
        return
    cleared = hold[at.HOLD_CLEARED] + amount
    fee_taken = fee_share(hold[at.HOLD_FEE], cleared, hold[at.HOLD_AMOUNT])
    fee = fee_taken - hold[at.HOLD_FEE_TAKEN]
    if not room(state, hold[at.HOLD_PAYEE], amount) or not room(state, fee_account(hold[at.HOLD_CURRENCY]), fee):
        decline(state, row, _TOO_LARGE)
        return
    released = hold[at.HOLD_RELEASED]
    if row["flags"] & _RELEASE_REST and amount < _rest(hold):
        _count_give_back(row, hold, _rest(hold) - amount, False)
        released += _rest(hold) - amount
    _name_payment(state, row, hold)
    row["moved_minor"] = amount
    row["fee_minor"] = fee
    still = _frozen(hold, cleared, released, fee_taken)
    row["held_minor"] = still - _frozen_now(hold)
    close_row(state, row, _HELD if still > 0 else _CLEARED, 0)


@kernel
def _give_back(state: Any, row: Any, slot: int) -> None:
    """Release all or a part of a hold, or cancel or expire it."""
    hold = state.holds[slot]
    asked = row["amount_minor"] if row["kind"] == _RELEASE else 0
    amount = asked if asked > 0 else _rest(hold)
    row["ref_seq"] = hold[at.ORIGIN_SEQ]
    if amount > _rest(hold):
        decline(state, row, _ABOVE_HOLD)
        return
    still = _frozen(hold, hold[at.HOLD_CLEARED], hold[at.HOLD_RELEASED] + amount, hold[at.HOLD_FEE_TAKEN])
    _name_payment(state, row, hold)
    _count_give_back(row, hold, amount, still == 0 and hold[at.HOLD_CLEARED] == 0)
    row["held_minor"] = still - _frozen_now(hold)
    if still > 0:
        close_row(state, row, _HELD, 0)
    elif hold[at.HOLD_CLEARED] > 0:
        close_row(state, row, _CLEARED, 0)
    else:
        close_row(state, row, _ended_by(row["kind"]), 0)


@kernel
def _count_give_back(row: Any, hold: Any, amount: int, count: bool) -> None:
    """Give the limits back what is not paid, on the day on which it was counted."""
    row["limit_minor"] = -amount
    row["limit_count"] = -1 if count else 0
    row["limit_day"] = hold[at.HOLD_LIMIT_DAY]


@kernel
def _ended_by(kind: int) -> int:
    if kind == _CANCEL:
        return _CANCELLED
    if kind == _EXPIRE:
        return _EXPIRED
    return _RELEASED
