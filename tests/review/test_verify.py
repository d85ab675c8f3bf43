"""`penstock verify` passes what is right, and says what it saw."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from review.checkpoint_maker import make_tables
from review.journal_maker import JournalMaker
from review.journal_rows import encode, record_of
from review.journal_store import sign_heads, write_checkpoint
from review.stories import life, river
from review.verifying import Verify, change, change_row, store
from support.database import Database

from penstock.contracts import row as contract
from penstock.contracts.commands import PaymentType
from penstock.review.verify import audit, columns
from penstock.review.verify.report import as_json, as_words


def test_canonical_encoding_is_the_contracts() -> None:
    assert {n: contract.ROW.fields[n][1] for n in contract.ROW.names} == {  # type: ignore[index,union-attr]
        n: columns.CANONICAL.fields[n][1]
        for n in columns.CANONICAL.names  # type: ignore[index,union-attr]
    }
    assert columns.CANONICAL.itemsize == contract.ROW.itemsize == len(encode(river().rows[3]))
    assert {len(record_of(row)) for row in river().rows} == {columns.RECORD_BYTES, columns.BARE_BYTES}


@pytest.mark.parametrize("story", [river, life])
@pytest.mark.parametrize("chunks", ["one", "many"])
def test_a_right_journal_passes(
    emptied: Database, home: Path, verified: Verify, chunks: str, story: Callable[[], JournalMaker],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if chunks == "many":
        monkeypatch.setattr(audit, "CHUNK_ROWS", 3)
    journal = story()
    store(emptied, journal)
    sign_heads(home, journal)
    write_checkpoint(home, journal, make_tables(journal))
    report = verified()
    assert not report.findings, "\n".join(as_words(report, 1.0))
    assert not report.more
    assert report.heads == len(journal.batches)
    lane = report.lanes[0]
    assert (lane.rows, lane.batches, lane.compared_segments) == (len(journal.rows), len(journal.batches), 8)
    assert lane.digest == journal.digests()[-1].hex()
    assert set(lane.sums.values()) == {0}


def test_an_empty_database_passes(verified: Verify) -> None:
    assert verified().ok


def test_several_lanes_are_verified_apart(emptied: Database, verified: Verify) -> None:
    second = JournalMaker(lane=3)
    second.pay(second.fund(), second.fund(), 5)
    second.commit()
    store(emptied, river())
    with emptied.connect("penstock_admin") as connection:
        connection.execute("CREATE TABLE rows_3 PARTITION OF journal_sheet FOR VALUES FROM (3, 1) TO (3, 1000)")
        connection.execute("CREATE TABLE sides_3 PARTITION OF journal_side FOR VALUES FROM (3, 1) TO (3, 1000)")
    store(emptied, second)
    assert [lane.lane for lane in verified().lanes] == [0, 3]
    change_row(emptied, len(second.rows), 3, moved_minor=lambda minor: minor + 1)
    assert {finding.lane for finding in verified().findings} == {3}
    change(emptied, "DROP TABLE rows_3, sides_3")


def test_the_report_speaks_and_counts(emptied: Database, verified: Verify) -> None:
    journal = JournalMaker()
    a, b = journal.fund(), journal.fund()
    for _ in range(130):
        journal.pay(a, b, 1, PaymentType.BILL)
    journal.commit()
    store(emptied, journal)
    report = verified()
    assert len(report.findings) == 100
    assert report.more == 30
    written = as_json(report, 2.0)
    assert json.loads(json.dumps(written))["first"]["check"] == "limits"
    assert written["lanes"][0]["checks"]["limits"] == 130
    assert written["lanes"][0]["checks"]["links"] == 0
    words = as_words(report, 2.0)
    assert any("WRONG" in line and "lane 0" in line for line in words)
    assert "30 more" in words[-1]
