"""What ends a hold, or takes a part of it: paying out and giving back. Kernels.

A hold of the amount A with the fee F keeps ``rest + fee of the rest`` frozen. After clearing C and
releasing R, the fee taken is the share of C, and the fee still frozen is the share of A - R less it.
"""

from __future__ import annotations

from typing import Any

from penstock.contracts.commands import Flag, Kind
from penstock.contracts.money import CURRENCIES
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State as PaymentState
from penstock.kit.kernels import constant, kernel
from penstock.process.post.accounts import judge_accounts, room
from penstock.process.post.fees import fee_share
from penstock.process.post.rows import close_row, name_payer
from penstock.state import layout as at
from penstock.state.fold import fee_account

_CLEARED, _REFUNDED = constant(PaymentState.CLEARED), constant(PaymentState.REFUNDED)
_RELEASED, _CANCELLED = constant(PaymentState.RELEASED), constant(PaymentState.CANCELLED)
_EXPIRED, _REJECTED = constant(PaymentState.EXPIRED), constant(PaymentState.REJECTED)
_HELD, _REVIEW, _REFUNDING = constant(PaymentState.HELD), constant(PaymentState.REVIEW), constant(PaymentState.REFUNDING)
_CANCEL, _EXPIRE, _DECIDE = int(Kind.CANCEL), int(Kind.EXPIRE), int(Kind.DECIDE_REVIEW)
_RAIL, _TOO_LARGE = int(Flag.RAIL), constant(Reason.BALANCE_TOO_LARGE)
_NUMERICS = tuple(currency.numeric for currency in CURRENCIES)


@kernel
def rest_of(hold: Any) -> int:
    """What of the amount is neither cleared nor released."""
    return hold[at.HOLD_AMOUNT] - hold[at.HOLD_CLEARED] - hold[at.HOLD_RELEASED]


@kernel
def at_bank(hold: Any) -> bool:
    """Whether only the bank's answer can end it."""
    return hold[at.HOLD_FLAGS] & _RAIL != 0 and hold[at.HOLD_STATE] in (_HELD, _REFUNDING)


@kernel
def name_payment(state: Any, row: Any, hold: Any) -> None:
    """Write which payment a row acts on."""
    name_payer(state, row, hold[at.HOLD_PAYER])
    row["payee_account"] = hold[at.HOLD_PAYEE]
    row["ref_seq"] = hold[at.ORIGIN_SEQ]
    row["ref_prev_seq"] = hold[at.HOLD_LAST_SEQ]
    row["payment_type"] = hold[at.HOLD_TYPE]
    row["currency"] = _NUMERICS[hold[at.HOLD_CURRENCY]]


@kernel
def judge_payout(state: Any, hold: Any, amount: int, time_us: int) -> int:
    """Why an amount of a hold may not be paid out now, 0 = it may."""
    reason = judge_accounts(state, hold[at.HOLD_PAYER], hold[at.HOLD_PAYEE], time_us)
    return reason if reason != 0 else judge_room(state, hold, amount)


@kernel
def judge_room(state: Any, hold: Any, amount: int) -> int:
    """Whether payee and fee account can take what a hold pays out."""
    fee = _fee_of_payout(hold, amount)
    if not room(state, hold[at.HOLD_PAYEE], amount) or not room(state, fee_account(hold[at.HOLD_CURRENCY]), fee):
        return _TOO_LARGE
    return 0


@kernel
def pay_out(state: Any, row: Any, slot: int, amount: int, release_rest: bool) -> None:
    """Let an amount of a hold reach the payee; the rest stays held, or is given back."""
    hold = state.holds[slot]
    cleared = hold[at.HOLD_CLEARED] + amount
    fee = _fee_of_payout(hold, amount)
    released = hold[at.HOLD_RELEASED]
    if release_rest and amount < rest_of(hold):
        _count_give_back(row, hold, rest_of(hold) - amount, False)
        released += rest_of(hold) - amount
    name_payment(state, row, hold)
    row["moved_minor"] = amount
    row["fee_minor"] = fee
    still = _frozen(hold, cleared, released, hold[at.HOLD_FEE_TAKEN] + fee)
    row["held_minor"] = still - _frozen_now(hold)
    if still > 0:
        close_row(state, row, hold[at.HOLD_STATE], 0)
    elif hold[at.HOLD_STATE] == _REFUNDING:
        row["left_minor"] = hold[at.HOLD_LEFT] - cleared
        close_row(state, row, _CLEARED if row["left_minor"] > 0 else _REFUNDED, 0)
    else:
        row["left_minor"] = cleared
        close_row(state, row, _CLEARED, 0)


@kernel
def give_back(state: Any, row: Any, slot: int, amount: int, reason: int) -> None:
    """Give an amount of a hold back to the payer. ``reason``: why the lane could not do what was due, else 0."""
    hold = state.holds[slot]
    refunding = hold[at.HOLD_STATE] == _REFUNDING
    still = _frozen(hold, hold[at.HOLD_CLEARED], hold[at.HOLD_RELEASED] + amount, hold[at.HOLD_FEE_TAKEN])
    name_payment(state, row, hold)
    if not refunding:
        _count_give_back(row, hold, amount, still == 0 and hold[at.HOLD_CLEARED] == 0)
    row["held_minor"] = still - _frozen_now(hold)
    if still > 0:
        close_row(state, row, hold[at.HOLD_STATE], reason)
    elif refunding:
        row["left_minor"] = hold[at.HOLD_LEFT]
        close_row(state, row, _CLEARED, reason)
    elif hold[at.HOLD_CLEARED] > 0:
        row["left_minor"] = hold[at.HOLD_CLEARED]
        close_row(state, row, _CLEARED, reason)
    else:
        close_row(state, row, _ended_by(row["kind"], hold[at.HOLD_STATE]), reason)


@kernel
def _fee_of_payout(hold: Any, amount: int) -> int:
    taken = fee_share(hold[at.HOLD_FEE], hold[at.HOLD_CLEARED] + amount, hold[at.HOLD_AMOUNT])
    return taken - hold[at.HOLD_FEE_TAKEN]


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
def _count_give_back(row: Any, hold: Any, amount: int, count: bool) -> None:
    """Give the limits back what is not paid, on the day on which it was counted."""
    row["limit_minor"] = -amount
    row["limit_count"] = -1 if count else 0
    row["limit_day"] = hold[at.HOLD_LIMIT_DAY]


@kernel
def _ended_by(kind: int, before: int) -> int:
    """The state of a payment of which nothing was cleared and everything given back."""
    if kind == _CANCEL:
        return _CANCELLED
    if kind == _DECIDE or (kind == _EXPIRE and before == _REVIEW):
        return _REJECTED
    if kind == _EXPIRE:
        return _EXPIRED
    return _RELEASED
