"""`penstock verify` finds sheets that are not as documented, whatever they do to the rows in them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from review.journal_maker import JournalMaker
from review.journal_rows import sheet_of
from review.stories import river
from review.verifying import Verify, change, change_row, change_sheet, checks, store
from support.database import Database

from penstock.review.verify.report import Report

#: The first rows of sheets: of one without vectors, and of one in which some rows have one.
BARE, LONG = 18, 29
WRONG_LENGTHS = [
    "records = substring(records for octet_length(records) - 1)", "records = records || '\\x00'", "records = ''",
    "records = substring(records for octet_length(records) - size)", "records = records || substring(records for size)",
    "rows = rows - 1", "rows = rows + 1", "rows = 1",
]  # fmt: skip


@pytest.fixture
def journal(emptied: Database) -> JournalMaker:
    """A journal in the database; each batch is a sheet, but for the first, which is two."""
    made = river()
    assert [batch[0]["seq"] for batch in made.batches[:3]] == [1, LONG, 36]
    store(emptied, made)
    return made


def told(report: Report, check: str) -> list[tuple[int, object, object]]:
    return [(finding.seq, finding.expected, finding.found) for finding in report.findings if finding.check == check]


def insert_sheet(database: Database, journal: JournalMaker, first: int, last: int) -> None:
    """Store rows as a sheet, though they are in one already."""
    sheet = sheet_of([row for row in journal.rows if first <= row["seq"] <= last])
    change(database, "INSERT INTO journal_sheet (lane, first_seq, rows, records) VALUES (0, %s, %s, %s)", *sheet)


@pytest.mark.usefixtures("small_chunks", "journal")
@pytest.mark.parametrize("first", [BARE, LONG])
@pytest.mark.parametrize("how", WRONG_LENGTHS)
def test_a_sheet_of_another_length_is_found(emptied: Database, verified: Verify, how: str, first: int) -> None:
    change_sheet(emptied, first, how)
    report = verified()
    assert {seq for seq, _, _ in told(report, "sheets")} == {first}
    assert any("bytes; for its rows" in finding.sentence for finding in report.findings)
    assert report.findings[0].seq == first


@pytest.mark.usefixtures("journal")
@pytest.mark.parametrize("rows", [0, -1, 25, 30_000])
def test_a_sheet_of_an_impossible_number_of_rows_is_found(emptied: Database, verified: Verify, rows: int) -> None:
    change_sheet(emptied, BARE, f"rows = {rows}")
    report = verified()
    assert (BARE, rows) in [(seq, found) for seq, _, found in told(report, "sheets")]
    assert "sequence" in checks(report), "rows are missing, or there twice"


@pytest.fixture
def large_pages(emptied: Database) -> Iterator[None]:
    """Let a sheet be longer than a page."""
    change(emptied, "ALTER TABLE journal_sheet_0_1 ALTER COLUMN records SET STORAGE MAIN")
    yield
    change(emptied, "TRUNCATE journal_sheet")
    change(emptied, "ALTER TABLE journal_sheet_0_1 ALTER COLUMN records SET STORAGE PLAIN")


@pytest.mark.usefixtures("small_chunks", "large_pages")
def test_a_sheet_with_more_rows_than_it_may_have_hides_none(emptied: Database, verified: Verify, journal: JournalMaker) -> None:
    """Its bytes are right; rows so far from its first are not looked for, which is said as well."""
    change(emptied, "TRUNCATE journal_sheet")
    insert_sheet(emptied, journal, 1, len(journal.rows))
    report = verified()
    assert told(report, "sheets") == [(1, 17, len(journal.rows))]
    assert [seq for seq, _, _ in told(report, "sequence")] == [29, 36, 43, 50]


def test_a_missing_sheet_is_found(emptied: Database, verified: Verify, journal: JournalMaker) -> None:
    change(emptied, "DELETE FROM journal_sheet WHERE first_seq = %s", LONG)
    assert verified().findings[0].sentence == f"Rows {LONG} to {journal.batches[1][-1]['seq']} are missing."


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize(
    ("first", "last", "twice"), [(2, 2, [2]), (30, 32, [30]), (34, 36, [34, 36]), (35, 35, [35]), (50, 52, [50])]
)
def test_rows_that_are_there_twice_are_found(
    emptied: Database, verified: Verify, journal: JournalMaker, first: int, last: int, twice: list[int]
) -> None:
    """Also when both say the same, so that nothing else tells."""
    insert_sheet(emptied, journal, first, last)
    report = verified()
    assert checks(report) == {"sequence"}
    assert [seq for seq, _, _ in told(report, "sequence")] == twice
    assert all("is there twice" in finding.sentence for finding in report.findings)


@pytest.mark.usefixtures("journal")
def test_a_sheet_in_another_place_is_found(emptied: Database, verified: Verify) -> None:
    change_sheet(emptied, LONG, "first_seq = first_seq + 1")
    report = verified()
    assert {"sequence", "record", "digest"} <= checks(report)
    assert (LONG, LONG, LONG + 1) in told(report, "sequence"), "the first one is missing now"
    assert (36, 35, 36) in told(report, "sequence"), "and one is there twice"


def test_rows_after_the_last_one_are_found(emptied: Database, verified: Verify, journal: JournalMaker) -> None:
    """In the last sheet itself, in one far behind, and in one that has none."""
    last = len(journal.rows)
    change_sheet(emptied, last, "rows = rows + 1, records = records || substring(records for size)")
    assert [finding.seq for finding in verified().findings] == [last + 1]
    change_sheet(emptied, last, "rows = rows - 1, records = substring(records for octet_length(records) - size)")
    assert verified().ok
    change(emptied, "INSERT INTO journal_sheet VALUES (0, 900, 2, %s), (0, 950, 0, '')", bytes(660))
    report = verified()
    assert [(finding.check, finding.seq) for finding in report.findings] == [("sequence", 900), ("sequence", 950)]


def test_rows_before_the_first_one_are_found(emptied: Database, verified: Verify, journal: JournalMaker) -> None:
    change(emptied, "CREATE TABLE early PARTITION OF journal_sheet FOR VALUES FROM (0, -100) TO (0, 1)")
    change(emptied, "INSERT INTO journal_sheet VALUES (0, -50, 1, %s)", bytes(330))
    assert [(finding.check, finding.seq) for finding in verified().findings] == [("sequence", -50)]
    change(emptied, "UPDATE journal_sheet SET first_seq = -1, rows = 4, records = %s WHERE first_seq = -50", bytes(4 * 330))
    assert {(-1, None, None), (1, 0, 2)} <= set(told(verified(), "sequence")), "it reaches into the first sheet"
    change(emptied, "DROP TABLE early")
    assert verified().rows == len(journal.rows)


def test_a_sheet_that_goes_beyond_its_partition_is_found(emptied: Database, verified: Verify, journal: JournalMaker) -> None:
    change(emptied, "UPDATE journal_partition SET end_seq = %s WHERE lane = 0 AND first_seq = 1", 41)
    report = verified()
    change(emptied, "UPDATE journal_partition SET end_seq = 1001 WHERE lane = 0 AND first_seq = 1")
    assert [(f.check, f.seq, f.expected, f.found) for f in report.findings] == [("sheets", 36, 40, 42)]
    assert journal.batches[2][-1]["seq"] == 42


def _each(record: str) -> str:
    """Set each row's bytes; ``place`` is which of them it is."""
    return f"records = (SELECT string_agg({record}, '' ORDER BY place) FROM generate_series(0, rows - 1) AS place)"


