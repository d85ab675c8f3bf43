"""Failures that other systems are known for, each excluded by a test with its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import life
from support.database import Database
from support.lanes import CLIENT, CNY, image
from support.town import APPROVED, OPERATOR, Town, outcome, town, town_policy

from penstock.contracts.commands import Flag, Kind, Option, PaymentType, Status
from penstock.contracts.lane_port import Reply
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State

_CLEARED, _DECLINED = State.CLEARED, State.DECLINED
_YEAR_US = 365 * life.DAY


@pytest.fixture
def place(database: Database, home: Path) -> Iterator[Town]:
    with town(database, home) as made:
        yield made


# --- concurrent refunds above capture


def test_two_refunds_in_one_batch_do_not_exceed_the_capture(place: Town) -> None:
    payment = place.pay(100)
    both = [place.make(Kind.REFUND, ref_seq=payment.ref_seq, amount_minor=60, client=c) for c in (CLIENT, life.OTHER)]
    first, second = place.send_batch(*both)
    assert (outcome(first), first.left_minor) == ((_CLEARED, Reason.OK), 40)
    assert outcome(second) == (_DECLINED, Reason.AMOUNT_ABOVE_LEFT)
    assert place.balance(place.shop) == (100_040, 0)


def test_two_refunds_in_two_batches_do_not_exceed_the_capture(place: Town) -> None:
    payment = place.pay(100)
    assert place.follow(Kind.REFUND, payment, amount_minor=60).left_minor == 40
    assert place.follow(Kind.REFUND, payment, amount_minor=60).reason == Reason.AMOUNT_ABOVE_LEFT
    assert outcome(place.follow(Kind.REFUND, payment)) == (State.REFUNDED, Reason.OK)
    assert place.follow(Kind.REFUND, payment, amount_minor=1).reason == Reason.PAYMENT_REFUNDED


def test_a_payment_and_its_two_refunds_in_one_batch(place: Town) -> None:
    seq = place.lane.last_seq + 1
    refunds = [place.make(Kind.REFUND, ref_seq=seq, amount_minor=60) for _ in range(2)]
    paid, first, second = place.send_batch(place.make(Kind.PAY, **place.paying(100)), *refunds)
    assert (paid.seq, first.left_minor, second.reason) == (seq, 40, Reason.AMOUNT_ABOVE_LEFT)


def test_two_refunds_of_a_payment_a_year_old_whose_partition_is_closed(database: Database, home: Path) -> None:
    with town(database, home, partition_rows=150) as place:
        payment, whole = place.pay(100), place.pay(100)
        place.follow(Kind.REFUND, payment, amount_minor=30)
        assert place.close_partitions() > 0
        place.wait_until(place.now_us + _YEAR_US)
        both = [place.make(Kind.REFUND, ref_seq=payment.ref_seq, amount_minor=50) for _ in range(2)]
        first, second = place.send_batch(*both)
        assert (outcome(first), first.left_minor) == ((_CLEARED, Reason.OK), 20)
        assert second.reason == Reason.AMOUNT_ABOVE_LEFT
        assert place.close_partitions() > 1, "now the refunds of a year later are closed as well"
        before = image(place.lane.state)
        place.restart()
        assert image(place.lane.state) == before
        assert place.follow(Kind.REFUND, payment, amount_minor=21).reason == Reason.AMOUNT_ABOVE_LEFT
        assert outcome(place.follow(Kind.REFUND, payment)) == (State.REFUNDED, Reason.OK)
        assert place.follow(Kind.REFUND, payment).reason == Reason.PAYMENT_REFUNDED
        mixed = [
            place.make(Kind.CHARGEBACK, ref_seq=whole.ref_seq, amount_minor=70, **OPERATOR),
            place.make(Kind.RETURN, ref_seq=whole.ref_seq, amount_minor=70, client=life.OTHER),
            place.make(Kind.RECOVER, ref_seq=whole.ref_seq, amount_minor=70, option=Option.REVERSE, **OPERATOR, **APPROVED),
        ]  # fmt: skip
        reasons = [reply.reason for reply in place.send_batch(*mixed)]
        assert reasons == [Reason.OK, Reason.AMOUNT_ABOVE_LEFT, Reason.AMOUNT_ABOVE_LEFT]


def test_a_partial_clear_is_refunded_up_to_what_was_cleared(place: Town) -> None:
    payment = place.pay(100, flags=Flag.HOLD_ONLY)
    place.follow(Kind.CLEAR, payment, amount_minor=30)
    assert place.follow(Kind.REFUND, payment, amount_minor=10).reason == Reason.PAYMENT_OPEN
    assert place.follow(Kind.RELEASE, payment).left_minor == 30
    assert place.follow(Kind.REFUND, payment, amount_minor=31).reason == Reason.AMOUNT_ABOVE_LEFT
    assert outcome(place.follow(Kind.REFUND, payment)) == (State.REFUNDED, Reason.OK)


def test_refunds_through_the_bank_do_not_overtake_one_another(place: Town) -> None:
    deposit = place.deposit(100)
    both = [place.make(Kind.REFUND, ref_seq=deposit.ref_seq, amount_minor=60) for _ in range(2)]
    first, second = place.send_batch(*both)
    assert outcome(first) == (State.REFUNDING, Reason.OK)
    assert outcome(second) == (_DECLINED, Reason.PAYMENT_REFUNDING)
    assert place.operate(Kind.CHARGEBACK, ref_seq=deposit.ref_seq).reason == Reason.PAYMENT_REFUNDING
    paid = place.operate(Kind.CLEAR, ref_seq=deposit.ref_seq)
    assert (outcome(paid), paid.moved_minor, paid.left_minor) == ((_CLEARED, Reason.OK), 60, 40)
    assert place.follow(Kind.REFUND, deposit, amount_minor=41).reason == Reason.AMOUNT_ABOVE_LEFT


def test_a_refund_belongs_to_whose_the_payment_is_wherever_batches_are_cut(place: Town) -> None:
    """The payee's client may ask for it; that does not make the payment its own."""
    deposit = place.deposit(100, payee_account=place.shop, **OPERATOR)
    ask = place.make(Kind.REFUND, ref_seq=deposit.ref_seq, amount_minor=60, client=life.OTHER)
    cancel = place.make(Kind.CANCEL, ref_seq=deposit.ref_seq, client=life.OTHER)
    assert [reply.reason for reply in place.send_batch(ask, cancel)] == [Reason.OK, Reason.PAYMENT_UNKNOWN]
    assert place.send(Kind.CANCEL, ref_seq=deposit.ref_seq, client=life.OTHER).reason == Reason.PAYMENT_UNKNOWN
    assert place.operate(Kind.CANCEL, ref_seq=deposit.ref_seq).reason == Reason.PAYMENT_REFUNDING


