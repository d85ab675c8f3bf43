"""What becomes of held funds: clear, release, cancel, a decided review, and what the lane does when a time is over."""

from __future__ import annotations

from penstock.contracts.commands import Flag, Kind, Operation, Option, Status
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from support.oracle import begin, checks
from support.oracle.book import NEVER_US, Book, Command, Outcome, Payment, Refused, operates, require
from support.oracle.limits import check_limits_again, use

_ENDS = {Kind.RELEASE: State.RELEASED, Kind.CANCEL: State.CANCELLED, Kind.EXPIRE: State.EXPIRED}


def reason_of(state: State) -> Reason:
    """Why a command that does not fit a payment's state is refused."""
    names = {State.HELD: "OPEN", State.REVIEW: "IN_REVIEW", State.CHALLENGE: "CHALLENGED"}
    return Reason[f"PAYMENT_{names.get(state, state.name)}"]


def clear(book: Book, payment: Payment, c: Command, now_us: int) -> Outcome:
    require(payment.state in (State.HELD, State.REFUNDING), reason_of(payment.state))
    if payment.at_bank:
        return finish(book, payment, c, now_us, paid=True)
    part = c.amount_minor or payment.rest
    require(part <= payment.rest, Reason.AMOUNT_ABOVE_HOLD)
    checks.check_both(book, payment.payer, payment.payee, now_us)
    checks.check_room(book, payment.payee, part)
    return take(book, payment, part, now_us, rest_too=bool(c.flags & Flag.RELEASE_REST))


def release(book: Book, payment: Payment, c: Command, now_us: int) -> Outcome:
    require(payment.state in (State.HELD, State.DELAYED, State.REFUNDING), reason_of(payment.state))
    if payment.at_bank:
        return finish(book, payment, c, now_us, paid=False)
    part = c.amount_minor or payment.rest
    require(part <= payment.rest, Reason.AMOUNT_ABOVE_HOLD)
    return give_back(book, payment, part, State.RELEASED, now_us)


def cancel(book: Book, payment: Payment, _c: Command, now_us: int) -> Outcome:
    require(payment.state in (State.HELD, State.DELAYED, State.REVIEW), reason_of(payment.state))
    require(not payment.at_bank, Reason.PAYMENT_AT_BANK)
    return give_back(book, payment, payment.rest, State.CANCELLED, now_us)


def finish(book: Book, payment: Payment, c: Command, now_us: int, *, paid: bool) -> Outcome:
    """The bank has answered: all of what is there has left, or none of it."""
    if c.kind != Kind.RECOVER:
        require(
            operates(c), Reason.PAYMENT_REFUNDING if payment.state == State.REFUNDING else Reason.PAYMENT_AT_BANK
        )
        there = payment.on_its_way if payment.state == State.REFUNDING else payment.rest
        require(c.amount_minor in (0, there), Reason.AMOUNT_ABOVE_HOLD)
    if payment.state == State.REFUNDING:
        return _finish_refund(book, payment, paid=paid)
    if paid:
        return take(book, payment, payment.rest, now_us, rest_too=False)
    return give_back(book, payment, payment.rest, State.RELEASED, now_us)


def _finish_refund(book: Book, payment: Payment, *, paid: bool) -> Outcome:
    part, payment.on_its_way = payment.on_its_way, 0
    book.hold(payment.payee, -part)
    if paid:
        book.move(payment.payee, payment.payer, part)
        payment.given_back += part
    payment.state = State.CLEARED if payment.cleared > payment.given_back else State.REFUNDED
    return Outcome(Status.DONE, payment.state, moved=part if paid else 0, held=-part, left=payment.left)


def take(book: Book, payment: Payment, part: int, now_us: int, *, rest_too: bool) -> Outcome:
    """Pay a part out; with ``rest_too`` the payer gets back what is not paid."""
    before = payment.frozen
    payment.cleared += part
    fee = payment.fee * payment.cleared // payment.amount - payment.fee_taken
    payment.fee_taken += fee
    if rest_too:
        use(book, payment.payer, payment.type, payment.opened_us, now_us, -payment.rest, 0)
        payment.released += payment.rest
    held = payment.frozen - before
    book.hold(payment.payer, held)
    book.move(payment.payer, payment.payee, part, fee)
    if not payment.rest:
        payment.state = State.CLEARED
    return Outcome(Status.DONE, payment.state, moved=part, held=held, fee=fee, left=payment.left)


def give_back(book: Book, payment: Payment, part: int, ends: State, now_us: int) -> Outcome:
    """The payer gets a part back; when nothing is held any more the payment ends."""
    before = payment.frozen
    payment.released += part
    held = payment.frozen - before
    book.hold(payment.payer, held)
    if not payment.rest:
        payment.state = State.CLEARED if payment.cleared else ends
    count = -1 if not payment.rest and not payment.cleared else 0
    use(book, payment.payer, payment.type, payment.opened_us, now_us, -part, count)
    return Outcome(Status.DONE, payment.state, held=held, left=payment.left)


# --- reviews


def decide_review(book: Book, payment: Payment, c: Command, now_us: int) -> Outcome:
    require(payment.state == State.REVIEW, Reason.PAYMENT_NOT_IN_REVIEW)
    if payment.amount > book.policy.review_approval_above:
        checks.check_approvals(book, c, Operation.REVIEW)
    if c.option == Option.APPROVE:
        return approve(book, payment, now_us)
    return give_back(book, payment, payment.rest, State.REJECTED, now_us)


def approve(book: Book, payment: Payment, now_us: int) -> Outcome:
    """The payment goes on as it was meant to, if accounts and limits still allow it."""
    checks.check_both(book, payment.payer, payment.payee, now_us)
    check_limits_again(book, payment, now_us)
    checks.check_room(book, payment.payee, payment.amount)
    course = begin.meant(book, payment)
    if course.state == State.CLEARED:
        return take(book, payment, payment.rest, now_us, rest_too=False)
    payment.state = course.state
    payment.expires_us = NEVER_US if course.lasts_us == NEVER_US else now_us + course.lasts_us
    return Outcome(Status.DONE, course.state)


# --- what falls due


def all_due(book: Book, now_us: int) -> None:
    """What the lane does by itself before it looks at a command, the earliest first."""
    while due := [p for p in book.payments.values() if p.holder and p.expires_us <= now_us]:
        payment = min(due, key=lambda p: (p.expires_us, p.seq))
        book.seq += 1
        _one_due(book, payment, now_us)


def _one_due(book: Book, payment: Payment, now_us: int) -> None:
    ends = State.REJECTED if payment.state == State.REVIEW else State.EXPIRED
    try:
        if payment.state == State.DELAYED:
            checks.check_both(book, payment.payer, payment.payee, now_us)
            checks.check_room(book, payment.payee, payment.rest)
            take(book, payment, payment.rest, now_us, rest_too=False)
            return
        if payment.state == State.REVIEW:
            rule = begin.review_rule(book, payment.type, payment.currency)
            if rule.default == "approve":
                approve(book, payment, now_us)
                return
    except Refused:
        pass  # then it goes back, like all that nobody wants
    give_back(book, payment, payment.rest, ends, now_us)
