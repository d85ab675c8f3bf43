"""What operators set: freezes, closed accounts, tiers, limits of one customer, numbers of approvers; suspense. Kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.contracts.commands import MOST_APPROVERS, NEVER_US, Flag, Operation, Option
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State as PaymentState
from penstock.kit.kernels import constant, kernel
from penstock.process.post.accounts import is_closed, judge_accounts, room
from penstock.process.post.approvals import approvers_needed, judge_approvals
from penstock.process.post.rows import close_row, decline, name_payer
from penstock.state import layout as at
from penstock.state.controls import touches_credit, touches_debit
from penstock.state.fold import currency_slot, suspense_account
from penstock.state.overrides import find_override
from penstock.state.ownership import is_customer_account, may_use

_DONE = constant(PaymentState.DONE)
_OPERATES, _REMOVE = int(Flag.OPERATES), int(Flag.REMOVE)
_FREEZE_AMOUNT, _CLOSE = int(Option.FREEZE_AMOUNT), int(Option.CLOSE)
_TIER, _FIRST_LIMIT, _APPROVALS = int(Option.TIER), int(Option.LIMIT_SINGLE), int(Option.APPROVALS)
_LIMITS, _UNFREEZE, _PUBLISH = constant(Operation.LIMITS), constant(Operation.UNFREEZE), constant(Operation.PUBLISH)
_IN_FORCE = int(Option.MODEL_IN_FORCE)
_RECOVER, _FEWER_APPROVERS = constant(Operation.RECOVER), constant(Operation.APPROVALS)
_CUSTOMER_UNKNOWN, _ACCOUNT_UNKNOWN = constant(Reason.CUSTOMER_UNKNOWN), constant(Reason.ACCOUNT_UNKNOWN)
_PAYEE_UNKNOWN, _PAYMENT_UNKNOWN = constant(Reason.PAYEE_UNKNOWN), constant(Reason.PAYMENT_UNKNOWN)
_MODEL_UNKNOWN = constant(Reason.MODEL_UNKNOWN)
_TIER_UNKNOWN, _CURRENCY_MISMATCH = constant(Reason.TIER_UNKNOWN), constant(Reason.CURRENCY_MISMATCH)
_MISSING, _OUT_OF_BOUNDS = constant(Reason.APPROVALS_MISSING), constant(Reason.APPROVERS_OUT_OF_BOUNDS)
_CLOSED, _NOT_EMPTY = constant(Reason.ACCOUNT_CLOSED), constant(Reason.ACCOUNT_NOT_EMPTY)
_INSUFFICIENT, _TOO_LARGE = constant(Reason.INSUFFICIENT_FUNDS), constant(Reason.BALANCE_TOO_LARGE)
_OWN_LIMITS_FULL = constant(Reason.OWN_LIMITS_FULL)


@kernel
def set_account(state: Any, row: Any, command: Any) -> None:
    """Freeze, unfreeze or close an account."""
    number, option = command["payer_account"], command["option"]
    if not may_use(state, number, command["client"], command["flags"]):
        decline(state, row, _ACCOUNT_UNKNOWN)
        return
    name_payer(state, row, number)
    account = state.accounts[number]
    from_us = until_us = 0
    if option <= _FREEZE_AMOUNT:
        from_us = max(command["from_us"], row["time_us"])
        until_us = command["until_us"] if command["until_us"] > 0 else NEVER_US
    reason = 0
    if option != _CLOSE and _loosens(account, row, from_us, until_us):
        reason = judge_approvals(state, row, _UNFREEZE) if command["flags"] & _OPERATES != 0 else _MISSING
    if reason == 0 and is_closed(state, number):
        reason = _CLOSED
    if reason == 0 and option == _CLOSE and (account[at.AVAILABLE] != 0 or account[at.HELD] != 0):
        reason = _NOT_EMPTY
    if reason != 0:
        decline(state, row, reason)
        return
    row["from_us"] = from_us
    row["expires_us"] = until_us
    close_row(state, row, _DONE, 0)


@kernel
def _loosens(account: Any, row: Any, from_us: int, until_us: int) -> bool:
    """Whether a freeze or unfreeze lets through what is stopped now, or would be later."""
    option, time_us = row["option"], row["time_us"]
    if option > _FREEZE_AMOUNT:
        return True
    loosens = False
    if touches_debit(option):
        loosens |= _shortens(account[at.DEBIT_FROM_US], account[at.DEBIT_UNTIL_US], time_us, from_us, until_us)
    if touches_credit(option):
        loosens |= _shortens(account[at.CREDIT_FROM_US], account[at.CREDIT_UNTIL_US], time_us, from_us, until_us)
    if option == _FREEZE_AMOUNT and account[at.FROZEN_UNTIL_US] > time_us:
        loosens |= row["amount_minor"] < account[at.FROZEN_MINOR]
        loosens |= _shortens(account[at.FROZEN_FROM_US], account[at.FROZEN_UNTIL_US], time_us, from_us, until_us)
    return loosens


@kernel
def _shortens(old_from_us: int, old_until_us: int, time_us: int, from_us: int, until_us: int) -> bool:
    """Whether what is left of an old span is not all within the new one."""
    return old_until_us > time_us and (until_us < old_until_us or from_us > max(old_from_us, time_us))


@kernel
def set_customer(state: Any, terms: Any, row: Any, command: Any) -> None:
    """Set a customer's tier, or a limit of this customer alone."""
    customer = command["customer"]
    if command["flags"] & _OPERATES == 0 or not 0 < customer <= state.scalars[0, at.CUSTOMERS]:
        decline(state, row, _CUSTOMER_UNKNOWN)
        return
    row["customer"] = customer
    row["tier"] = state.customers[customer, at.TIER]
    if command["option"] == _TIER:
        _set_tier(state, terms, row, command["tier"])
    else:
        _set_own_limit(state, terms, row, command)