# --- a conflict answer that moved money


def test_an_answer_of_conflict_moved_no_money(place: Town) -> None:
    payment = place.pay(100)
    first = place.make(Kind.REFUND, ref_seq=payment.ref_seq, amount_minor=10)
    place.send_batch(first)
    before, last = image(place.lane.state), place.lane.last_seq
    for name, value in {"amount_minor": 11, "ref_seq": 17, "option": 1, "flags": int(Flag.FROM_SUSPENSE)}.items():
        other = first.copy()
        other[name] = value
        (reply,) = place.send_batch(other)
        assert (reply.status, reply.reason, reply.moved_minor) == (Status.REFUSED, Reason.ID_CONFLICT, 0)
    (again,) = place.send_batch(first)
    assert again.status == Status.REPLAYED
    assert (image(place.lane.state), place.lane.last_seq) == (before, last)


def test_a_conflict_in_the_same_batch_moves_no_money(place: Town) -> None:
    first = place.make(Kind.PAY, **place.paying(100))
    other, again = first.copy(), first.copy()
    other["amount_minor"] = 5_000
    statuses = [reply.status for reply in place.send_batch(first, other, again)]
    assert statuses == [Status.DONE, Status.REFUSED, Status.REPLAYED]
    assert place.balance(place.payer) == (99_900, 0)


