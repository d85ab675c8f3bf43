"""From replies to outcomes, one by one and in batches."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.contracts import ids as public
from penstock.contracts.commands import NEVER_US, REPLY, Flag, Kind, PaymentType, Status
from penstock.contracts.ids import PublicIds
from penstock.contracts.lane_port import Reply
from penstock.contracts.money import BY_NUMERIC
from penstock.contracts.reasons import EXPLANATIONS, WITHOUT_TRACE, Reason
from penstock.contracts.states import STARTS, State
from penstock.process.commands.outcome import outcome, outcomes, refusal_problem

IDS = PublicIds(bytes(16))
ID = "019b76da-a800-7000-8000-0000000000ff"


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    fields = dict.fromkeys(Reply._fields, 0)
    account = st.integers(0, 2**40)
    reason = draw(st.sampled_from(sorted(EXPLANATIONS)))
    fields |= {
        "seq": draw(st.integers(1, 2**40)), "ref_seq": draw(st.integers(0, 2**40)), "time_us": draw(st.integers(0, 4 * 10**15)),
        "payer_account": draw(account), "payee_account": draw(account), "customer": draw(st.integers(0, 2**31 - 1)),
        "kind": int(draw(st.sampled_from([k for k in Kind if k != Kind.PUBLISH]))), "state": int(draw(st.sampled_from(State))),
        "reason": int(reason), "payment_type": int(draw(st.sampled_from(PaymentType))),
        "currency": draw(st.sampled_from([0, *BY_NUMERIC])), "amount_minor": draw(st.integers(0, 10**12)),
        "expires_us": draw(st.sampled_from([0, 10**15, NEVER_US])), "left_minor": draw(st.integers(0, 10**12)),
        "flags": draw(st.sampled_from([0, int(Flag.TO_SUSPENSE), int(Flag.RAIL)])),
        "status": int(Status.REFUSED if reason in WITHOUT_TRACE else draw(st.sampled_from([Status.DONE, Status.REPLAYED]))),
    }  # fmt: skip
    return Reply(**fields)


@given(st.lists(replies(), min_size=1, max_size=10))
@settings(deadline=None)
def test_a_batch_is_answered_like_its_parts(given_replies: list[Reply]) -> None:
    records = np.array([tuple(reply) for reply in given_replies], dtype=REPLY)
    together = msgspec.to_builtins(outcomes(records, [ID] * len(records), IDS))
    for reply, found in zip(given_replies, together, strict=True):
        assert found.pop("status") == EXPLANATIONS[Reason(reply.reason)].http
        if reply.status == Status.REFUSED:
            assert found.pop("state") == "refused"
            assert found == msgspec.to_builtins(refusal_problem(reply, ID).extra)
        else:
            assert found == msgspec.to_builtins(outcome(reply, ID, IDS))


@pytest.mark.parametrize("reason", sorted(set(EXPLANATIONS) - WITHOUT_TRACE))
def test_every_reason_can_be_told(reason: Reason) -> None:
    fields = dict.fromkeys(Reply._fields, 0) | {"kind": int(Kind.PAY), "seq": 1, "reason": int(reason), "status": 1}
    told = msgspec.to_builtins(outcome(Reply(**fields), ID, IDS))
    assert told["reason"] == reason.name.lower()
    assert ("message" in told) == (reason != Reason.OK)


def told(kind: Kind, **fields: float) -> dict[str, Any]:
    given = dict.fromkeys(Reply._fields, 0) | {"kind": int(kind), "status": int(Status.DONE), **fields}
    found: dict[str, Any] = msgspec.to_builtins(outcome(Reply(**given), ID, IDS))
    return found


@pytest.mark.parametrize("kind", STARTS)
def test_a_row_that_starts_a_payment_names_it(kind: Kind) -> None:
    assert told(kind, seq=7)["payment"] == IDS.encode(public.Kind.PAYMENT, 7)


def test_what_can_be_given_back_and_where_it_went() -> None:
    refund = told(Kind.REFUND, seq=9, ref_seq=7, left_minor=30, moved_minor=70, flags=int(Flag.TO_SUSPENSE))
    assert (refund["payment"], refund["refundable_minor"]) == (IDS.encode(public.Kind.PAYMENT, 7), 30)
    assert refund["to_suspense"] is True
    declined = told(Kind.REFUND, seq=9, ref_seq=7, reason=int(Reason.AMOUNT_ABOVE_LEFT))
    assert "refundable_minor" not in declined


def test_what_moves_no_money_has_no_amounts() -> None:
    frozen = told(Kind.SET_ACCOUNT, seq=9, payer_account=5, expires_us=10**15)
    assert frozen["account"] == IDS.encode(public.Kind.ACCOUNT, 5)
    assert "expires" in frozen
    assert not {"payer", "payee", "held_minor", "moved_minor", "fee_minor", "amount_minor", "payment"} & set(frozen)
    assert told(Kind.SET_CUSTOMER, seq=9, customer=4)["customer"] == IDS.encode(public.Kind.CUSTOMER, 4)
    assert "expires" not in told(Kind.SET_ACCOUNT, seq=9, payer_account=5, expires_us=NEVER_US)


def test_a_score_is_told_of_payments_and_absent_without_a_model() -> None:
    scored = told(Kind.PAY, seq=7, score=float(np.float32(0.05)), model_version=3)
    assert (scored["score"], scored["model_version"]) == (0.05, 3)
    silent = told(Kind.PAY, seq=7)
    assert (silent["score"], silent["model_version"]) == (None, 0)
    assert told(Kind.PAY, seq=7, score=-1.0, model_version=3)["score"] is None, "the model could not score"
    assert "score" not in told(Kind.DEPOSIT, seq=7)


def test_a_challenge_says_what_to_do_next() -> None:
    asked = told(Kind.PAY, seq=7, state=int(State.CHALLENGE), reason=int(Reason.VERIFICATION_NEEDED))
    assert (asked["state"], asked["retry"]) == ("challenge", "after_change")
    assert asked["next_step"]["en"]
    assert asked["next_step"]["zh"]


def test_money_from_suspense_belongs_to_no_payment() -> None:
    moved = told(Kind.RECOVER, seq=9, payer_account=3, payee_account=20, amount_minor=5, moved_minor=5)
    assert "payment" not in moved
    assert moved["moved_minor"] == 5
