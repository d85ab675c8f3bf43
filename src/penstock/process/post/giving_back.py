"""Giving back what was cleared: refund, return, chargeback, reversal. Never above what is left of the payment. Kernels."""

from __future__ import annotations

from typing import Any

from penstock.contracts.commands import NEVER_US, Flag, Kind, Option
from penstock.contracts.policy import CHARGEBACK_FEE
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State as PaymentState
from penstock.kit.kernels import constant, kernel
from penstock.process.post.accounts import credit_target, is_closed, judge_funds, room
from penstock.process.post.fees import fee_of
from penstock.process.post.moving import forced_reason, judge_capacity
from penstock.process.post.rows import close_row, decline, name_payer
from penstock.process.post.terms import REFUSALS
from penstock.state import layout as at
from penstock.state.fold import currency_slot, fee_account, suspense_account
from penstock.state.freezes import debit_frozen

_CLEARED, _REFUNDING = constant(PaymentState.CLEARED), constant(PaymentState.REFUNDING)
_REFUNDED, _RETURNED = constant(PaymentState.REFUNDED), constant(PaymentState.RETURNED)
_CHARGED_BACK, _REVERSED = constant(PaymentState.CHARGED_BACK), constant(PaymentState.REVERSED)
_PAY, _DEPOSIT, _WITHDRAW = int(Kind.PAY), int(Kind.DEPOSIT), int(Kind.WITHDRAW)
_REFUND, _RETURN, _CHARGEBACK, _RECOVER = (
    int(k) for k in (Kind.REFUND, Kind.RETURN, Kind.CHARGEBACK, Kind.RECOVER)
)
_REVERSE = int(Option.REVERSE)
_OPERATES, _RAIL = int(Flag.OPERATES), int(Flag.RAIL)
_FROM_SUSPENSE, _TO_SUSPENSE = int(Flag.FROM_SUSPENSE), int(Flag.TO_SUSPENSE)
_PAYMENT_CLEARED, _NOT_REFUNDABLE = constant(Reason.PAYMENT_CLEARED), constant(Reason.NOT_REFUNDABLE)
_RAIL_NOT_OFFERED, _ABOVE_LEFT = constant(Reason.RAIL_NOT_OFFERED), constant(Reason.AMOUNT_ABOVE_LEFT)
_SAME_ACCOUNT, _TOO_LARGE = constant(Reason.SAME_ACCOUNT), constant(Reason.BALANCE_TOO_LARGE)
_PAYER_CLOSED, _PAYER_FROZEN = constant(Reason.PAYER_CLOSED), constant(Reason.PAYER_FROZEN)
_INSUFFICIENT = constant(Reason.INSUFFICIENT_FUNDS)


@kernel
def give_back_cleared(state: Any, terms: Any, row: Any, known: Any, i: int, news: tuple[int, int, int]) -> None:
    """Give back all or a part of a payment that is not held. ``news``: its newest row, its state, what is left of it."""
    last_seq, payment_state, left = news
    slot = currency_slot(known.ref_currency[i])
    in_suspense = known.ref_kind[i] == _DEPOSIT and known.ref_payee[i] == suspense_account(slot)
    reason = _judge_payment(terms, row, payment_state, known.ref_kind[i], in_suspense)
    amount = row["amount_minor"] if row["amount_minor"] > 0 else left
    if reason == 0 and amount > left:
        reason = _ABOVE_LEFT
    if reason != 0:
        decline(state, row, reason)
        return
    through_bank = row["kind"] == _REFUND and known.ref_kind[i] == _DEPOSIT
    source, target = _source(row, known.ref_payee[i], slot), known.ref_payer[i]
    if not through_bank:
        target = credit_target(state, target, slot, row["time_us"])
    fee = _fee(terms, row, slot, amount)
    reason = _judge_source(state, row, source, amount + fee)
    if source == target:
        reason = _SAME_ACCOUNT
    elif reason == 0 and (not room(state, target, amount) or not room(state, fee_account(slot), fee)):
        reason = _TOO_LARGE
    elif reason == 0 and through_bank:
        reason = judge_capacity(state, terms, source)
    if reason != 0:
        decline(state, row, reason)
        return
    name_payer(state, row, source)
    row["payee_account"] = target
    row["ref_prev_seq"] = last_seq
    row["payment_type"] = known.ref_type[i]
    row["currency"] = known.ref_currency[i]
    if through_bank:
        _send_to_bank(state, row, amount, left)
    else:
        if target != known.ref_payer[i]:
            row["flags"] |= _TO_SUSPENSE
        row["moved_minor"] = amount
        row["fee_minor"] = fee
        row["left_minor"] = left - amount
        close_row(state, row, _CLEARED if left > amount else _ended_by(row["kind"]), 0)