# --- holds not counted


def test_whatever_is_held_cannot_be_spent_twice(place: Town) -> None:
    """Holds, delayed payments, reviews, withdrawals at the bank and refunds on their way, each of its own."""
    begin = {
        State.HELD: lambda: place.pay(900, flags=Flag.HOLD_ONLY), State.DELAYED: lambda: place.pay(900, flags=Flag.ORDINARY),
        State.REVIEW: lambda: place.pay(1_000),
    }  # fmt: skip
    available = 100_000
    for state, start in begin.items():
        held = start()
        assert (held.state, held.moved_minor) == (state, 0)
        available -= held.held_minor
    fee = 7
    assert place.withdraw(500).held_minor == 500 + fee
    available -= 507
    deposit = place.deposit(300)
    assert outcome(place.follow(Kind.REFUND, deposit)) == (State.REFUNDING, Reason.OK)
    assert place.balance(place.payer) == (available, 900 + 900 + 1_000 + 507 + 300)
    assert place.pay(available + 1, flags=Flag.HOLD_ONLY).reason == Reason.INSUFFICIENT_FUNDS
    assert place.send(Kind.SET_ACCOUNT, payer_account=place.payer, option=Option.CLOSE).reason == Reason.ACCOUNT_NOT_EMPTY


@pytest.mark.parametrize("flags", [Flag.HOLD_ONLY, Flag.ORDINARY, Flag.NEXT_DAY, 0], ids=["held", "ordinary", "next day", "review"])
def test_whatever_is_held_uses_the_limits(database: Database, home: Path, flags: int) -> None:
    with town(database, home) as place:
        small = place.open_account(deposit=9_000, tier=0)  # 5,000 a day in transfers, 2,000 each
        amount = 1_500 if flags == 0 else 900
        while place.pay(amount, payer_account=small, flags=flags).reason == Reason.OK:
            pass
        assert place.balance(small)[1] == 5_000 // amount * amount
        assert place.pay(5_000 % amount + 1, payer_account=small, flags=Flag.HOLD_ONLY).reason == Reason.LIMIT_DAY_AMOUNT


# --- freeze races


def test_what_comes_before_a_freeze_in_a_batch_passes_and_what_comes_after_does_not(place: Town) -> None:
    pays = [place.make(Kind.PAY, **place.paying(100)) for _ in range(3)]
    freeze = place.make(Kind.SET_ACCOUNT, payer_account=place.payer, option=Option.FREEZE_DEBIT)
    thaw = place.make(Kind.SET_ACCOUNT, payer_account=place.payer, option=Option.UNFREEZE_DEBIT, **OPERATOR, **APPROVED)
    replies = place.send_batch(pays[0], freeze, pays[1], thaw, pays[2])
    assert [r.reason for r in replies] == [Reason.OK, Reason.OK, Reason.PAYER_FROZEN, Reason.OK, Reason.OK]


def test_a_freeze_holds_from_its_first_microsecond_to_the_one_before_its_end(place: Town) -> None:
    begins, ends = place.now_us + 1_000, place.now_us + 2_000
    place.send(Kind.SET_ACCOUNT, payer_account=place.payer, option=Option.FREEZE_ALL, from_us=begins, until_us=ends)
    reasons = {}
    for time_us in (begins - 1, begins, ends - 1, ends):
        place.wait_until(time_us)
        reasons[time_us] = place.pay(1).reason
    frozen = Reason.PAYER_FROZEN
    assert reasons == {begins - 1: Reason.OK, begins: frozen, ends - 1: frozen, ends: Reason.OK}


