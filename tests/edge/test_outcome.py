"""From replies to outcomes, one by one and in batches."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.contracts.commands import REPLY, Kind, PaymentType, Status
from penstock.contracts.ids import PublicIds
from penstock.contracts.lane_port import Reply
from penstock.contracts.money import BY_NUMERIC
from penstock.contracts.reasons import EXPLANATIONS, WITHOUT_TRACE, Reason
from penstock.contracts.states import State
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
        "kind": int(draw(st.sampled_from([k for k in Kind if k <= Kind.CANCEL]))), "state": int(draw(st.sampled_from(State))),
        "reason": int(reason), "payment_type": int(draw(st.sampled_from(PaymentType))),
        "currency": draw(st.sampled_from([0, *BY_NUMERIC])), "amount_minor": draw(st.integers(0, 10**12)),
        "expires_us": draw(st.sampled_from([0, 10**15])),
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
