"""Giving back what was cleared: refund, return, chargeback, recover."""

from __future__ import annotations

from penstock.contracts.commands import Flag, Kind, Operation, Option, Status
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from support.oracle import checks, settle
from support.oracle.book import (
    NEVER_US,
    SETTLEMENT,
    SUSPENSE,
    Book,
    Command,
    Outcome,
    Payment,
    currency_of,
    operates,
    require,
)

_ENDS = {
    Kind.REFUND: State.REFUNDED, Kind.RETURN: State.RETURNED, Kind.CHARGEBACK: State.CHARGED_BACK,
    Kind.RECOVER: State.REVERSED,
}  # fmt: skip
#: What operators take, whether the source wants it or not.
_FORCED = (Kind.CHARGEBACK, Kind.RECOVER)


def refund(book: Book, payment: Payment, c: Command, now_us: int) -> Outcome:
    checks.check_not_forced(book, c)
    return give(book, payment, c, now_us)


def recover(book: Book, payment: Payment, c: Command, now_us: int) -> Outcome:
    checks.check_approvals(book, c, Operation.RECOVER)
    if c.option in (Option.FINISH_PAID, Option.FINISH_UNPAID):
        require(payment.at_bank, settle.reason_of(payment.state))
        return settle.finish(book, payment, c, now_us, paid=c.option == Option.FINISH_PAID)
    return give(book, payment, c, now_us)


def move_suspense(book: Book, c: Command, now_us: int) -> Outcome:
    require(operates(c), Reason.PAYMENT_UNKNOWN)
    account = c.payee_account
    require(book.is_customers(account), Reason.PAYEE_UNKNOWN)
    require(book.accounts[account].currency == currency_of(c), Reason.CURRENCY_MISMATCH)
    checks.check_approvals(book, c, Operation.RECOVER)
    require(not book.accounts[account].closed, Reason.PAYEE_CLOSED)
    require(not book.accounts[account].credit.holds(now_us), Reason.PAYEE_FROZEN)
    source = book.system(currency_of(c), SUSPENSE)
    require(0 < c.amount_minor <= book.accounts[source].available, Reason.INSUFFICIENT_FUNDS)
    checks.check_room(book, account, c.amount_minor)
    book.move(source, account, c.amount_minor)
    return Outcome(Status.DONE, State.DONE, moved=c.amount_minor)


def give(book: Book, payment: Payment, c: Command, now_us: int) -> Outcome:
    """All give-backs; ``return`` and ``chargeback`` are no more than this."""
    require(payment.state == State.CLEARED, settle.reason_of(payment.state))
    require(_fits(book, payment, c), Reason.NOT_REFUNDABLE)
    by_bank = c.kind == Kind.REFUND and payment.kind == Kind.DEPOSIT
    require(book.bank or not by_bank, Reason.RAIL_NOT_OFFERED)
    part = c.amount_minor or payment.left
    require(part <= payment.left, Reason.AMOUNT_ABOVE_LEFT)
    source = _suspense(book, payment) if _operator_pays(c) else payment.payee
    target = payment.payer if by_bank else book.target(payment.payer, now_us)
    require(source != target, Reason.SAME_ACCOUNT)
    disputed = c.kind == Kind.CHARGEBACK and not _operator_pays(c)
    fee = book.fee_of("chargeback", payment.currency, part) if disputed else 0
    _check_source(book, payment, c, source, part + fee, now_us)
    checks.check_room(book, target, part)
    if by_bank:
        return _send_to_bank(book, payment, part)
    book.move(source, target, part, fee)
    payment.given_back += part
    if payment.left == 0:
        payment.state = _ENDS[Kind(c.kind)]
    to_suspense = Flag.TO_SUSPENSE if target != payment.payer else 0
    return Outcome(Status.DONE, payment.state, moved=part, fee=fee, left=payment.left, flags=to_suspense)


def _fits(book: Book, payment: Payment, c: Command) -> bool:
    """Whether a payment can be given back in this way by whoever asks."""
    if payment.kind == Kind.WITHDRAW:
        return c.kind == Kind.RETURN and operates(c)
    if payment.kind == Kind.DEPOSIT and payment.payee == _suspense(book, payment) and not operates(c):
        return False  # it may have found its owner in the meantime, and what lies in suspense is somebody else's
    return payment.kind == Kind.PAY or c.kind != Kind.RETURN


def _check_source(book: Book, payment: Payment, c: Command, source: int, needed: int, now_us: int) -> None:
    """The source is free to pay; neither freezes nor a frozen amount stop what operators take."""
    if _operator_pays(c) or source == book.system(payment.currency, SETTLEMENT):
        return  # these may be below 0
    if c.kind in _FORCED:
        require(book.accounts[source].available >= needed, Reason.INSUFFICIENT_FUNDS)
        return
    require(not book.accounts[source].closed, Reason.PAYER_CLOSED)
    require(not book.accounts[source].debit.holds(now_us), Reason.PAYER_FROZEN)
    checks.check_funds(book, source, needed, now_us)


def _send_to_bank(book: Book, payment: Payment, part: int) -> Outcome:
    checks.check_capacity(book, payment.payee)
    payment.state, payment.on_its_way, payment.expires_us = State.REFUNDING, part, NEVER_US
    book.hold(payment.payee, part)
    return Outcome(Status.DONE, State.REFUNDING, held=part, left=payment.left, flags=Flag.RAIL)


def _operator_pays(c: Command) -> bool:
    return c.kind in _FORCED and bool(c.flags & Flag.FROM_SUSPENSE)


def _suspense(book: Book, payment: Payment) -> int:
    return book.system(payment.currency, SUSPENSE)
