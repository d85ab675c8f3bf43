"""What an account may do: who may use it, whether it is frozen or closed, what it has and can take. Kernels."""

from __future__ import annotations

from typing import Any

from penstock.contracts.money import MAX_BALANCE_MINOR
from penstock.contracts.policy import NO_LIMIT
from penstock.contracts.reasons import Reason
from penstock.kit.kernels import constant, kernel
from penstock.state import layout as at
from penstock.state.fold import suspense_account
from penstock.state.freezes import credit_frozen, debit_frozen, frozen_amount

_PAYER_CLOSED, _PAYEE_CLOSED = constant(Reason.PAYER_CLOSED), constant(Reason.PAYEE_CLOSED)
_PAYER_FROZEN, _PAYEE_FROZEN = constant(Reason.PAYER_FROZEN), constant(Reason.PAYEE_FROZEN)
_INSUFFICIENT, _FUNDS_FROZEN = constant(Reason.INSUFFICIENT_FUNDS), constant(Reason.FUNDS_FROZEN)


@kernel
def is_closed(state: Any, account: int) -> bool:
    """Whether an account has been closed."""
    return state.accounts[account, at.ACCOUNT_KIND] == at.KIND_CLOSED


@kernel
def room(state: Any, account: int, amount: int) -> bool:
    """Whether an account can receive an amount; the system's own accounts have a wider bound."""
    most = MAX_BALANCE_MINOR if state.accounts[account, at.ACCOUNT_CUSTOMER] > 0 else NO_LIMIT
    return state.accounts[account, at.AVAILABLE] + state.accounts[account, at.HELD] <= most - amount


@kernel
def judge_accounts(state: Any, payer: int, payee: int, time_us: int) -> int:
    """Why money may not go from one account to another now, 0 = it may. System accounts are never frozen or closed."""
    if is_closed(state, payer):
        return _PAYER_CLOSED
    if is_closed(state, payee):
        return _PAYEE_CLOSED
    if debit_frozen(state.accounts[payer], time_us):
        return _PAYER_FROZEN
    if credit_frozen(state.accounts[payee], time_us):
        return _PAYEE_FROZEN
    return 0


@kernel
def judge_funds(state: Any, payer: int, needed: int, time_us: int) -> int:
    """Why an account cannot pay what is needed, 0 = it can."""
    account = state.accounts[payer]
    if account[at.AVAILABLE] < needed:
        return _INSUFFICIENT
    if account[at.AVAILABLE] - frozen_amount(account, time_us) < needed:
        return _FUNDS_FROZEN
    return 0


@kernel
def credit_target(state: Any, account: int, slot: int, time_us: int) -> int:
    """Where a credit goes that cannot be refused: to the account, or to suspense when it is closed or frozen for it."""
    if is_closed(state, account) or credit_frozen(state.accounts[account], time_us):
        return suspense_account(slot)
    return account
