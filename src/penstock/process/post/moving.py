"""Moving money: pay, deposit, withdraw. Checks in the order of the reason codes, then one row. Kernels."""

from __future__ import annotations

from typing import Any

from penstock.contracts.commands import Flag, PaymentType
from penstock.contracts.money import MAX_BALANCE_MINOR
from penstock.contracts.policy import NO_LIMIT
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State as PaymentState
from penstock.kit.kernels import kernel
from penstock.process.post.fees import fee_of
from penstock.process.post.limits import judge_limits
from penstock.process.post.rows import close_row, decline, name_payer
from penstock.state import layout as at
from penstock.state.fold import currency_slot, fee_account, month_of_day, settlement_account

_DONE, _CLEARED, _HELD = int(PaymentState.DONE), int(PaymentState.CLEARED), int(PaymentState.HELD)
_HOLD_ONLY = int(Flag.HOLD_ONLY)
_WITHDRAWAL = int(PaymentType.WITHDRAWAL)
_PAYER_UNKNOWN, _PAYEE_UNKNOWN = int(Reason.PAYER_UNKNOWN), int(Reason.PAYEE_UNKNOWN)
_SAME_ACCOUNT, _CURRENCY_MISMATCH = int(Reason.SAME_ACCOUNT), int(Reason.CURRENCY_MISMATCH)
_INSUFFICIENT, _TOO_LARGE = int(Reason.INSUFFICIENT_FUNDS), int(Reason.BALANCE_TOO_LARGE)
_TOO_MANY_HOLDS, _HOLDS_FULL = int(Reason.TOO_MANY_HOLDS), int(Reason.HOLDS_FULL)


@kernel
def is_customer_account(state: Any, account: int) -> bool:
    """Whether a number names a customer's open account."""
    return 0 < account <= state.scalars[0, at.ACCOUNTS] and state.accounts[account, at.ACCOUNT_KIND] == at.KIND_CUSTOMER


@kernel
def is_owned(state: Any, account: int, client: int) -> bool:
    """Whether a number names an account of one of the client's customers."""
    if not is_customer_account(state, account):
        return False
    return state.customers[state.accounts[account, at.ACCOUNT_CUSTOMER], at.CUSTOMER_CLIENT] == client


@kernel
def room(state: Any, account: int, amount: int) -> bool:
    """Whether an account can receive an amount; the system's own accounts have a wider bound."""
    most = MAX_BALANCE_MINOR if state.accounts[account, at.ACCOUNT_KIND] == at.KIND_CUSTOMER else NO_LIMIT
    return state.accounts[account, at.AVAILABLE] + state.accounts[account, at.HELD] <= most - amount


@kernel
def pay(state: Any, terms: Any, row: Any, command: Any) -> None:
    """Pay: hold and clear in one step, or hold only."""
    payer, payee, slot = command["payer_account"], command["payee_account"], currency_slot(command["currency"])
    payer_known = is_owned(state, payer, command["client"])
    payee_known = is_customer_account(state, payee)
    if payer_known:
        name_payer(state, row, payer)
    if payee_known:
        row["payee_account"] = payee
    if not payer_known:
        decline(state, row, _PAYER_UNKNOWN)
    elif not payee_known:
        decline(state, row, _PAYEE_UNKNOWN)
    elif payer == payee:
        decline(state, row, _SAME_ACCOUNT)
    elif state.accounts[payer, at.ACCOUNT_CURRENCY] != slot or state.accounts[payee, at.ACCOUNT_CURRENCY] != slot:
        decline(state, row, _CURRENCY_MISMATCH)
    else:
        hold_only = command["flags"] & _HOLD_ONLY != 0
        lifetime = command["lifetime_us"] if command["lifetime_us"] > 0 else terms.hold_lifetime_us
        _spend(state, terms, row, payee, slot, lifetime if hold_only else 0)


@kernel
def withdraw(state: Any, terms: Any, row: Any, command: Any) -> None:
    """Withdraw: pay into the settlement account of the currency."""
    payer, slot = command["payer_account"], currency_slot(command["currency"])
    row["payment_type"] = _WITHDRAWAL
    if not is_owned(state, payer, command["client"]):
        decline(state, row, _PAYER_UNKNOWN)
        return
    name_payer(state, row, payer)
    if state.accounts[payer, at.ACCOUNT_CURRENCY] != slot:
        decline(state, row, _CURRENCY_MISMATCH)
        return
    row["payee_account"] = settlement_account(slot)
    _spend(state, terms, row, settlement_account(slot), slot, 0)


@kernel
def deposit(state: Any, row: Any, command: Any) -> None:
    """Deposit: money arrives from the settlement account of the currency. No fee, no limit."""
    payee, slot, amount = command["payee_account"], currency_slot(command["currency"]), command["amount_minor"]
    if not is_owned(state, payee, command["client"]):
        decline(state, row, _PAYEE_UNKNOWN)
        return
    row["payee_account"] = payee
    if state.accounts[payee, at.ACCOUNT_CURRENCY] != slot:
        decline(state, row, _CURRENCY_MISMATCH)
        return
    source = settlement_account(slot)
    row["payer_account"] = source
    if not room(state, payee, amount) or state.accounts[source, at.AVAILABLE] < amount - NO_LIMIT:
        decline(state, row, _TOO_LARGE)
        return
    row["moved_minor"] = amount
    close_row(state, row, _DONE, 0)


@kernel
def _spend(state: Any, terms: Any, row: Any, payee: int, slot: int, lifetime_us: int) -> None:
    """Take an amount and its fee from the row's payer: cleared at once, or held for a lifetime above 0."""
    amount = row["amount_minor"]
    fee = fee_of(terms, row["payment_type"], slot, amount)
    reason = _judge(state, terms, row, payee, slot, fee, lifetime_us > 0)
    if reason != 0:
        decline(state, row, reason)
        return
    row["limit_minor"] = amount
    row["limit_count"] = 1
    row["limit_day"] = row["business_day"]
    if lifetime_us > 0:
        row["held_minor"] = amount + fee
        row["expires_us"] = row["time_us"] + lifetime_us
        close_row(state, row, _HELD, 0)
    else:
        row["moved_minor"] = amount
        row["fee_minor"] = fee
        close_row(state, row, _CLEARED, 0)


@kernel
def _judge(state: Any, terms: Any, row: Any, payee: int, slot: int, fee: int, hold: bool) -> int:
    """The first reason that speaks against the payment: limits, funds, room, holds."""
    amount, day = row["amount_minor"], row["business_day"]
    payer = state.accounts[row["payer_account"]]
    reason = judge_limits(
        terms, state.purses[row["purse"]], row["tier"], row["payment_type"], slot, amount, day, month_of_day(day)
    )
    if reason != 0:
        return reason
    if payer[at.AVAILABLE] < amount + fee:
        return _INSUFFICIENT
    if not room(state, payee, amount) or not room(state, fee_account(slot), fee):
        return _TOO_LARGE
    if hold and payer[at.OPEN_HOLDS] >= terms.holds_per_account:
        return _TOO_MANY_HOLDS
    if hold and state.scalars[0, at.HOLDS_OPEN] + 1 >= state.holds.shape[0]:
        return _HOLDS_FULL
    return 0