@pytest.mark.usefixtures("small_chunks", "journal")
def test_room_for_vectors_where_there_is_none_is_found(emptied: Database, verified: Verify) -> None:
    """Zeros of which the canonical encoding cannot tell."""
    change_sheet(emptied, BARE, _each("substring(records, place * size + 1, size) || decode(repeat('00', 128), 'hex')"))
    assert told(verified(), "sheets") == [(BARE, None, None)]


@pytest.mark.usefixtures("journal")
def test_a_sheet_that_lost_its_vectors_is_found(emptied: Database, verified: Verify) -> None:
    change_sheet(emptied, LONG, _each("substring(records, place * size + 1, 330)"))
    report = verified()
    assert {"features", "digest"} <= checks(report)
    assert told(report, "features")[0] == (LONG, 128, -1)


def test_a_vector_of_a_row_that_has_none_is_found(emptied: Database, verified: Verify, journal: JournalMaker) -> None:
    """In a sheet with vectors, and in one without; also in a chain that was made anew."""
    with_others = next(row for row in journal.batches[1] if row["features"] is None)
    for seq in (with_others["seq"], BARE):
        change_row(emptied, seq, features=bytes(127) + b"\1")
        assert (seq, -1, 128) in told(verified(), "features")
        change_row(emptied, seq, features=None)
        assert verified().ok
    with_others["features"] = b"\1" + bytes(127)
    change(emptied, "TRUNCATE lane, journal_sheet, journal_batch, journal_side")
    store(emptied, journal)
    assert told(verified(), "features") == [(with_others["seq"], -1, 128)]


def test_a_vector_that_became_zeros_is_found(emptied: Database, verified: Verify, journal: JournalMaker) -> None:
    with_one = next(row["seq"] for row in journal.rows if row["features"] is not None)
    change_row(emptied, with_one, features=None)
    assert {"features", "digest"} <= checks(verified())
