"""Deciding a review: a person does, or the deadline's default. Kernels."""

from __future__ import annotations

from typing import Any

from penstock.contracts.commands import Flag, Operation, Option
from penstock.contracts.states import State as PaymentState
from penstock.kit.kernels import constant, kernel
from penstock.process.post.accounts import judge_accounts
from penstock.process.post.approvals import judge_approvals
from penstock.process.post.holding import give_back, judge_room, name_payment, pay_out, rest_of
from penstock.process.post.limits import judge_limits_again
from penstock.process.post.moving import due_after
from penstock.process.post.rows import close_row, decline
from penstock.state import layout as at

_HELD, _DELAYED = constant(PaymentState.HELD), constant(PaymentState.DELAYED)
_APPROVE, _OPERATION = int(Option.APPROVE), constant(Operation.REVIEW)
_HOLD_ONLY, _RAIL = int(Flag.HOLD_ONLY), int(Flag.RAIL)
_ORDINARY, _NEXT_DAY = int(Flag.ORDINARY), int(Flag.NEXT_DAY)


@kernel
def decide(state: Any, terms: Any, row: Any, slot: int) -> None:
    """Carry out a person's decision."""
    hold = state.holds[slot]
    reason = 0
    if hold[at.HOLD_AMOUNT] > terms.review_approval_above:
        reason = judge_approvals(state, row, _OPERATION)
    if reason == 0 and row["option"] == _APPROVE:
        reason = approve(state, terms, row, slot)
    elif reason == 0:
        give_back(state, row, slot, rest_of(hold), 0)
    if reason != 0:
        decline(state, row, reason)


@kernel
def decide_by_default(state: Any, terms: Any, row: Any, slot: int) -> None:
    """At the deadline: what the payment's type says; what cannot be approved is rejected."""
    hold = state.holds[slot]
    reason = 0
    if terms.reviews[hold[at.HOLD_TYPE], hold[at.HOLD_CURRENCY], 2] == _APPROVE:
        reason = approve(state, terms, row, slot)
        if reason == 0:
            return
    give_back(state, row, slot, rest_of(state.holds[slot]), reason)


@kernel
def approve(state: Any, terms: Any, row: Any, slot: int) -> int:
    """Let the payment go on as it was meant to, if accounts and limits still allow it; else the reason why not."""
    hold = state.holds[slot]
    reason = _judge_again(state, terms, row, hold)
    if reason != 0:
        return reason
    flags = hold[at.HOLD_FLAGS]
    if flags & (_HOLD_ONLY | _RAIL | _ORDINARY | _NEXT_DAY) == 0:
        pay_out(state, row, slot, rest_of(hold), False)
        return 0
    outcome = _HELD if flags & (_HOLD_ONLY | _RAIL) != 0 else _DELAYED
    name_payment(state, row, hold)
    row["expires_us"] = due_after(terms, row["time_us"], outcome, flags, 0)
    close_row(state, row, outcome, 0)
    return 0


@kernel
def _judge_again(state: Any, terms: Any, row: Any, hold: Any) -> int:
    """Why the payment may not go on: accounts, limits, room."""
    reason = judge_accounts(state, hold[at.HOLD_PAYER], hold[at.HOLD_PAYEE], row["time_us"])
    if reason != 0:
        return reason
    row["payment_type"] = hold[at.HOLD_TYPE]
    row["purse"] = hold[at.HOLD_PURSE]
    row["tier"] = state.customers[state.accounts[hold[at.HOLD_PAYER], at.ACCOUNT_CUSTOMER], at.TIER]
    reason = judge_limits_again(
        state, terms, row, hold[at.HOLD_CURRENCY], hold[at.HOLD_AMOUNT], hold[at.HOLD_LIMIT_DAY]
    )
    row["payment_type"], row["purse"], row["tier"] = 0, 0, 0  # a refused follow-up names nothing
    return reason if reason != 0 else judge_room(state, hold, rest_of(hold))
