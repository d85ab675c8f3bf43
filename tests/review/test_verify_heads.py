"""`penstock verify` finds a cut tail and a rewritten chain by heads that were signed outside."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from review.journal_store import sign_heads
from review.stories import river
from review.verifying import Verify, checks, store
from support.database import Database

from penstock.review.verify.read import CannotVerify


def test_a_cut_tail_is_found_by_a_signed_head(emptied: Database, home: Path, verified: Verify) -> None:
    journal = river()
    sign_heads(home, journal)
    journal.batches.pop()
    store(emptied, journal)
    report = verified()
    last = journal.rows[-1]["seq"]
    assert checks(report) == {"heads"}
    assert report.findings[0].seq == last + 1
    assert "was cut" in report.findings[0].sentence
    assert checks(verified("latest")) == {"heads"}
    assert checks(verified(str(home / "heads" / "2026-01-02.jsonl"))) == {"heads"}
    shutil.rmtree(home / "heads")
    report = verified()  # inside the database nothing shows it
    assert report.ok
    assert any("cut tail" in note for note in report.notes)
    with pytest.raises(CannotVerify, match="no signed head"):
        verified("latest")


def test_a_rewritten_chain_is_found_by_a_signed_head(emptied: Database, home: Path, verified: Verify) -> None:
    journal = river()
    sign_heads(home, journal)
    row = journal.row(24)
    row["fingerprint"] += 1  # nothing else depends on it
    store(emptied, journal)
    report = verified()
    assert checks(report) == {"heads"}
    assert "rewritten" in report.findings[0].sentence
    ends = [batch[-1]["seq"] for batch in journal.batches]
    assert [finding.seq for finding in report.findings] == [seq for seq in ends if seq >= 24]


@pytest.mark.parametrize("key", ["digest", "seq", "time_us", "key", "signature", "lane"])
def test_a_forged_head_is_found(emptied: Database, home: Path, verified: Verify, key: str) -> None:
    journal = river()
    store(emptied, journal)
    sign_heads(home, journal)
    file = home / "heads" / "2026-01-02.jsonl"
    lines = file.read_text().splitlines()
    head = json.loads(lines[1])
    head[key] = head[key][::-1] if isinstance(head[key], str) else head[key] + 1
    lines[1] = json.dumps(head)
    file.write_text("\n".join([*lines, "{}", ""]))
    report = verified()
    assert checks(report) == {"heads"}
    assert report.more + len(report.findings) == 2  # the forged one, and the line that is none


def test_the_torn_last_line_of_the_heads_is_no_finding(emptied: Database, home: Path, verified: Verify) -> None:
    journal = river()
    store(emptied, journal)
    sign_heads(home, journal)
    with (home / "heads" / "2026-01-02.jsonl").open("a") as file:
        file.write('{"lane": 0, "se')
    assert verified().ok
