"""`penstock verify` finds rows that were changed, deleted, swapped or repeated."""

from __future__ import annotations

import pytest
from review.stories import river
from review.verifying import Verify, change, change_row, change_sheet, checks, delete_row, store
from support.database import Database

from penstock.contracts.commands import Kind
from penstock.contracts.states import State

COLUMNS_OF_MONEY = ["amount_minor", "held_minor", "moved_minor", "fee_minor", "limit_minor"]


@pytest.mark.parametrize("column", COLUMNS_OF_MONEY)
def test_a_planted_cent_is_found(emptied: Database, verified: Verify, column: str) -> None:
    journal = river()
    store(emptied, journal)
    seq = next(row["seq"] for row in journal.rows if row["kind"] == Kind.CLEAR and row["state"] == State.HELD)
    change_row(emptied, seq, **{column: lambda minor: minor + 1})
    report = verified()
    assert report.findings[0].seq == seq
    assert "digest" in checks(report)


@pytest.mark.usefixtures("small_chunks")
def test_a_deleted_row_is_found(emptied: Database, verified: Verify) -> None:
    journal = river()
    store(emptied, journal)
    for seq in (30, 7):  # one in the middle, one in front of it and at the end of a chunk
        delete_row(emptied, seq)
        first = verified().findings[0]
        assert (first.check, first.seq) == ("sequence", seq)
        assert f"Row {seq} is missing" in first.sentence


def test_two_swapped_rows_are_found(emptied: Database, verified: Verify) -> None:
    store(emptied, river())
    for old, new in ((28, 900), (29, 28), (900, 29)):
        change_row(emptied, old, seq=new)
    report = verified()
    assert report.findings[0].seq == 28
    assert {"time", "digest", "links"} <= checks(report)
    assert "record" not in checks(report)


def test_two_records_that_lie_in_each_others_place_are_found(emptied: Database, verified: Verify) -> None:
    """The bytes were exchanged as they are, with what they say of themselves."""
    journal = river()
    store(emptied, journal)
    first = journal.batches[2][0]["seq"]
    swapped = "substring(records, size + 1, size) || substring(records, 1, size) || substring(records, 2 * size + 1)"
    change_sheet(emptied, first, f"records = {swapped}")
    report = verified()
    assert {"record", "time", "digest"} <= checks(report)
    wrong = [(f.seq, f.expected, f.found) for f in report.findings if f.check == "record"]
    assert wrong == [(first, first, first + 1), (first + 1, first + 1, first)]


def test_a_record_that_says_another_place_is_found(emptied: Database, verified: Verify) -> None:
    """Also one that no digest can tell, because the whole chain was made anew."""
    journal = river()
    journal.row(9)["lane"] = 4
    store(emptied, journal)
    report = verified()
    assert [(f.check, f.seq, f.expected, f.found) for f in report.findings] == [("record", 9, 0, 4)]


def test_a_tail_that_is_cut_in_one_table_only_is_found(emptied: Database, verified: Verify) -> None:
    journal = river()
    store(emptied, journal)
    last = journal.rows[-1]["seq"]
    delete_row(emptied, last)
    assert verified().findings[0].seq == last
    change(emptied, "UPDATE lane SET last_seq = %s", last - 3)
    report = verified()
    assert last - 3 <= report.findings[0].seq <= last - 2
    assert {"sequence", "lane"} <= checks(report)


@pytest.mark.parametrize("link", ["payer_prev_seq", "payee_prev_seq", "fee_prev_seq", "ref_prev_seq"])
def test_a_broken_link_is_found(emptied: Database, verified: Verify, link: str) -> None:
    journal = river()
    row = next(row for row in reversed(journal.rows) if row[link] > 0)
    row[link] -= 1
    store(emptied, journal)
    report = verified()
    assert checks(report) == {"links"}
    assert [finding.seq for finding in report.findings] == [row["seq"]]


@pytest.mark.usefixtures("small_chunks")
def test_a_repeated_id_is_found(emptied: Database, verified: Verify) -> None:
    journal = river()
    journal.row(30)["command_id"] = journal.row(22)["command_id"]
    journal.row(25)["command_id"] = journal.row(22)["command_id"]
    store(emptied, journal)
    report = verified()
    assert [(f.check, f.seq, f.expected) for f in report.findings] == [("ids", 25, 22), ("ids", 30, 22)]


def test_a_changed_side_record_is_found(emptied: Database, verified: Verify) -> None:
    journal = river()
    store(emptied, journal)
    seq = next(s for s, body in journal.sides.items() if body == b"reference 1")
    change(emptied, "UPDATE journal_side SET body = 'reference 9' WHERE seq = %s", seq)
    assert [(f.check, f.seq) for f in verified().findings] == [("side_records", seq)]
    change(emptied, "DELETE FROM journal_side WHERE seq = %s", seq)
    assert "is missing" in verified().findings[0].sentence
    change(
        emptied,
        "INSERT INTO journal_side VALUES (0, %s, 'reference 1'), (0, %s, 'more'), (0, 999, 'beyond')",
        seq,
        seq + 2,
    )
    assert [f.seq for f in verified().findings] == [seq + 2, 999]
    change_row(emptied, seq, side_hash=journal.row(seq)["side_hash"][:31] + b"\0")
    assert verified().findings[0].seq == seq


def test_a_policy_that_cannot_be_read_is_found(emptied: Database, verified: Verify) -> None:
    journal = river()
    store(emptied, journal)
    change(emptied, "UPDATE journal_side SET body = '{}' WHERE seq = 1")
    assert {"policy", "side_records"} <= checks(verified())
