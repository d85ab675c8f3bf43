"""The closed table of event types: every row that takes effect has its name, and the page is the table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from penstock.contracts.commands import Flag, Kind, Option
from penstock.contracts.events import EVENT_TYPES, UnknownType, choose_types
from penstock.contracts.events_doc import render_events
from penstock.contracts.reasons import Reason
from penstock.contracts.states import TRANSITIONS, State
from penstock.review.events.rules import BEGINNINGS, audience, event_type, kinds_of
from penstock.review.events.store import EventRow

ROOT = Path(__file__).resolve().parents[3]
NOTHING = EventRow(*[0] * len(EventRow._fields))
STARTS = {
    Kind.PAY: (State.CLEARED, State.HELD, State.DELAYED, State.REVIEW, State.CHALLENGE, State.DECLINED),
    Kind.DEPOSIT: (State.CLEARED, State.DECLINED),
    Kind.WITHDRAW: (State.CLEARED, State.HELD, State.REVIEW, State.DECLINED),
}
#: What each payment's life holds for it, as docs/payment-life.md says.
GIVE_BACKS = {
    Kind.PAY: (Kind.REFUND, Kind.RETURN, Kind.CHARGEBACK, Kind.RECOVER),
    Kind.DEPOSIT: (Kind.REFUND, Kind.CHARGEBACK, Kind.RECOVER),
    Kind.WITHDRAW: (Kind.RETURN,),
}


def row(kind: Kind, state: State, **fields: Any) -> EventRow:
    return NOTHING._replace(kind=int(kind), state=int(state), seq=9, **fields)


def later(first: Kind, kind: Kind, state: State, **fields: Any) -> str | None:
    return event_type(row(kind, state, ref_seq=3, first_kind=int(first), **fields))


def test_the_page_is_the_table() -> None:
    assert (ROOT / "docs" / "events.md").read_text("utf-8") == render_events()


def test_every_type_has_both_languages() -> None:
    for kind in EVENT_TYPES.values():
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", kind.name)
        assert kind.en.endswith(".")
        assert kind.zh.endswith("。")


@pytest.mark.parametrize("first", STARTS)
def test_every_beginning_is_an_event(first: Kind) -> None:
    names = {event_type(row(first, state)) for state in STARTS[first]}
    assert names == {f"{BEGINNINGS[first]}.{state.name.lower()}" for state in STARTS[first]}
    assert names <= set(EVENT_TYPES)


@pytest.mark.parametrize("first", STARTS)
def test_every_transition_of_the_table_is_an_event_and_every_refusal_is_none(first: Kind) -> None:
    begun = {*STARTS[first], State.CLEARED, *([State.REFUNDING] if first == Kind.DEPOSIT else [])}
    for (state, kind), transition in TRANSITIONS.items():
        if transition.reason is not Reason.OK:
            assert later(first, kind, State.DECLINED) is None
        elif state in begun and (state != State.CLEARED or kind in GIVE_BACKS[first]):
            if first == Kind.WITHDRAW and state == State.HELD and kind in (Kind.CANCEL, Kind.EXPIRE):
                continue  # at the bank; it never falls due and is not for its client to cancel
            if (first, state, kind) == (Kind.WITHDRAW, State.REVIEW, Kind.EXPIRE):
                assert later(first, kind, State.HELD) == "withdrawal.held"  # approved by default
            name = later(first, kind, transition.next, option=_option(state, kind), moved_minor=1)
            assert name in EVENT_TYPES, (first, state, kind, name)


def _option(state: State, kind: Kind) -> int:
    if kind != Kind.RECOVER:
        return 0
    return int(Option.REVERSE if state == State.CLEARED else Option.FINISH_PAID)


@pytest.mark.parametrize(
    ("first", "kind", "state", "fields", "expected"),
    [
        (Kind.PAY, Kind.CLEAR, State.HELD, {"moved_minor": 5}, "payment.partly_cleared"),
        (Kind.PAY, Kind.RELEASE, State.HELD, {}, "payment.partly_released"),
        (Kind.PAY, Kind.RELEASE, State.CLEARED, {}, "payment.cleared"),
        (Kind.PAY, Kind.EXPIRE, State.CLEARED, {"moved_minor": 5}, "payment.cleared"),
        (Kind.PAY, Kind.EXPIRE, State.REJECTED, {"reason": 4}, "payment.rejected"),
        (Kind.PAY, Kind.DECIDE_REVIEW, State.DELAYED, {}, "payment.delayed"),
        (Kind.PAY, Kind.REFUND, State.CLEARED, {"moved_minor": 5}, "payment.partly_refunded"),
        (Kind.PAY, Kind.RETURN, State.CLEARED, {"moved_minor": 5}, "payment.partly_returned"),
        (Kind.PAY, Kind.CHARGEBACK, State.CLEARED, {"moved_minor": 5}, "payment.partly_charged_back"),
        (Kind.PAY, Kind.RECOVER, State.CLEARED, {"option": Option.REVERSE, "moved_minor": 5}, "payment.partly_reversed"),
        (Kind.DEPOSIT, Kind.REFUND, State.REFUNDING, {}, "deposit.refund_started"),
        (Kind.DEPOSIT, Kind.CLEAR, State.CLEARED, {"moved_minor": 5}, "deposit.partly_refunded"),
        (Kind.DEPOSIT, Kind.RELEASE, State.CLEARED, {}, "deposit.refund_failed"),
        (Kind.DEPOSIT, Kind.RECOVER, State.CLEARED, {"option": Option.FINISH_UNPAID}, "deposit.refund_failed"),
        (Kind.WITHDRAW, Kind.RECOVER, State.CLEARED, {"option": Option.FINISH_PAID, "moved_minor": 5}, "withdrawal.cleared"),
        (Kind.WITHDRAW, Kind.RETURN, State.CLEARED, {"moved_minor": 5}, "withdrawal.partly_returned"),
        (Kind.PAY, Kind.REFUND, State.REFUNDED, {"moved_minor": 5, "flags": Flag.TO_SUSPENSE}, "suspense.credited"),
        (Kind.PAY, Kind.LABEL, State.DONE, {"option": Option.LABEL_FRAUD}, "payment.labelled"),
        (Kind.PAY, Kind.LABEL, State.DONE, {"option": Option.LABEL_NONE}, "payment.labelled"),
    ],
)
def test_what_follows_a_payment(first: Kind, kind: Kind, state: State, fields: dict[str, int], expected: str) -> None:
    assert later(first, kind, state, **fields) == expected
    assert expected in EVENT_TYPES


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        (Kind.OPEN_CUSTOMER, {}, "customer.opened"),
        (Kind.OPEN_ACCOUNT, {}, "account.opened"),
        (Kind.PUBLISH, {}, "policy.published"),
        (Kind.SET_APPROVALS, {"option": Option.APPROVALS}, "approvals.changed"),
        (Kind.SET_ACCOUNT, {"option": Option.FREEZE_AMOUNT}, "account.frozen"),
        (Kind.SET_ACCOUNT, {"option": Option.UNFREEZE_ALL}, "account.unfrozen"),
        (Kind.SET_ACCOUNT, {"option": Option.CLOSE}, "account.closed"),
        (Kind.SET_CUSTOMER, {"option": Option.TIER}, "customer.tier_changed"),
        (Kind.SET_CUSTOMER, {"option": Option.LIMIT_DAY_AMOUNT}, "customer.limit_set"),
        (Kind.SET_CUSTOMER, {"option": Option.LIMIT_SINGLE, "flags": Flag.REMOVE}, "customer.limit_removed"),
        (Kind.RECOVER, {"option": Option.MOVE_SUSPENSE}, "suspense.moved"),
        (Kind.PUBLISH_MODEL, {"option": Option.MODEL_IN_FORCE}, "model.published"),
        (Kind.PUBLISH_MODEL, {"option": Option.MODEL_WITHDRAWN}, "model.withdrawn"),
    ],
)
def test_what_is_no_payment(kind: Kind, fields: dict[str, int], expected: str) -> None:
    assert event_type(row(kind, State.DONE, **fields)) == expected
    assert event_type(row(kind, State.DECLINED, **fields)) is None
    assert int(kind) in kinds_of([expected])


def test_a_declined_payment_is_not_told_to_the_payee() -> None:
    known = row(Kind.PAY, State.DECLINED, client=1, payer_client=1, payee_client=2)
    assert audience(known, "payment.declined") == {1}
    assert audience(known, "payment.cleared") == {1, 2}


def test_what_is_thought_of_a_payment_is_not_told_to_the_payee() -> None:
    known = row(Kind.PAY, State.CHALLENGE, client=1, payer_client=1, payee_client=2)
    labelled = row(Kind.LABEL, State.DONE, client=9, first_client=1, payer_client=1, payee_client=2, ref_seq=3)
    assert audience(known, "payment.challenge") == {1}
    assert audience(labelled, "payment.labelled") == {1, 9}


def test_a_choice_names_types_or_all_that_begin_alike() -> None:
    assert choose_types(["account.frozen"]) == {"account.frozen"}
    assert choose_types(["account.*"]) == {"account.opened", "account.frozen", "account.unfrozen", "account.closed"}
    for wrong in ("payments.*", "payment", "*", "pay*", ""):
        with pytest.raises(UnknownType):
            choose_types(["account.frozen", wrong])