@pytest.mark.parametrize(
    "weaker",
    [
        {"until": 99}, {"until": 100, "from": 1}, {"until": 100, "from": 99}, {"option": Option.UNFREEZE_DEBIT},
        {"option": Option.UNFREEZE_ALL}, {"option": Option.FREEZE_ALL, "until": 99},
    ],
    ids=["shorter", "later", "much later", "unfreeze", "unfreeze all", "all but shorter"],
)  # fmt: skip
def test_a_freeze_is_not_ended_by_a_weaker_one(place: Town, weaker: dict[str, int]) -> None:
    """Unless an operator with approvals does it."""
    start = place.now_us + life.HOUR
    place.send(Kind.SET_ACCOUNT, payer_account=place.payer, option=Option.FREEZE_DEBIT, until_us=start + 100)
    place.wait_until(start - 10)
    fields = {
        "payer_account": place.payer, "option": weaker.get("option", Option.FREEZE_DEBIT),
        "from_us": start + weaker["from"] if "from" in weaker else 0, "until_us": start + weaker.get("until", 0),
    }  # fmt: skip
    assert place.send(Kind.SET_ACCOUNT, **fields).reason == Reason.APPROVALS_MISSING
    assert place.send(Kind.SET_ACCOUNT, **fields, **OPERATOR).reason == Reason.APPROVALS_MISSING
    assert place.pay(1).reason == Reason.PAYER_FROZEN
    assert place.send(Kind.SET_ACCOUNT, **fields, **OPERATOR, **APPROVED).reason == Reason.OK


def test_a_frozen_amount_stays_and_the_rest_moves(place: Town) -> None:
    fields = {"payer_account": place.payer, "option": Option.FREEZE_AMOUNT}
    assert place.send(Kind.SET_ACCOUNT, amount_minor=99_900, **fields).reason == Reason.OK
    assert place.pay(101).reason == Reason.FUNDS_FROZEN
    assert place.pay(100).reason == Reason.OK
    assert place.send(Kind.SET_ACCOUNT, amount_minor=99_899, **fields).reason == Reason.APPROVALS_MISSING
    assert place.send(Kind.SET_ACCOUNT, amount_minor=99_901, **fields).reason == Reason.OK


def test_what_a_freeze_does_to_everything_else(place: Town) -> None:
    """The table of docs/payment-life.md, for a source that is debit-frozen."""
    held, kept = place.pay(100, flags=Flag.HOLD_ONLY), place.pay(100, flags=Flag.HOLD_ONLY)
    review = place.pay(1_000)
    at_bank = place.withdraw(200)
    got = place.send(Kind.PAY, client=life.OTHER, **(place.paying(500) | {"payer_account": place.shop, "payee_account": place.payer}))
    deposit = place.deposit(50)
    place.send(Kind.SET_ACCOUNT, payer_account=place.payer, option=Option.FREEZE_ALL)
    assert place.follow(Kind.CLEAR, held).reason == Reason.PAYER_FROZEN
    assert place.operate(Kind.DECIDE_REVIEW, ref_seq=review.ref_seq, option=Option.APPROVE).reason == Reason.PAYER_FROZEN
    assert place.follow(Kind.REFUND, got).reason == Reason.PAYER_FROZEN
    assert place.follow(Kind.REFUND, deposit).reason == Reason.PAYER_FROZEN
    assert outcome(place.follow(Kind.RELEASE, held)) == (State.RELEASED, Reason.OK)
    assert outcome(place.follow(Kind.CANCEL, kept)) == (State.CANCELLED, Reason.OK)
    assert outcome(place.operate(Kind.CLEAR, ref_seq=at_bank.ref_seq)) == (_CLEARED, Reason.OK)
    reject = place.operate(Kind.DECIDE_REVIEW, ref_seq=review.ref_seq, option=Option.REJECT)
    assert outcome(reject) == (State.REJECTED, Reason.OK)
    assert outcome(place.operate(Kind.CHARGEBACK, ref_seq=got.ref_seq, amount_minor=100)) == (_CLEARED, Reason.OK)
    assert outcome(place.operate(Kind.RECOVER, ref_seq=got.ref_seq, option=Option.REVERSE)) == (State.REVERSED, Reason.OK)
    assert outcome(place.operate(Kind.CHARGEBACK, ref_seq=deposit.ref_seq)) == (State.CHARGED_BACK, Reason.OK)


# --- the same instant


