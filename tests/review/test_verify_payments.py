"""`penstock verify` finds what cannot happen to a payment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from review.journal_maker import JournalMaker
from review.verifying import Verify, store
from support.database import Database

from penstock.contracts.commands import Kind
from penstock.contracts.reasons import Reason

LIFE: list[tuple[str, Callable[[JournalMaker, int, int], int], str]] = [
    ("overdrawn", lambda j, a, b: j.pay(a, b, 400_000), "balances"),
    ("cleared twice", lambda j, a, b: _clear_again(j, j.hold(a, b, 500)), "payments"),
    ("cleared above the hold", lambda j, a, b: j.clear(j.hold(a, b, 500), 501), "authorised"),
    ("cleared after the end", lambda j, a, b: _late(j, j.hold(a, b, 500)), "expiry"),
    ("never expired", lambda j, a, b: _forgotten(j, j.hold(a, b, 500)), "expiry"),
    ("the wrong reason", lambda j, a, b: j.refuse(Kind.CANCEL, _ended(j, a, b), Reason.PAYMENT_EXPIRED), "payments"),
    (
        "another client",
        lambda j, a, b: j.refuse(Kind.CANCEL, _ended(j, a, b), Reason.PAYMENT_CANCELLED, client=2),
        "ownership",
    ),
    ("no payment at all", lambda j, *_: j.refuse(Kind.CLEAR, 3, Reason.PAYMENT_UNKNOWN), "payments"),
]


def _clear_again(journal: JournalMaker, payment: int) -> int:
    journal.clear(payment)
    journal.payments[payment] |= {"cleared": 0}
    return journal.clear(payment)


def _late(journal: JournalMaker, payment: int) -> int:
    journal.wait(600_000_001)
    return journal.clear(payment)


def _forgotten(journal: JournalMaker, payment: int) -> int:
    journal.wait(700_000_000)
    journal.decline(journal.payments[payment]["payer"], journal.payments[payment]["payee"], 1)
    return payment


def _ended(journal: JournalMaker, payer: int, payee: int) -> int:
    payment = journal.hold(payer, payee, 5)
    journal.cancel(payment)
    return payment


@pytest.mark.parametrize(("name", "plan", "check"), LIFE, ids=[name for name, _, _ in LIFE])
def test_a_wrong_life_is_found(emptied: Database, verified: Verify, name: str, plan: Any, check: str) -> None:
    journal = JournalMaker()
    a, b = journal.fund(amount=300_000), journal.fund(amount=300_000)
    seq = plan(journal, a, b)
    journal.commit()
    store(emptied, journal)
    report = verified()
    assert report.findings[0].seq == seq, name
    assert (check, seq) in {(finding.check, finding.seq) for finding in report.findings}
