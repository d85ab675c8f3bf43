"""Moving money: pay, deposit, withdraw. Checks in the order of the reason codes, then one row. Kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.contracts.commands import FORCE_REASON, FORCE_STATE, NEVER_US, Flag, Kind, PaymentType
from penstock.contracts.policy import NO_LIMIT, VERDICTS
from penstock.contracts.reasons import WITHOUT_TRACE, Reason
from penstock.contracts.states import State as PaymentState
from penstock.kit.kernels import constant, kernel
from penstock.process.post.accounts import credit_target, judge_accounts, judge_funds, room
from penstock.process.post.fees import fee_of
from penstock.process.post.limits import judge_limits
from penstock.process.post.rows import close_row, decline, name_payer
from penstock.state import layout as at
from penstock.state.fold import HOUR_US, currency_slot, fee_account, settlement_account, suspense_account
from penstock.state.ownership import is_customer_account, is_owned, may_use

_CLEARED, _HELD = constant(PaymentState.CLEARED), constant(PaymentState.HELD)
_DELAYED, _REVIEW = constant(PaymentState.DELAYED), constant(PaymentState.REVIEW)
_CHALLENGE = constant(PaymentState.CHALLENGE)
_HOLD_ONLY, _RAIL, _OPERATES = int(Flag.HOLD_ONLY), int(Flag.RAIL), int(Flag.OPERATES)
_ORDINARY, _NEXT_DAY, _TO_SUSPENSE = int(Flag.ORDINARY), int(Flag.NEXT_DAY), int(Flag.TO_SUSPENSE)
_PAY, _WITHDRAWAL = int(Kind.PAY), int(PaymentType.WITHDRAWAL)
_PAYER_UNKNOWN, _PAYEE_UNKNOWN = constant(Reason.PAYER_UNKNOWN), constant(Reason.PAYEE_UNKNOWN)
_SAME_ACCOUNT, _CURRENCY_MISMATCH = constant(Reason.SAME_ACCOUNT), constant(Reason.CURRENCY_MISMATCH)
_RAIL_NOT_OFFERED, _TOO_LARGE = constant(Reason.RAIL_NOT_OFFERED), constant(Reason.BALANCE_TOO_LARGE)
_REVIEWS_FULL = constant(Reason.REVIEWS_FULL)
_BLOCKED, _NEEDED = constant(Reason.RISK_BLOCKED), constant(Reason.VERIFICATION_NEEDED)
_ASKS_CHALLENGE, _ASKS_REVIEW, _ASKS_BLOCK = (VERDICTS.index(name) for name in ("challenge", "review", "block"))
_TOO_MANY_HOLDS, _HOLDS_FULL = constant(Reason.TOO_MANY_HOLDS), constant(Reason.HOLDS_FULL)

#: The refusals that the sandbox can force, by code.
_FORCIBLE = np.array([code in set(Reason) - WITHOUT_TRACE - {Reason.OK} for code in range(max(Reason) + 1)])


@kernel
def forced_reason(terms: Any, option: int) -> int:
    """The refusal that a test value asks for in the sandbox, 0 = none; what is no reason is ignored."""
    if not terms.sandbox or not FORCE_REASON < option < FORCE_REASON + _FORCIBLE.shape[0]:
        return 0
    return option - FORCE_REASON if _FORCIBLE[option - FORCE_REASON] else 0


@kernel
def forced_state(terms: Any, row: Any) -> int:
    """The outcome of a ``pay`` that a test value asks for in the sandbox, 0 = none; others than these are ignored."""
    wanted = row["option"] - FORCE_STATE
    forcible = wanted in (_HELD, _DELAYED, _REVIEW, _CHALLENGE)
    return wanted if terms.sandbox and forcible and row["kind"] == _PAY else 0


@kernel
def pay(state: Any, terms: Any, row: Any, command: Any, verdict: int) -> None:
    """Pay: clear at once, hold only, or clear later, unless the verdict on its risk wants otherwise."""
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
    elif forced_reason(terms, row["option"]) > 0:
        decline(state, row, forced_reason(terms, row["option"]))
    else:
        _spend(state, terms, row, slot, command["lifetime_us"], verdict)


@kernel
def withdraw(state: Any, terms: Any, row: Any, command: Any) -> None:
    """Withdraw into the settlement account of the currency: at once, or held until the bank has paid it out."""
    payer, slot = command["payer_account"], currency_slot(command["currency"])
    row["payment_type"] = _WITHDRAWAL
    row["flags"] &= _RAIL | _OPERATES
    if not is_owned(state, payer, command["client"]):
        decline(state, row, _PAYER_UNKNOWN)
        return
    name_payer(state, row, payer)
    if state.accounts[payer, at.ACCOUNT_CURRENCY] != slot:
        decline(state, row, _CURRENCY_MISMATCH)
        return
    row["payee_account"] = settlement_account(slot)
    if forced_reason(terms, row["option"]) > 0:
        decline(state, row, forced_reason(terms, row["option"]))
    elif row["flags"] & _RAIL != 0 and not terms.rails:
        decline(state, row, _RAIL_NOT_OFFERED)
    else:
        _spend(state, terms, row, slot, 0, 0)


@kernel
def deposit(state: Any, terms: Any, row: Any, command: Any) -> None:
    """Deposit: money has arrived on the settlement account of the currency. No fee, no limit.

    What cannot be credited to the account named goes to suspense: money that is here is not refused.
    """
    payee, slot, amount = command["payee_account"], currency_slot(command["currency"]), command["amount_minor"]
    for_nobody = command["flags"] & _TO_SUSPENSE != 0 and command["flags"] & _OPERATES != 0 and payee == 0
    if not for_nobody and not may_use(state, payee, command["client"], command["flags"]):
        decline(state, row, _PAYEE_UNKNOWN)
        return
    row["payee_account"] = payee
    if slot < 0 or (not for_nobody and state.accounts[payee, at.ACCOUNT_CURRENCY] != slot):
        decline(state, row, _CURRENCY_MISMATCH)
        return
    if forced_reason(terms, row["option"]) > 0:
        decline(state, row, forced_reason(terms, row["option"]))
        return
    source = settlement_account(slot)
    target = suspense_account(slot) if for_nobody else credit_target(state, payee, slot, row["time_us"])
    row["payer_account"] = source
    row["payee_account"] = target
    if target != payee:
        row["flags"] |= _TO_SUSPENSE
    if not room(state, target, amount) or state.accounts[source, at.AVAILABLE] < amount - NO_LIMIT:
        decline(state, row, _TOO_LARGE)
        return
    row["moved_minor"] = amount
    row["left_minor"] = amount
    close_row(state, row, _CLEARED, 0)


@kernel
def _spend(state: Any, terms: Any, row: Any, slot: int, lifetime_us: int, verdict: int) -> None:
    """Take the row's amount and its fee from its payer: cleared at once, or held until something else happens."""
    amount = row["amount_minor"]
    fee = fee_of(terms, row["payment_type"], slot, amount)
    reason = _judge(state, terms, row, slot, fee)
    outcome = forced_state(terms, row)
    if reason == 0 and outcome == 0 and verdict == _ASKS_BLOCK:
        reason = _BLOCKED
    if reason == 0 and (outcome == _CHALLENGE or (outcome == 0 and verdict == _ASKS_CHALLENGE)):
        close_row(state, row, _CHALLENGE, _NEEDED)
        return
    if reason == 0 and outcome == 0:
        outcome = _intended(row["flags"])
        if verdict == _ASKS_REVIEW or _needs_review(terms, row, slot):
            if review_slot_free(state, terms, row["time_us"]):
                outcome = _REVIEW
            elif terms.overflow_rejects:
                reason = _REVIEWS_FULL
    if reason == 0 and outcome != _CLEARED:
        reason = judge_capacity(state, terms, row["payer_account"])
    if reason != 0:
        decline(state, row, reason)
        return
    row["limit_minor"] = amount
    row["limit_count"] = 1
    row["limit_day"] = row["business_day"]
    if outcome == _CLEARED:
        row["moved_minor"] = amount
        row["fee_minor"] = fee
        row["left_minor"] = amount
    else:
        row["held_minor"] = amount + fee
        row["expires_us"] = _due(terms, row, slot, outcome, lifetime_us)
    close_row(state, row, outcome, 0)


