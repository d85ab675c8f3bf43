"""Caps that are accepted are enforced: each own limit, each cap of reviews, each size; one below passes, one above does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray
from support import life
from support.database import Database
from support.lanes import CNY
from support.town import APPROVED, Town, outcome, town, town_policy

from penstock.contracts.commands import NEVER_US, Flag, Kind, Option, PaymentType
from penstock.contracts.lane_port import Reply
from penstock.contracts.money import MAX_AMOUNT_MINOR, MAX_BALANCE_MINOR
from penstock.contracts.policy import LIMIT_FIELDS
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from penstock.state import layout as at


@pytest.fixture
def place(database: Database, home: Path) -> Iterator[Town]:
    with town(database, home) as made:
        yield made


def _limit(t: Town, field: str, value: int, payment_type: PaymentType = PaymentType.TRANSFER, **fields: int) -> Reply:
    customer = int(t.lane.state.accounts[t.payer, at.ACCOUNT_CUSTOMER])
    option = Option.LIMIT_SINGLE + LIMIT_FIELDS.index(field)
    return t.operate(
        Kind.SET_CUSTOMER, customer=customer, option=option, amount_minor=value, payment_type=payment_type, currency=CNY,
        **fields,
    )  # fmt: skip


@pytest.mark.parametrize("payment_type", [PaymentType.TRANSFER, PaymentType.ANY], ids=["own type", "all types"])
@pytest.mark.parametrize("field", LIMIT_FIELDS)
def test_each_own_limit_is_enforced_while_it_lasts(place: Town, field: str, payment_type: PaymentType) -> None:
    cap = 2 if field.endswith("count") else 200
    until_us = place.now_us + life.MINUTE
    assert outcome(_limit(place, field, cap, payment_type, until_us=until_us)) == (State.DONE, Reason.OK)
    reason = Reason[f"LIMIT_{field}".upper()]
    if field == "single":
        assert place.pay(cap).reason == Reason.OK
        assert place.pay(cap + 1).reason == reason
    else:
        assert place.pay(100, flags=Flag.HOLD_ONLY).reason == Reason.OK
        assert place.pay(100).reason == Reason.OK
        assert place.pay(1).reason == reason
        purchase = place.pay(1, payment_type=PaymentType.PURCHASE).reason
        assert purchase == (reason if payment_type == PaymentType.ANY else Reason.OK)
    before = place.now_us
    place.wait_until(until_us - 1)
    assert (place.pay(201).reason, place.pay(201).reason) == (reason, Reason.OK), "it ends by itself"
    assert before < until_us


def test_own_limits_are_taken_away_and_replaced(place: Town) -> None:
    _limit(place, "single", 200)
    assert place.pay(201).reason == Reason.LIMIT_SINGLE
    assert _limit(place, "single", 300).reason == Reason.OK
    assert (place.pay(300).reason, place.pay(301).reason) == (Reason.OK, Reason.LIMIT_SINGLE)
    assert _limit(place, "single", 0, flags=Flag.REMOVE).reason == Reason.OK
    assert place.pay(301).reason == Reason.OK


def test_an_own_limit_stands_in_for_the_tiers_but_offers_no_type(place: Town) -> None:
    small = place.open_account(deposit=9_000, tier=0)
    customer = int(place.lane.state.accounts[small, at.ACCOUNT_CUSTOMER])
    fields = {"customer": customer, "option": Option.LIMIT_SINGLE, "amount_minor": 3_000, "currency": CNY}
    place.operate(Kind.SET_CUSTOMER, payment_type=PaymentType.TRANSFER, **fields)
    place.operate(Kind.SET_CUSTOMER, payment_type=PaymentType.BILL, **fields)
    assert place.pay(2_001, payer_account=small).reason == Reason.OK, "the tier's is 2,000"
    assert place.pay(1, payer_account=small, payment_type=PaymentType.BILL).reason == Reason.TYPE_NOT_OFFERED


def test_own_limits_have_a_cap(database: Database, home: Path) -> None:
    with town(database, home, own_limits_max=3) as place:
        reasons = [_limit(place, field, 10**6).reason for field in LIMIT_FIELDS[:4]]
        assert reasons == [Reason.OK, Reason.OK, Reason.OK, Reason.OWN_LIMITS_FULL]
        assert _limit(place, LIMIT_FIELDS[0], 200).reason == Reason.OK, "one that is there can be set again"
        assert place.pay(201).reason == Reason.LIMIT_SINGLE


@pytest.mark.parametrize("overflow", ["reject", "allow"])
def test_reviews_begin_above_the_amount_and_as_many_an_hour_as_the_policy_says(
    database: Database, home: Path, overflow: str
) -> None:
    beyond = State.DECLINED if overflow == "reject" else State.CLEARED
    with town(database, home, town_policy(reviews_per_hour=2, review_overflow=overflow)) as place:
        border = (place.now_us // life.HOUR + 1) * life.HOUR
        assert place.pay(900).state == State.CLEARED
        assert [place.pay(901).state, place.withdraw(901).state] == [State.REVIEW, State.REVIEW]
        third = place.pay(901)
        assert (third.state, third.reason) == (beyond, Reason.REVIEWS_FULL if overflow == "reject" else Reason.OK)
        place.restart()
        place.wait_until(border - 1)
        assert [place.pay(901).state, place.pay(901).state] == [beyond, State.REVIEW], "an hour begins anew"


def test_a_review_that_ended_does_not_make_room_for_another_in_its_hour(database: Database, home: Path) -> None:
    with town(database, home, town_policy(reviews_per_hour=1)) as place:
        payment = place.pay(901)
        place.follow(Kind.CANCEL, payment)
        assert place.pay(901).reason == Reason.REVIEWS_FULL


def test_what_is_refused_anyway_takes_no_review(database: Database, home: Path) -> None:
    with town(database, home, town_policy(reviews_per_hour=1), holds_per_account=1) as place:
        assert place.pay(10**9).reason == Reason.INSUFFICIENT_FUNDS
        place.pay(1, flags=Flag.HOLD_ONLY)
        assert place.pay(901).reason == Reason.TOO_MANY_HOLDS
        assert place.pay(901, payer_account=place.friend).state == State.REVIEW


@pytest.mark.parametrize("amount", [1_500, 1_501])
def test_decisions_above_the_amount_need_approval(place: Town, amount: int) -> None:
    alone = {"approval_1": 0, "approval_2": 0}
    for option, state in ((Option.APPROVE, State.CLEARED), (Option.REJECT, State.REJECTED)):
        payment = place.pay(amount)
        decide = {"ref_seq": payment.ref_seq, "option": option}
        reply = place.operate(Kind.DECIDE_REVIEW, **decide, **alone)
        if amount == 1_500:
            assert outcome(reply) == (state, Reason.OK)
            continue
        assert outcome(reply) == (State.DECLINED, Reason.APPROVALS_MISSING)
        assert outcome(place.operate(Kind.DECIDE_REVIEW, **decide)) == (state, Reason.OK)


def test_reviews_end_at_their_deadline_and_arrivals_at_their_time(place: Town) -> None:
    lasts_s = {State.REVIEW: 300, State.DELAYED: 120, State.HELD: 600}
    for state, fields in {State.REVIEW: {}, State.DELAYED: {"flags": Flag.ORDINARY}, State.HELD: {"flags": Flag.HOLD_ONLY}}.items():
        payment = place.pay(1_000 if state == State.REVIEW else 100, **fields)
        assert (payment.state, payment.expires_us - payment.time_us) == (state, lasts_s[state] * life.SECOND)
    assert place.withdraw(100).expires_us == NEVER_US


def test_open_payments_have_a_cap_whatever_they_wait_for(database: Database, home: Path) -> None:
    with town(database, home, holds_per_account=5) as place:
        opened = [
            place.pay(1, flags=Flag.HOLD_ONLY), place.pay(1, flags=Flag.ORDINARY), place.pay(1_000), place.withdraw(1),
            place.follow(Kind.REFUND, place.deposit(10)),
        ]  # fmt: skip
        assert [reply.reason for reply in opened] == [Reason.OK] * 5
        for reply in (place.pay(1, flags=Flag.NEXT_DAY), place.withdraw(1), place.follow(Kind.REFUND, place.deposit(10))):
            assert reply.reason == Reason.TOO_MANY_HOLDS
        assert place.pay(1).reason == Reason.OK, "what does not wait is not counted"
        place.operate(Kind.CLEAR, ref_seq=opened[-1].ref_seq)
        assert place.pay(1, flags=Flag.HOLD_ONLY).reason == Reason.OK


def test_the_lanes_open_payments_have_a_cap(database: Database, home: Path) -> None:
    with town(database, home, holds_max=3) as place:
        payers = [place.payer, place.friend, place.payer]
        assert {place.pay(1, payer_account=payer, flags=Flag.HOLD_ONLY).reason for payer in payers} == {Reason.OK}
        for reply in (place.pay(1, flags=Flag.HOLD_ONLY), place.follow(Kind.REFUND, place.deposit(10))):
            assert reply.reason == Reason.HOLDS_FULL


def _fill_up(t: Town, account: int, leave: int) -> None:
    """Deposit until no more than ``leave`` fits in."""
    missing = MAX_BALANCE_MINOR - sum(t.balance(account)) - leave
    fields = {"payee_account": account, "currency": CNY, "client": life.OPERATOR, "flags": Flag.OPERATES}
    while missing > 0:
        parts = [min(MAX_AMOUNT_MINOR, missing - place * MAX_AMOUNT_MINOR) for place in range(64)]
        batch = [t.make(Kind.DEPOSIT, amount_minor=part, **fields) for part in parts if part > 0]
        assert {reply.reason for reply in t.send_batch(*batch)} == {Reason.OK}
        missing -= sum(part for part in parts if part > 0)


def test_no_account_grows_too_large_by_any_way(place: Town) -> None:
    """Deposit, pay, clear, approval, arrival, refund, and what is moved out of suspense."""
    held, review, delayed = place.pay(500, flags=Flag.HOLD_ONLY), place.pay(1_000), place.pay(500, flags=Flag.ORDINARY)
    paid = place.pay(500)
    place.deposit(700, payee_account=0, client=life.OPERATOR, flags=Flag.OPERATES | Flag.TO_SUSPENSE)
    _fill_up(place, place.shop, 100)
    move = {"option": Option.MOVE_SUSPENSE, "payee_account": place.shop, "currency": CNY, "amount_minor": 101}
    replies = [
        place.pay(101), place.deposit(101, payee_account=place.shop, client=life.OTHER), place.follow(Kind.CLEAR, held),
        place.operate(Kind.DECIDE_REVIEW, ref_seq=review.ref_seq, option=Option.APPROVE),
        place.operate(Kind.RECOVER, **move),
    ]  # fmt: skip
    assert {reply.reason for reply in replies} == {Reason.BALANCE_TOO_LARGE}
    place.tick(delayed.expires_us)
    row = place.last_row()
    assert (row["state"], row["reason"]) == (State.EXPIRED, Reason.BALANCE_TOO_LARGE)
    assert place.follow(Kind.CLEAR, held, amount_minor=100).reason == Reason.OK
    _fill_up(place, place.payer, 100)
    assert place.follow(Kind.REFUND, paid, amount_minor=101).reason == Reason.BALANCE_TOO_LARGE
    assert place.follow(Kind.REFUND, paid, amount_minor=100).reason == Reason.OK


def test_approvers_have_bounds(place: Town) -> None:
    fields = {"option": Option.APPROVALS + 3}
    assert place.operate(Kind.SET_APPROVALS, amount_minor=4, **fields).reason == Reason.APPROVERS_OUT_OF_BOUNDS
    assert place.operate(Kind.SET_APPROVALS, amount_minor=3, **fields, **dict.fromkeys(APPROVED, 0)).reason == Reason.OK
    assert place.operate(Kind.SET_APPROVALS, amount_minor=0, **fields, **dict.fromkeys(APPROVED, 0)).reason == (
        Reason.APPROVALS_MISSING
    )
    assert place.operate(Kind.SET_APPROVALS, amount_minor=0, **fields).reason == Reason.OK


def test_no_more_payments_are_labelled_than_there_is_room_for(database: Database, home: Path) -> None:
    """However many labels come in one batch: each counts those before it."""
    with town(database, home, labels_max=3) as place:
        payments = [place.pay(1) for _ in range(5)]

        def label(payment: Reply, option: Option) -> NDArray[Any]:
            return place.make(Kind.LABEL, ref_seq=payment.ref_seq, option=option)

        told = place.send_batch(*(label(payment, Option.LABEL_FRAUD) for payment in payments))
        assert [reply.reason for reply in told] == [Reason.OK] * 3 + [Reason.LABELS_FULL] * 2
        assert place.send_batch(label(payments[0], Option.LABEL_NONE))[0].reason == Reason.OK, "one that has a label may change"
        place.restart()
        assert place.send_batch(label(payments[4], Option.LABEL_FRAUD))[0].reason == Reason.LABELS_FULL