@kernel
def _set_tier(state: Any, terms: Any, row: Any, tier: int) -> None:
    reason = judge_approvals(state, row, _LIMITS)
    if not 0 <= tier < terms.offered.shape[0]:
        decline(state, row, _TIER_UNKNOWN)
    elif reason != 0:
        decline(state, row, reason)
    else:
        row["tier"] = tier
        close_row(state, row, _DONE, 0)


@kernel
def _set_own_limit(state: Any, terms: Any, row: Any, command: Any) -> None:
    slot = currency_slot(command["currency"])
    purse = state.customers[row["customer"], at.FIRST_PURSE + slot] if slot >= 0 else 0
    if purse == 0:
        decline(state, row, _CURRENCY_MISMATCH)
        return
    row["purse"] = purse
    reason = judge_approvals(state, row, _LIMITS)
    kind: Any = np.int64(command["payment_type"])
    field: Any = np.int64(command["option"] - _FIRST_LIMIT)
    place = find_override(state, purse, kind, field)
    if reason == 0 and state.overrides[place, at.OVERRIDE_KEY] == 0 and state.scalars[0, at.OVERRIDES] >= terms.own_limits:
        reason = _OWN_LIMITS_FULL
    if reason != 0:
        decline(state, row, reason)
        return
    if command["flags"] & _REMOVE != 0:
        row["expires_us"] = row["time_us"]
    else:
        row["expires_us"] = command["until_us"] if command["until_us"] > 0 else NEVER_US
    close_row(state, row, _DONE, 0)


@kernel
def set_approvals(state: Any, row: Any, command: Any) -> None:
    """Set how many approvers an operation needs; lowering the number is such an operation itself."""
    wanted = command["amount_minor"]
    reason = 0
    if command["flags"] & _OPERATES == 0:
        reason = _MISSING
    elif wanted < approvers_needed(state, command["option"] - _APPROVALS):
        reason = judge_approvals(state, row, _FEWER_APPROVERS)
    if reason == 0 and wanted > MOST_APPROVERS:
        reason = _OUT_OF_BOUNDS
    if reason != 0:
        decline(state, row, reason)
    else:
        close_row(state, row, _DONE, 0)


@kernel
def publish_model(state: Any, row: Any, command: Any, reason: int) -> None:
    """Put a model in force, or none; ``reason``: why the lane cannot use it, 0 = it can."""
    if command["flags"] & _OPERATES == 0:
        reason = _MISSING
    elif reason != _MODEL_UNKNOWN:
        missing = judge_approvals(state, row, _PUBLISH)
        reason = missing if missing != 0 else reason
    if reason != 0:
        decline(state, row, reason)
        return
    row["model_version"] = state.scalars[0, at.MODELS] + 1 if command["option"] == _IN_FORCE else 0
    close_row(state, row, _DONE, 0)


@kernel
def move_suspense(state: Any, row: Any, command: Any) -> None:
    """Move money from suspense to the account that it belongs to."""
    payee, slot, amount = command["payee_account"], currency_slot(command["currency"]), command["amount_minor"]
    source = suspense_account(slot)
    reason = _judge_move(state, row, command, payee, slot)
    if reason == 0 and (amount <= 0 or state.accounts[source, at.AVAILABLE] < amount):
        reason = _INSUFFICIENT
    if reason == 0 and not room(state, payee, amount):
        reason = _TOO_LARGE
    if reason != 0:
        decline(state, row, reason)
        return
    name_payer(state, row, source)
    row["payee_account"] = payee
    row["moved_minor"] = amount
    close_row(state, row, _DONE, 0)


@kernel
def _judge_move(state: Any, row: Any, command: Any, payee: int, slot: int) -> int:
    if command["flags"] & _OPERATES == 0:
        return _PAYMENT_UNKNOWN
    if not is_customer_account(state, payee):
        return _PAYEE_UNKNOWN
    if slot < 0 or state.accounts[payee, at.ACCOUNT_CURRENCY] != slot:
        return _CURRENCY_MISMATCH
    reason = judge_approvals(state, row, _RECOVER)
    return reason if reason != 0 else judge_accounts(state, suspense_account(slot), payee, row["time_us"])
