"""`penstock verify` compares the newest whole checkpoint with the journal."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from review.checkpoint_maker import ACCOUNTS, make_tables
from review.journal_maker import JournalMaker
from review.journal_store import write_checkpoint
from review.stories import life, river
from review.verifying import Verify, checks, store
from support.database import Database

CELLS = [
    *(("accounts", name) for name in ACCOUNTS[:3]), ("accounts", "open_holds"),
    *(("purses", f"{window}_{what}_any") for window in ("day", "month", "year") for what in ("amount", "count")),
    ("purses", "month_amount_transfer"), ("purses", "customer"), ("purses", "last_seq"),
    ("holds", "origin_seq"), ("holds", "cleared_minor"), ("holds", "fee_taken_minor"), ("holds", "expires_us"),
    ("customers", "tier"), ("customers", "purse_CNY"), ("customers", "accounts"), ("scalars", "accounts"),
]  # fmt: skip


LIFE_CELLS = [
    ("accounts", "debit_until_us"), ("accounts", "credit_from_us"), ("accounts", "frozen_minor"), ("accounts", "kind"),
    ("purses", "overridden"), ("overrides", "value"), ("totals", "given_back"), ("holds", "state"), ("holds", "left_minor"),
    ("holds", "flags"), ("scalars", "approvers_limits"), ("scalars", "reviews_in_hour"), ("scalars", "overrides"),
    ("scalars", "model_version"), ("scalars", "labels"), ("labels", "option"), ("labels", "seq"), ("labels", "origin_seq"),
]  # fmt: skip


@pytest.mark.parametrize(("story", "cells"), [(river, CELLS), (life, LIFE_CELLS)])
def test_a_wrong_number_in_a_checkpoint_is_found(
    emptied: Database, home: Path, verified: Verify, story: Callable[[], JournalMaker], cells: list[tuple[str, str]]
) -> None:
    journal = story()
    journal.pay(16, 17, 1)  # so that the last purse's counters are of the last day
    journal.commit()
    store(emptied, journal)
    right = make_tables(journal)
    for table, column in cells:
        tables = {name: (columns, [list(r) for r in records]) for name, (columns, records) in right.items()}
        names, records = tables[table]
        current = 1 if table == "purses" else -1
        records[current][names.index(column)] += 1
        folder = write_checkpoint(home, journal, tables)
        report = verified()
        assert checks(report) == {"checkpoint"}, (table, column)
        assert report.findings[0].seq == journal.rows[-1]["seq"]
        assert column in report.findings[0].sentence or column == "origin_seq"
        shutil.rmtree(folder)


def test_a_damaged_checkpoint_is_found_and_the_one_before_it_is_compared(
    emptied: Database, home: Path, verified: Verify
) -> None:
    journal = river()
    earlier = journal.copy()
    earlier.batches.pop()
    store(emptied, journal)
    write_checkpoint(home, earlier, make_tables(earlier), form=1)
    folder = write_checkpoint(home, journal, make_tables(journal))
    assert verified().ok
    with (folder / "purses-0.bin").open("r+b") as file:
        file.seek(50)
        file.write(b"\xa5")
    report = verified()
    assert [f.check for f in report.findings] == ["checkpoint"]
    assert "damaged" in report.findings[0].sentence
    assert report.lanes[0].compared_segments == 8
    assert verified(checkpoint=False).ok
    (folder / "manifest.json").unlink()  # an unfinished one is none
    assert verified().ok


def test_a_checkpoint_of_another_chain_is_found(emptied: Database, home: Path, verified: Verify) -> None:
    journal = river()
    write_checkpoint(home, journal, make_tables(journal))
    journal.row(24)["fingerprint"] += 1
    store(emptied, journal)
    report = verified()
    assert checks(report) == {"checkpoint"}
    assert "another digest" in report.findings[0].sentence