@kernel
def _judge(state: Any, terms: Any, row: Any, slot: int, fee: int) -> int:
    """The first reason that speaks against the payment: accounts, limits, funds, room."""
    amount, payer, payee, time_us = row["amount_minor"], row["payer_account"], row["payee_account"], row["time_us"]
    reason = judge_accounts(state, payer, payee, time_us)
    if reason != 0:
        return reason
    reason = judge_limits(state, terms, row, slot, amount)
    if reason != 0:
        return reason
    reason = judge_funds(state, payer, amount + fee, time_us)
    if reason != 0:
        return reason
    if not room(state, payee, amount) or not room(state, fee_account(slot), fee):
        return _TOO_LARGE
    return 0


@kernel
def judge_capacity(state: Any, terms: Any, payer: int) -> int:
    """Why no further payment of an account can be held, 0 = one can."""
    if state.accounts[payer, at.OPEN_HOLDS] >= terms.holds_per_account:
        return _TOO_MANY_HOLDS
    if state.scalars[0, at.HOLDS_OPEN] + 1 >= state.holds.shape[0]:
        return _HOLDS_FULL
    return 0


@kernel
def _intended(flags: int) -> int:
    """What the caller wants to become of the payment."""
    if flags & (_HOLD_ONLY | _RAIL) != 0:
        return _HELD
    if flags & (_ORDINARY | _NEXT_DAY) != 0:
        return _DELAYED
    return _CLEARED


@kernel
def _needs_review(terms: Any, row: Any, slot: int) -> bool:
    """Whether the policy wants a person to look at it; a withdrawal without a bank has arrived before anybody could."""
    if row["payment_type"] == _WITHDRAWAL and row["flags"] & _RAIL == 0:
        return False
    return row["amount_minor"] > terms.reviews[row["payment_type"], slot, 0]


@kernel
def review_slot_free(state: Any, terms: Any, time_us: int) -> bool:
    """Whether one more review can begin in this hour."""
    begun = state.scalars[0, at.REVIEWS_IN_HOUR] if state.scalars[0, at.REVIEW_HOUR] == time_us // HOUR_US else 0
    return begun < terms.reviews_per_hour


@kernel
def _due(terms: Any, row: Any, slot: int, outcome: int, lifetime_us: int) -> int:
    """When a payment that is held falls due."""
    if outcome == _REVIEW:
        return row["time_us"] + terms.reviews[row["payment_type"], slot, 1]
    return due_after(terms, row["time_us"], outcome, row["flags"], lifetime_us)


@kernel
def due_after(terms: Any, time_us: int, outcome: int, flags: int, lifetime_us: int) -> int:
    """When a payment falls due that is held or delayed from now on; the bank's answer has no end."""
    if outcome == _DELAYED:
        return time_us + (terms.next_day_us if flags & _NEXT_DAY != 0 else terms.ordinary_us)
    if flags & _RAIL != 0:
        return NEVER_US
    return time_us + (lifetime_us if lifetime_us > 0 else terms.hold_lifetime_us)
