"""How a payment begins: pay, deposit, withdraw."""

from __future__ import annotations

from typing import NamedTuple

from penstock.contracts.commands import FORCE_STATE, Flag, Kind, PaymentType, Status
from penstock.contracts.policy import DEFAULT_DEADLINE_S, ReviewRule
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from support.oracle import checks, judging
from support.oracle.book import (
    NEVER_US,
    SECOND_US,
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
from support.oracle.limits import check_limits, use

_HOUR_US = 3600 * SECOND_US


class Course(NamedTuple):
    """What becomes of a payment that passes, and for how long it stays so."""

    state: State
    lasts_us: int = NEVER_US


def deposit(book: Book, c: Command, now_us: int) -> Outcome:
    currency, account = currency_of(c), c.payee_account
    if operates(c) and c.flags & Flag.TO_SUSPENSE and account == 0:
        require(currency != "?", Reason.CURRENCY_MISMATCH)
        account = target = book.system(currency, SUSPENSE)
    else:
        require(book.reachable(account, c), Reason.PAYEE_UNKNOWN)
        require(book.accounts[account].currency == currency, Reason.CURRENCY_MISMATCH)
        target = book.target(account, now_us)
    checks.check_not_forced(book, c)
    checks.check_room(book, target, c.amount_minor)
    payment = _start(book, c, "deposit", book.system(currency, SETTLEMENT), target, currency, 0, now_us)
    payment.state, payment.cleared = State.CLEARED, c.amount_minor
    book.move(payment.payer, target, c.amount_minor)
    to_suspense = Flag.TO_SUSPENSE if target == book.system(currency, SUSPENSE) else 0
    return Outcome(Status.DONE, State.CLEARED, moved=c.amount_minor, left=c.amount_minor, flags=to_suspense)


def withdraw(book: Book, c: Command, now_us: int) -> Outcome:
    payer, currency = c.payer_account, currency_of(c)
    require(book.is_customers(payer) and book.client_of(payer) == c.client, Reason.PAYER_UNKNOWN)
    require(book.accounts[payer].currency == currency, Reason.CURRENCY_MISMATCH)
    checks.check_not_forced(book, c)
    require(book.bank or not c.flags & Flag.RAIL, Reason.RAIL_NOT_OFFERED)
    course = Course(State.HELD) if c.flags & Flag.RAIL else Course(State.CLEARED)
    return _spend(book, c, payer, book.system(currency, SETTLEMENT), "withdrawal", course, now_us)


def pay(book: Book, c: Command, now_us: int) -> Outcome:
    payer, payee, currency = c.payer_account, c.payee_account, currency_of(c)
    require(book.is_customers(payer) and book.client_of(payer) == c.client, Reason.PAYER_UNKNOWN)
    judging.note_attempt(book, c, now_us)
    require(book.is_customers(payee), Reason.PAYEE_UNKNOWN)
    require(payer != payee, Reason.SAME_ACCOUNT)
    require({book.accounts[payer].currency, book.accounts[payee].currency} == {currency}, Reason.CURRENCY_MISMATCH)
    checks.check_not_forced(book, c)
    kind = PaymentType(c.payment_type).name.lower()
    lasts_us = c.lifetime_us or book.policy.hold_lifetime_s * SECOND_US
    return _spend(book, c, payer, payee, kind, _wished(book, c.flags, lasts_us), now_us)


def meant(book: Book, payment: Payment) -> Course:
    """What a payment becomes when its review ends well."""
    if payment.kind == Kind.WITHDRAW:
        return Course(State.HELD)
    return _wished(book, payment.flags, book.policy.hold_lifetime_s * SECOND_US)


def _wished(book: Book, flags: int, hold_us: int) -> Course:
    if flags & Flag.HOLD_ONLY:
        return Course(State.HELD, hold_us)
    if flags & Flag.NEXT_DAY:
        return Course(State.DELAYED, book.policy.next_day_s * SECOND_US)
    if flags & Flag.ORDINARY:
        return Course(State.DELAYED, book.policy.ordinary_s * SECOND_US)
    return Course(State.CLEARED)


def _spend(book: Book, c: Command, payer: int, payee: int, kind: str, course: Course, now_us: int) -> Outcome:
    currency, amount = book.accounts[payer].currency, c.amount_minor
    fee = book.fee_of(kind, currency, amount)
    checks.check_both(book, payer, payee, now_us)
    check_limits(book, payer, kind, amount, now_us)
    checks.check_funds(book, payer, amount + fee, now_us)
    checks.check_room(book, payee, amount)
    asked = judging.verdict(book, c) if c.kind == Kind.PAY and not _forced(book, c) else "allow"
    require(asked != "block", Reason.RISK_BLOCKED)
    if asked == "challenge" or _forced(book, c) == State.CHALLENGE:
        _start(book, c, kind, payer, payee, currency, fee, now_us).state = State.CHALLENGE
        return Outcome(Status.DONE, State.CHALLENGE, Reason.VERIFICATION_NEEDED)
    course, counted = _reviewed(book, c, kind, currency, course, now_us, risky=asked == "review")
    if course.state != State.CLEARED:
        checks.check_capacity(book, payer)
    book.reviews[now_us // _HOUR_US] += counted
    payment = _start(book, c, kind, payer, payee, currency, fee, now_us)
    payment.state = course.state
    use(book, payer, kind, now_us, now_us, amount, 1)
    if course.state == State.CLEARED:
        payment.cleared, payment.fee_taken = amount, fee
        book.move(payer, payee, amount, fee)
        return Outcome(Status.DONE, State.CLEARED, moved=amount, fee=fee, left=amount)
    payment.expires_us = NEVER_US if course.lasts_us == NEVER_US else now_us + course.lasts_us
    book.hold(payer, amount + fee)
    return Outcome(Status.DONE, course.state, held=amount + fee)


def _forced(book: Book, c: Command) -> int:
    """The state that a test value of the sandbox asks for, 0 = none."""
    wanted = c.option - FORCE_STATE if book.sandbox and c.kind == Kind.PAY else 0
    return wanted if wanted in (State.HELD, State.DELAYED, State.REVIEW, State.CHALLENGE) else 0


def _reviewed(
    book: Book, c: Command, kind: str, currency: str, course: Course, now_us: int, *, risky: bool
) -> tuple[Course, int]:
    """The course after reviews and the sandbox had their say, and how many of the hour's reviews it takes."""
    rule = review_rule(book, kind, currency)
    review = Course(State.REVIEW, rule.deadline_s * SECOND_US)
    forced = _forced(book, c)
    if forced == State.HELD:
        return Course(State.HELD, c.lifetime_us or book.policy.hold_lifetime_s * SECOND_US), 0
    if forced == State.DELAYED:
        next_day = c.flags & Flag.NEXT_DAY
        return Course(State.DELAYED, (book.policy.next_day_s if next_day else book.policy.ordinary_s) * SECOND_US), 0
    if forced == State.REVIEW:
        return review, 1
    arrives_at_once = c.kind == Kind.WITHDRAW and not c.flags & Flag.RAIL
    large = rule.above is not None and c.amount_minor > rule.above
    if not risky and (arrives_at_once or not large):
        return course, 0
    if book.reviews[now_us // _HOUR_US] < book.policy.reviews_per_hour:
        return review, 1
    require(book.policy.review_overflow == "allow", Reason.REVIEWS_FULL)
    return course, 0


def review_rule(book: Book, kind: str, currency: str) -> ReviewRule:
    """The policy's rule of a type; without one, what a forced review gets."""
    for rule in book.policy.reviews:
        if (rule.type, rule.currency) == (kind, currency):
            return rule
    return ReviewRule(kind, currency, DEFAULT_DEADLINE_S, "reject")


def _start(
    book: Book, c: Command, kind: str, payer: int, payee: int, currency: str, fee: int, now_us: int
) -> Payment:
    payment = Payment(
        book.seq, c.client, Kind(c.kind), kind, payer, payee, currency, c.amount_minor, fee, c.flags, now_us
    )
    book.payments[book.seq] = payment
    return payment


def note_declined(book: Book, c: Command) -> None:
    """A payment that was refused at the start can be named, by whoever sent it and by whom it names as the payee."""
    payee = 0 if c.kind == Kind.WITHDRAW else c.payee_account
    known = book.is_customers(payee) if c.kind == Kind.PAY else book.reachable(payee, c)
    book.payments[book.seq] = Payment(
        book.seq, c.client, Kind(c.kind), "", 0, payee if known else 0, "", c.amount_minor, state=State.DECLINED
    )
