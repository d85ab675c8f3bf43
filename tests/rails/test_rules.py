"""The pure rules: names, pauses, what differences mean, which day is due."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.contracts.bank import LONGEST_ID, Entry, EntryKind, Money, Party, Statement
from penstock.contracts.ids import MAX_INDEX, PublicIds
from penstock.process.rails import orders, rules
from penstock.process.rails.reconcile.rules import Difference, Pair, check_sum, due_day, judge

IDS = PublicIds(bytes(range(16)))


@given(st.integers(0, 32_000), st.integers(1, MAX_INDEX), st.integers(1, MAX_INDEX))
def test_end_to_end_ids_are_short_and_different(lane: int, one: int, other: int) -> None:
    names = [rules.end_to_end_id(IDS, lane, seq) for seq in (one, other)]
    assert all(len(name) <= LONGEST_ID for name in names)
    assert (names[0] == names[1]) == (one == other)
    assert rules.uetr(names[0])[14] == "4"


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_pauses_grow_and_are_bounded(attempt: int, chance: float) -> None:
    assert 1.0 <= rules.pause_s(attempt, 2.0, 60.0, chance) <= 60.0


@given(st.text(max_size=140), st.text(min_size=1, max_size=140), st.integers(256, 2_000))
def test_the_side_record_of_an_arrival_always_fits(words: str, name: str, most_bytes: int) -> None:
    entry = Entry(
        "B" * 35, EntryKind.CREDIT, Money("CNY", 1), "2026-01-01T00:00:00Z", counterparty=Party(name, "A" * 34, "C" * 35),
        remittance_information=words,
    )  # fmt: skip
    order = orders.deposit(0, "PENSTOCK-CNY", entry, 5, most_bytes)
    assert len(order.payload) <= most_bytes
    assert b"bank_reference" in order.payload


def test_an_order_sent_again_has_the_same_id_and_another_time_another() -> None:
    order = orders.settle(0, 17, 17, rules.Outcome.PAID)
    assert order.record(3, 1_700_000_000_000) == order.record(3, 1_700_000_000_000) != order.record(3, 1_700_000_000_001)


@pytest.mark.parametrize(
    ("bank", "ours", "state", "kind"),
    [
        (5, 5, "cleared", None),
        (None, None, "open", None),
        (None, 5, "cleared", Difference.MISSING_AT_BANK),
        (5, None, "", Difference.MISSING_HERE),
        (5, None, "open", Difference.MISSING_HERE),
        (5, None, "released", Difference.REJECTED_BUT_PAID),
        (5, None, "rejected", Difference.REJECTED_BUT_PAID),
        (10, 5, "cleared", Difference.AMOUNT_DIFFERS),
    ],
)
def test_what_a_difference_means(bank: int | None, ours: int | None, state: str, kind: Difference | None) -> None:
    found = judge(Pair("x", 156, bank, ours, state, 0))
    assert (found.kind if found else None) == kind


def test_a_statement_has_to_add_up_and_to_follow_the_one_before() -> None:
    entry = Entry("B1", EntryKind.DEBIT, Money("CNY", 30), "2026-01-01T00:00:00Z")
    assert check_sum(Statement("P-CNY", "2026-01-01", "CNY", 100, 70, [entry]), None, 156) is None
    assert check_sum(Statement("P-CNY", "2026-01-01", "CNY", 100, 70, [entry]), 100, 156) is None
    wrong = check_sum(Statement("P-CNY", "2026-01-01", "CNY", 100, 71, [entry]), 100, 156)
    assert wrong is not None
    assert (wrong.kind, wrong.bank_minor, wrong.our_minor) == (Difference.STATEMENT_SUM, 71, 70)
    assert check_sum(Statement("P-CNY", "2026-01-01", "CNY", 100, 70, [entry]), 99, 156) is not None


def test_days_are_due_in_order_after_they_have_ended() -> None:
    first, now = date(2026, 1, 1), datetime(2026, 1, 3, 0, 20, tzinfo=UTC)
    assert due_day(None, set(), now, 1800) is None
    assert due_day(first, set(), now, 1800) == first
    assert due_day(first, {first}, now, 1800) is None, "the day before is not due until the delay is over"
    assert due_day(first, {first}, now + timedelta(minutes=20), 1800) == date(2026, 1, 2)