def test_a_clear_in_the_instant_of_the_expiry_comes_too_late(place: Town) -> None:
    early, late = (place.pay(100, flags=Flag.HOLD_ONLY, lifetime_us=life.MINUTE) for _ in range(2))
    place.wait_until(early.expires_us - 1)
    assert late.expires_us == early.expires_us + 1
    clears = [place.make(Kind.CLEAR, ref_seq=payment.ref_seq) for payment in (early, late)]
    assert [outcome(reply) for reply in place.send_batch(*clears)] == [(_CLEARED, Reason.OK), (_CLEARED, Reason.OK)]
    early, late = (place.pay(100, flags=Flag.HOLD_ONLY, lifetime_us=life.MINUTE) for _ in range(2))
    place.wait_until(late.expires_us)
    clears = [place.make(Kind.CLEAR, ref_seq=payment.ref_seq) for payment in (early, late)]
    assert {reply.reason for reply in place.send_batch(*clears)} == {Reason.PAYMENT_EXPIRED}


def test_a_cancel_in_the_instant_of_the_arrival_comes_too_late(place: Town) -> None:
    early, late = place.pay(100, flags=Flag.ORDINARY), place.pay(100, flags=Flag.ORDINARY)
    place.wait_until(late.expires_us - 1)
    cancels = [place.make(Kind.CANCEL, ref_seq=payment.ref_seq) for payment in (late, early)]
    assert early.expires_us == late.expires_us - 1
    replies = place.send_batch(*cancels)
    assert [outcome(reply) for reply in replies] == [(State.CANCELLED, Reason.OK), (_DECLINED, Reason.PAYMENT_CLEARED)]
    assert place.balance(place.shop) == (100_100, 0)


def _decision(place: Town, payment: Reply) -> Reply:
    return place.operate(Kind.DECIDE_REVIEW, ref_seq=payment.ref_seq, option=Option.APPROVE)


@pytest.mark.parametrize(
    ("payment_type", "default"), [(PaymentType.TRANSFER, _CLEARED), (PaymentType.PURCHASE, State.REJECTED)]
)
def test_a_decision_in_the_instant_of_the_deadline_comes_too_late(
    place: Town, payment_type: PaymentType, default: State
) -> None:
    payment = place.pay(1_000, payment_type=payment_type)
    assert payment.state == State.REVIEW
    place.wait_until(payment.expires_us)
    assert outcome(_decision(place, payment)) == (_DECLINED, Reason.PAYMENT_NOT_IN_REVIEW)
    assert place.state_of(payment) == default
    other = place.pay(1_000, payment_type=payment_type)
    place.wait_until(other.expires_us - 1)
    assert outcome(_decision(place, other)) == (_CLEARED, Reason.OK)


def test_a_default_that_cannot_be_carried_out_gives_back_and_says_why(place: Town) -> None:
    payment = place.pay(1_000)
    place.send(Kind.SET_ACCOUNT, client=life.OTHER, payer_account=place.shop, option=Option.FREEZE_CREDIT)
    place.tick(payment.expires_us)
    row = place.last_row()
    assert (row["state"], row["reason"], row["held_minor"]) == (State.REJECTED, Reason.PAYEE_FROZEN, -1_000)
    assert place.balance(place.payer) == (100_000, 0)