@kernel
def _send_to_bank(state: Any, row: Any, amount: int, left: int) -> None:
    """Hold the amount until the bank has answered."""
    row["flags"] |= _RAIL
    row["held_minor"] = amount
    row["left_minor"] = left
    row["expires_us"] = NEVER_US
    close_row(state, row, _REFUNDING, 0)


@kernel
def _judge_payment(terms: Any, row: Any, payment_state: int, kind_of_payment: int, in_suspense: bool) -> int:
    """Why the payment cannot be given back this way: its state, its kind, no bank; or a test value."""
    kind = row["kind"]
    forced = forced_reason(terms, row["option"]) if kind == _REFUND else 0
    if forced > 0:
        return forced
    if REFUSALS[payment_state, kind] != 0:
        return REFUSALS[payment_state, kind]
    if kind == _RECOVER and row["option"] != _REVERSE:
        return _PAYMENT_CLEARED
    if not _is_refundable(kind, kind_of_payment, row["flags"], in_suspense):
        return _NOT_REFUNDABLE
    if kind == _REFUND and kind_of_payment == _DEPOSIT and not terms.rails:
        return _RAIL_NOT_OFFERED
    return 0


@kernel
def _is_refundable(kind: int, kind_of_payment: int, flags: int, in_suspense: bool) -> bool:
    """What went to suspense may have found its owner since; then it is others' money that a refund would take."""
    if in_suspense and flags & _OPERATES == 0:
        return False
    if kind_of_payment == _PAY:
        return True
    if kind_of_payment == _WITHDRAW:
        return kind == _RETURN and flags & _OPERATES != 0
    return kind != _RETURN


@kernel
def _source(row: Any, payee: int, slot: int) -> int:
    """Who pays: the payee, or the operator out of suspense."""
    forced = row["kind"] == _CHARGEBACK or row["kind"] == _RECOVER
    return suspense_account(slot) if forced and row["flags"] & _FROM_SUSPENSE != 0 else payee


@kernel
def _fee(terms: Any, row: Any, slot: int, amount: int) -> int:
    if row["kind"] != _CHARGEBACK or row["flags"] & _FROM_SUSPENSE != 0:
        return 0
    return fee_of(terms, CHARGEBACK_FEE, slot, amount)


@kernel
def _judge_source(state: Any, row: Any, source: int, needed: int) -> int:
    """Why the source cannot give back; settlement, and suspense when the operator pays, may go below zero."""
    account, time_us = state.accounts[source], row["time_us"]
    kind = account[at.ACCOUNT_KIND]
    forced = row["kind"] == _CHARGEBACK or row["kind"] == _RECOVER
    if kind == at.KIND_SETTLEMENT or (forced and row["flags"] & _FROM_SUSPENSE != 0):
        return 0
    if forced:
        return _INSUFFICIENT if account[at.AVAILABLE] < needed else 0
    if is_closed(state, source):
        return _PAYER_CLOSED
    if debit_frozen(account, time_us):
        return _PAYER_FROZEN
    return judge_funds(state, source, needed, time_us)


@kernel
def _ended_by(kind: int) -> int:
    """The state of a payment of which nothing is left."""
    if kind == _REFUND:
        return _REFUNDED
    if kind == _RETURN:
        return _RETURNED
    if kind == _CHARGEBACK:
        return _CHARGED_BACK
    return _REVERSED
