"""`penstock verify` recomputes the limit counters and finds payments above a limit."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from review.journal_maker import DAY_US, JournalMaker
from review.verifying import Verify, checks, store
from support.database import Database

from penstock.contracts.commands import PaymentType


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (lambda journal, a, b: journal.pay(a, b, 500_001), "limit of a single one is 500000"),
        (lambda journal, a, b: [journal.pay(a, b, 500_000) for _ in range(3)][-1], "day_amount to 1500000"),
        (
            lambda journal, a, b: [journal.pay(a, b, 500_000, PaymentType.PURCHASE) for _ in range(5)][-1],
            "day_amount to 2500000",
        ),
        (lambda journal, a, b: [journal.pay(a, b, 1) for _ in range(201)][-1], "day_count to 201"),
        (lambda journal, a, b: journal.pay(a, b, 5, PaymentType.BILL), "not offered"),
    ],
)
def test_a_payment_over_a_limit_is_found(
    emptied: Database, verified: Verify, plan: Callable[..., int], sentence: str
) -> None:
    journal = JournalMaker()
    a, b = journal.fund(amount=9_000_000), journal.fund()
    seq = plan(journal, a, b)
    journal.commit()
    store(emptied, journal)
    report = verified()
    assert checks(report) == {"limits"}
    assert report.findings[0].seq == seq
    assert sentence in report.findings[0].sentence


def test_a_limit_given_back_may_be_used_again_and_starts_anew_each_day(emptied: Database, verified: Verify) -> None:
    journal = JournalMaker()
    a, b = journal.fund(amount=90_000_000), journal.fund()
    for _ in range(3):
        holds = [journal.hold(a, b, 500_000) for _ in range(2)]
        journal.clear(holds[0], 100_000, release_rest=True)
        journal.pay(a, b, 400_000)
        journal.release(holds[1], 300_000)
        journal.pay(a, b, 300_000)
        journal.cancel(holds[1])
        journal.commit()
        journal.wait(DAY_US)
    over = journal.pay(a, b, 400_000), journal.pay(a, b, 500_000), journal.pay(a, b, 100_001)
    journal.commit()
    store(emptied, journal)
    assert [(f.check, f.seq) for f in verified().findings] == [("limits", over[-1])]


def test_a_policy_counts_from_its_row_on(emptied: Database, verified: Verify) -> None:
    journal = JournalMaker()
    a, b = journal.fund(), journal.fund()
    journal.pay(a, b, 5)
    strict = [{**r, "single": 4} for r in _rules(journal)]
    journal.publish(_with_rules(journal, strict))
    seq = journal.pay(a, b, 5)
    journal.commit()
    store(emptied, journal)
    assert {(f.check, f.seq) for f in verified().findings} == {("limits", seq)}


def _rules(journal: JournalMaker) -> list[dict[str, Any]]:
    return list(json.loads(journal.policy.canonical())["limits"])


def _with_rules(journal: JournalMaker, rules: list[dict[str, Any]]) -> Any:

    return msgspec.convert(json.loads(journal.policy.canonical()) | {"limits": rules}, type(journal.policy))
