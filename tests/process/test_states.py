"""Every state × every follow-up, on a running lane: each state is reached for real, and the table says what happens next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import life
from support.database import Database
from support.lanes import CLIENT, CNY
from support.town import OPERATOR, Town, outcome, town, town_policy

from penstock.contracts.commands import COMMAND, Flag, Kind, Option, Query
from penstock.contracts.lane_port import Reply, payment_answer, query
from penstock.contracts.reasons import Reason
from penstock.contracts.states import FOLLOW_UPS, OPEN, TRANSITIONS, State
from penstock.state import layout as at

_REVIEWED = 1_000
_YEAR_US = 366 * life.DAY


def _named(seq: int) -> Reply:
    """What stands for a payment that never was."""
    return Reply._make([0] * len(Reply._fields))._replace(ref_seq=seq)


def _review(t: Town, **fields: Any) -> Reply:
    return t.pay(_REVIEWED, **fields)


def _then(begin: Callable[[Town], Reply], kind: Kind, **fields: Any) -> Callable[[Town], Reply]:
    """Begin a payment, and let a command follow that takes effect."""

    def carried_on(t: Town) -> Reply:
        payment = begin(t)
        reply = t.operate(kind, ref_seq=payment.ref_seq, **fields)
        assert outcome(reply)[1] == Reason.OK
        return payment

    return carried_on


def _plain(t: Town) -> Reply:
    return t.pay(100)


def _held(t: Town) -> Reply:
    return t.pay(100, flags=Flag.HOLD_ONLY)


def _expired(t: Town) -> Reply:
    payment = t.pay(100, flags=Flag.HOLD_ONLY, lifetime_us=life.SECOND)
    t.tick(t.now_us + life.SECOND)
    return payment


def _set_account(t: Town) -> Reply:
    reply = t.send(Kind.SET_ACCOUNT, payer_account=t.friend, option=Option.FREEZE_CREDIT, until_us=t.now_us + 10)
    t.wait_until(t.now_us + 20)
    return _named(reply.seq)


def _challenged(t: Town) -> Reply:
    """By a model whose score is the first extra number."""
    assert t.publish(0).reason == Reason.OK
    payment = t.pay(100, extras_given=1, extra_1=life.CHALLENGED)
    assert t.publish(0, Option.MODEL_WITHDRAWN).reason == Reason.OK
    return payment


#: How each state is reached.
REACHED: dict[State, Callable[[Town], Reply]] = {
    State.NONE: lambda _: _named(10**6),
    State.DONE: _set_account,
    State.CLEARED: _plain,
    State.HELD: _held,
    State.RELEASED: _then(_held, Kind.RELEASE),
    State.CANCELLED: _then(_held, Kind.CANCEL),
    State.EXPIRED: _expired,
    State.DECLINED: lambda t: t.pay(10**9),
    State.CHALLENGE: _challenged,
    State.DELAYED: lambda t: t.pay(100, flags=Flag.ORDINARY),
    State.REVIEW: _review,
    State.REJECTED: _then(_review, Kind.DECIDE_REVIEW, option=Option.REJECT),
    State.REFUNDING: _then(lambda t: t.deposit(100), Kind.REFUND),
    State.REFUNDED: _then(_plain, Kind.REFUND),
    State.RETURNED: _then(_plain, Kind.RETURN),
    State.CHARGED_BACK: _then(_plain, Kind.CHARGEBACK),
    State.REVERSED: _then(_plain, Kind.RECOVER, option=Option.REVERSE),
}
#: The variant of a command with which it takes effect, if it does at all.
_OPTIONS = {
    (Kind.DECIDE_REVIEW, State.REVIEW): Option.APPROVE, (Kind.RECOVER, State.CLEARED): Option.REVERSE,
    (Kind.RECOVER, State.HELD): Option.FINISH_PAID, (Kind.RECOVER, State.REFUNDING): Option.FINISH_PAID,
}  # fmt: skip
_DEFAULTS = {Kind.DECIDE_REVIEW: Option.APPROVE, Kind.RECOVER: Option.REVERSE}


@pytest.fixture
def place(database: Database, home: Path) -> Iterator[Town]:
    with town(database, home) as made:
        yield made


def _newest(t: Town, payment: Reply) -> State:
    """The state that the lane knows, for as long as it knows one."""
    asked = np.frombuffer(query(Query.PAYMENT, CLIENT, payment.ref_seq, operates=True), COMMAND)
    _, answers = t.lane.process(asked, {}, t.now_us)
    answer = payment_answer(answers[0])
    return State(answer.state) if answer.last_seq else State(t.state_of(payment))


@pytest.mark.parametrize("state", State)
def test_every_follow_up_does_what_the_table_says(place: Town, state: State) -> None:
    assert REACHED.keys() == set(State), "a new state needs a way to reach it"
    for kind in FOLLOW_UPS:
        if kind == Kind.EXPIRE:
            continue
        payment = _reach(place, state, kind)
        option = _OPTIONS.get((kind, state), _DEFAULTS.get(kind, Option.NONE))
        before = (place.balance(place.payer), place.balance(place.shop))
        reply = place.operate(kind, ref_seq=payment.ref_seq, option=option)
        expected = TRANSITIONS[state, kind]
        if expected.reason == Reason.OK:
            assert outcome(reply) == (_effect(state, kind), Reason.OK), kind
            assert _newest(place, payment) == reply.state
        else:
            assert outcome(reply) == (State.DECLINED, expected.reason), kind
            assert before == (place.balance(place.payer), place.balance(place.shop)), "a refusal moved money"
            assert state in (State.NONE, State.DONE) or _newest(place, payment) == state


def _reach(t: Town, state: State, kind: Kind) -> Reply:
    if (state, kind) == (State.HELD, Kind.RECOVER):
        return t.withdraw(100)  # only a payment at the bank can be finished
    payment = REACHED[state](t)
    if state not in (State.NONE, State.DONE):
        assert _newest(t, payment) == state
    return payment


def _effect(state: State, kind: Kind) -> State:
    return TRANSITIONS[state, kind].next


@pytest.mark.parametrize("state", State)
def test_what_falls_due_does_what_the_table_says(place: Town, state: State) -> None:
    payment = REACHED[state](place)
    expected = TRANSITIONS[state, Kind.EXPIRE]
    if expected.reason == Reason.OK:
        (due_us,) = [int(hold[at.EXPIRES_US]) for hold in place.lane.state.holds if hold[at.ORIGIN_SEQ] == payment.ref_seq]
        last = place.lane.last_seq
        place.tick(due_us - 1)
        assert place.lane.last_seq == last, "nothing falls due before its time"
        place.tick(due_us)
        row = place.last_row()
        wanted = State.CLEARED if state == State.REVIEW else expected.next  # transfers are approved by default
        assert (row["kind"], row["ref_seq"], row["state"]) == (Kind.EXPIRE, payment.ref_seq, wanted)
        return
    last = place.lane.last_seq
    place.tick(place.now_us + _YEAR_US)
    assert place.lane.last_seq == last, "only what is held falls due"
    assert state in (State.NONE, State.DONE) or _newest(place, payment) == state


def test_a_review_without_a_decision_is_rejected_where_that_is_the_default(place: Town) -> None:
    payment = _review(place, payment_type=life.PaymentType.PURCHASE)
    place.tick(place.now_us + life.HOUR)
    assert place.state_of(payment) == TRANSITIONS[State.REVIEW, Kind.EXPIRE].next == State.REJECTED


def test_refunds_by_bank_end_where_the_bank_says(place: Town) -> None:
    paid, unpaid, finished = (REACHED[State.REFUNDING](place) for _ in range(3))
    assert outcome(place.operate(Kind.CLEAR, ref_seq=paid.ref_seq)) == (State.REFUNDED, Reason.OK)
    assert outcome(place.operate(Kind.RELEASE, ref_seq=unpaid.ref_seq)) == (State.CLEARED, Reason.OK)
    finish = place.operate(Kind.RECOVER, ref_seq=finished.ref_seq, option=Option.FINISH_UNPAID)
    assert outcome(finish) == (State.CLEARED, Reason.OK)
    assert finish.left_minor == 100


def test_withdrawals_end_where_the_bank_says(place: Town) -> None:
    ends = {
        (Kind.CLEAR, 0): State.CLEARED, (Kind.RELEASE, 0): State.RELEASED,
        (Kind.RECOVER, Option.FINISH_PAID): State.CLEARED, (Kind.RECOVER, Option.FINISH_UNPAID): State.RELEASED,
    }  # fmt: skip
    for (kind, option), state in ends.items():
        payment = place.withdraw(100)
        for mine in (Kind.CLEAR, Kind.RELEASE, Kind.CANCEL):
            assert place.follow(mine, payment).reason == Reason.PAYMENT_AT_BANK
        part = place.operate(kind if kind != Kind.RECOVER else Kind.CLEAR, ref_seq=payment.ref_seq, amount_minor=60)
        assert part.reason == Reason.AMOUNT_ABOVE_HOLD, "the bank pays all or nothing"
        assert outcome(place.operate(kind, ref_seq=payment.ref_seq, option=option)) == (state, Reason.OK)


def test_a_payment_is_nobody_elses(place: Town) -> None:
    """Not the payee's client either, but for giving back what it got."""
    for state, reach in REACHED.items():
        payment = reach(place)
        for kind in FOLLOW_UPS:
            if kind != Kind.EXPIRE:
                option = _DEFAULTS.get(kind, Option.NONE)
                reply = place.send(kind, client=99, ref_seq=payment.ref_seq, option=option)
                assert outcome(reply) == (State.DECLINED, Reason.PAYMENT_UNKNOWN), (state, kind)


@pytest.mark.parametrize("kind", [Kind.EXPIRE, Kind.PUBLISH, 0, 99])
def test_what_only_the_lane_makes_cannot_be_sent(database: Database, home: Path, kind: int) -> None:
    with closing(Town(database, home, town_policy())) as place:
        payment = _review(place)
        last = place.lane.last_seq
        with pytest.raises(AssertionError):
            place.send_batch(place.make(kind, ref_seq=payment.ref_seq, **OPERATOR))
        assert place.lane.last_seq == last


def test_who_pays_in_a_currency_and_gives_back_in_it(place: Town) -> None:
    """The rows of give-backs say what they move, in what, and what is left."""
    payment = place.pay(100)
    part = place.operate(Kind.REFUND, ref_seq=payment.ref_seq, amount_minor=40)
    assert (part.state, part.moved_minor, part.left_minor, part.currency) == (State.CLEARED, 40, 60, CNY)
    assert (part.payer_account, part.payee_account, part.ref_seq) == (place.shop, place.payer, payment.ref_seq)
    rest = place.operate(Kind.REFUND, ref_seq=payment.ref_seq)
    assert (rest.state, rest.moved_minor, rest.left_minor) == (State.REFUNDED, 60, 0)


assert set(State) >= OPEN