def test_what_is_approved_goes_on_as_it_was_meant_to(place: Town) -> None:
    held, delayed, out = (
        place.pay(1_000, flags=Flag.HOLD_ONLY, lifetime_us=5), place.pay(1_000, flags=Flag.NEXT_DAY), place.withdraw(1_000),
    )  # fmt: skip
    replies = [_decision(place, payment) for payment in (held, delayed, out)]
    assert [outcome(reply) for reply in replies] == [(State.HELD, 0), (State.DELAYED, 0), (State.HELD, 0)]
    lasts_s = [(reply.expires_us - reply.time_us) // life.SECOND for reply in replies]
    assert (lasts_s[0], lasts_s[1]) == (600, 400)
    place.tick(place.now_us + _YEAR_US)
    assert [place.state_of(payment) for payment in (held, delayed, out)] == [State.EXPIRED, _CLEARED, State.HELD]


def test_all_that_is_due_falls_due_before_the_next_command_however_few_fit_into_a_batch(
    database: Database, home: Path
) -> None:
    with town(database, home, expiries_per_batch=2) as place:
        holds = [place.pay(1, flags=Flag.HOLD_ONLY, lifetime_us=life.MINUTE) for _ in range(9)]
        place.wait_until(place.now_us + life.MINUTE)
        clears = [place.make(Kind.CLEAR, ref_seq=payment.ref_seq) for payment in reversed(holds)]
        assert {reply.reason for reply in place.send_batch(*clears)} == {Reason.PAYMENT_EXPIRED}
        assert place.balance(place.payer) == (100_000, 0)


# --- closed accounts and money on the way


def test_an_account_closes_with_money_on_the_way_to_it_and_the_money_goes_back(place: Town) -> None:
    goal = place.open_account()
    held, kept = (place.pay(100, payee_account=goal, flags=Flag.HOLD_ONLY) for _ in range(2))
    delayed, review = place.pay(100, payee_account=goal, flags=Flag.ORDINARY), place.pay(1_000, payee_account=goal)
    assert outcome(place.send(Kind.SET_ACCOUNT, payer_account=goal, option=Option.CLOSE)) == (State.DONE, Reason.OK)
    assert place.follow(Kind.CLEAR, held).reason == Reason.PAYEE_CLOSED
    assert _decision(place, review).reason == Reason.PAYEE_CLOSED
    assert place.pay(1, payee_account=goal).reason == Reason.PAYEE_CLOSED
    assert outcome(place.follow(Kind.RELEASE, held)) == (State.RELEASED, Reason.OK)
    place.tick(delayed.expires_us)
    assert place.last_row()["reason"] == Reason.PAYEE_CLOSED
    place.tick(place.now_us + life.HOUR)
    ends = [place.state_of(payment) for payment in (kept, delayed, review)]
    assert ends == [State.EXPIRED, State.EXPIRED, State.REJECTED]
    assert place.balance(place.payer) == (100_000, 0)
    again = place.freeze(goal, Option.FREEZE_ALL)
    assert again.reason == Reason.ACCOUNT_CLOSED
    assert place.send(Kind.SET_ACCOUNT, payer_account=goal, option=Option.CLOSE).reason == Reason.ACCOUNT_CLOSED


def test_what_comes_back_to_a_closed_account_waits_in_suspense_for_its_owner(place: Town) -> None:
    gone = place.open_account(deposit=300)
    payment = place.pay(300, payer_account=gone)
    assert place.send(Kind.SET_ACCOUNT, payer_account=gone, option=Option.CLOSE).reason == Reason.OK
    back = place.send(Kind.REFUND, client=life.OTHER, ref_seq=payment.ref_seq, amount_minor=200)
    assert (outcome(back), back.flags & Flag.TO_SUSPENSE) == ((_CLEARED, Reason.OK), Flag.TO_SUSPENSE)
    late = place.deposit(40, payee_account=gone)
    assert (late.state, late.flags & Flag.TO_SUSPENSE, place.suspense) == (_CLEARED, Flag.TO_SUSPENSE, 240)
    move = {"option": Option.MOVE_SUSPENSE, "currency": CNY, "amount_minor": 240}
    assert place.operate(Kind.RECOVER, payee_account=gone, **move).reason == Reason.PAYEE_CLOSED
    over = move | {"amount_minor": 241}
    assert place.operate(Kind.RECOVER, payee_account=place.friend, **over).reason == Reason.INSUFFICIENT_FUNDS
    assert place.send(Kind.RECOVER, payee_account=place.friend, **move, **OPERATOR).reason == Reason.APPROVALS_MISSING
    assert outcome(place.operate(Kind.RECOVER, payee_account=place.friend, **move)) == (State.DONE, Reason.OK)
    assert (place.suspense, place.balance(place.friend)) == (0, (100_240, 0))


def test_a_deposit_that_found_its_owner_is_not_refunded_out_of_what_others_have_in_suspense(place: Town) -> None:
    place.deposit(500, payee_account=0, client=life.OPERATOR, flags=Flag.OPERATES | Flag.TO_SUSPENSE)
    place.send(Kind.SET_ACCOUNT, payer_account=place.friend, option=Option.FREEZE_CREDIT, until_us=place.now_us + 1_000)
    deposit = place.deposit(100, payee_account=place.friend)
    assert deposit.flags & Flag.TO_SUSPENSE
    place.wait_until(place.now_us + 2_000)
    move = {"option": Option.MOVE_SUSPENSE, "payee_account": place.friend, "currency": CNY, "amount_minor": 100}
    assert place.operate(Kind.RECOVER, **move).reason == Reason.OK
    assert place.follow(Kind.REFUND, deposit).reason == Reason.NOT_REFUNDABLE
    assert place.suspense == 500


def test_suspense_does_not_pay_itself(place: Town) -> None:
    """A chargeback that the operator pays, to an account that takes no money: there is nobody to pay."""
    gone = place.open_account(deposit=300)
    payment = place.pay(300, payer_account=gone)
    place.send(Kind.SET_ACCOUNT, payer_account=gone, option=Option.CLOSE)
    place.deposit(500, payee_account=0, client=life.OPERATOR, flags=Flag.OPERATES | Flag.TO_SUSPENSE)
    for kind, option in ((Kind.CHARGEBACK, 0), (Kind.RECOVER, Option.REVERSE)):
        reply = place.operate(kind, ref_seq=payment.ref_seq, flags=Flag.FROM_SUSPENSE, option=option)
        assert reply.reason == Reason.SAME_ACCOUNT
    assert place.suspense == 500


def test_an_operators_limits_do_not_open_reviews_of_others(place: Town) -> None:
    """Approving checks the limits of now: a tier that was taken away meanwhile refuses."""
    small = place.open_account(deposit=9_000, tier=1)
    payment = place.pay(2_500, payer_account=small)
    assert payment.state == State.REVIEW
    customer = place.lane.state.accounts[small, 3]
    assert place.operate(Kind.SET_CUSTOMER, customer=customer, option=Option.TIER, tier=0).reason == Reason.OK
    assert _decision(place, payment).reason == Reason.LIMIT_SINGLE
    place.tick(payment.expires_us)
    assert place.last_row()["reason"] == Reason.LIMIT_SINGLE
    assert place.state_of(payment) == State.REJECTED


def test_the_day_of_an_approval_is_not_the_day_of_the_payment(database: Database, home: Path) -> None:
    """A payment authorised yesterday does not use today's limits, and is not refused by them."""
    with town(database, home) as place:
        small = place.open_account(deposit=20_000, tier=0)
        place.wait_until(life.midnight_after(place.now_us) - 100 * life.SECOND)
        payment = place.pay(1_900, payer_account=small)
        assert payment.state == State.REVIEW
        place.wait_until(life.midnight_after(place.now_us))
        while place.pay(800, payer_account=small).reason == Reason.OK:
            pass
        assert outcome(_decision(place, payment)) == (_CLEARED, Reason.OK)


def test_a_forced_outcome_never_makes_or_loses_money(database: Database, home: Path) -> None:
    with town(database, home, town_policy(reviews_per_hour=1), sandbox=1) as place:
        for state in range(30):
            reply = place.pay(100, option=2_000 + state)
            wanted = state if state in (State.HELD, State.DELAYED, State.REVIEW, State.CHALLENGE) else _CLEARED
            assert outcome(reply) == (wanted, Reason.VERIFICATION_NEEDED if wanted == State.CHALLENGE else Reason.OK)
            place.proof()
        assert place.pay(100, option=1_000 + Reason.PAYEE_FROZEN).reason == Reason.PAYEE_FROZEN
        assert place.pay(100, option=1_000 + 999).reason == Reason.OK
    with town(database, home) as place:
        assert outcome(place.pay(100, option=2_000 + State.HELD)) == (_CLEARED, Reason.OK), "no sandbox, no test values"
