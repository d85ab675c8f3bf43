"""`penstock verify` compares what lies beside closed partitions, ids and follow-ups, with the rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from review.journal_maker import JournalMaker
from review.journal_rows import key_of
from review.verifying import Verify, change, store
from support.database import Database

from penstock.journal import closing, partitions
from penstock.journal.gathering import Gathering

LANE = 3
#: Ids for more than a page, and whole sheets of the rows of a batch.
PARTITION_ROWS = 340
ROWS = 2 * PARTITION_ROWS + 3
_SWAPPED = "substring(ids FOR 28) || substring(ids FROM 57 FOR 28) || substring(ids FROM 29 FOR 28) || substring(ids FROM 85)"
#: What can be done to the pages of a partition, and to the follow-ups.
FORGED_IDS = [
    "DELETE FROM journal_ids WHERE partition = 341 AND octet_length(ids) < 280 * 28",
    "DELETE FROM journal_ids WHERE partition = 341",
    "UPDATE journal_ids SET ids = substring(ids FROM 29) WHERE partition = 341",
    "UPDATE journal_ids SET ids = substring(ids FOR octet_length(ids) - 28) WHERE partition = 341",
    "UPDATE journal_ids SET ids = substring(ids FOR octet_length(ids) - 1) WHERE partition = 341",
    "UPDATE journal_ids SET ids = '' WHERE partition = 341",
    "UPDATE journal_ids SET ids = set_byte(ids, 7, get_byte(ids, 7) # 128) WHERE partition = 341",
    "UPDATE journal_ids SET ids = set_byte(ids, 16, get_byte(ids, 16) # 1) WHERE partition = 341",
    "UPDATE journal_ids SET ids = set_byte(ids, 20, get_byte(ids, 20) # 1) WHERE partition = 341",
    "UPDATE journal_ids SET first_hi = first_hi + 1 WHERE partition = 341",
    "UPDATE journal_ids SET first_lo = first_lo - 1 WHERE partition = 341",
    "UPDATE journal_ids SET first_client = 7 WHERE partition = 341",
    f"UPDATE journal_ids SET ids = {_SWAPPED} WHERE partition = 341",
    "UPDATE journal_ids SET ids = ids || substring(ids FROM octet_length(ids) - 27) WHERE partition = 341",
    "INSERT INTO journal_ids SELECT lane, 341, first_hi - 1, first_lo, first_client, ids FROM journal_ids WHERE partition = 1",
    "UPDATE journal_ids SET partition = 342 - partition",
]  # fmt: skip
FORGED_FOLLOWS = [
    "DELETE FROM journal_follow WHERE seq > 340",
    "UPDATE journal_follow SET ref_seq = ref_seq + 1 WHERE seq > 340",
    "UPDATE journal_follow SET seq = seq + 1 WHERE seq > 340",
    "INSERT INTO journal_follow VALUES (3, 22, 500)",
]


@pytest.fixture(scope="module")
def journal() -> JournalMaker:
    """A batch for each of two partitions, with holds and what became of them, and the beginning of a third."""
    made = JournalMaker(lane=LANE)
    payers = [made.fund() for _ in range(8)]
    for last in (PARTITION_ROWS, 2 * PARTITION_ROWS):
        for payer, payee in pairwise(payers):
            made.clear(made.hold(payer, payee, 5))
        seq = 0
        while seq < last:
            seq = made.pay(payers[seq % 7], payers[7], 1)
        made.commit()
    hold = made.hold(payers[0], payers[1], 5)
    made.release(hold, 1)
    made.cancel(hold)
    made.commit()
    assert len(made.rows) == ROWS
    return made


@pytest.fixture
def closed(emptied: Database, journal: JournalMaker) -> Iterator[None]:
    """The journal in a lane of which two partitions are closed."""
    with emptied.connect("penstock_keeper") as connection:
        partitions.ensure_ahead(connection, LANE, 0, PARTITION_ROWS, 2)
    store(emptied, journal)
    pages = [page for batch in journal.batches for page in (batch[:280], batch[280:]) if page]
    keys = [(LANE, page[0]["seq"], b"".join(map(key_of, page))) for page in pages]
    with emptied.connect("penstock_admin") as connection:
        connection.cursor().executemany("INSERT INTO journal_key VALUES (%s, %s, %s)", keys)
    with emptied.connect("penstock_keeper", autocommit=True) as connection:
        assert len(closing.close_and_index(connection, Gathering(LANE), ROWS)) == 2
    yield
    change(emptied, "UPDATE journal_partition SET indexed = false")


def told(verified: Verify) -> list[tuple[str, int]]:
    return [(finding.check, finding.seq) for finding in verified().findings]


@pytest.mark.usefixtures("closed", "small_chunks")
def test_what_the_keeper_wrote_passes(emptied: Database, verified: Verify) -> None:
    with emptied.connect("penstock_auditor") as connection:
        pages: Any = connection.execute("SELECT partition, octet_length(ids) / 28 FROM journal_ids ORDER BY 1, 2 DESC").fetchall()
        follows: Any = connection.execute("SELECT count(*) FROM journal_follow").fetchone()
    assert pages == [(1, 280), (1, 60), (341, 280), (341, 60)]
    assert follows == (14,)
    assert told(verified) == []


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize("forged", FORGED_IDS)
def test_forged_ids_are_found(emptied: Database, verified: Verify, forged: str) -> None:
    change(emptied, forged)
    found = told(verified)
    assert ("look_ups", 341) in found
    assert {check for check, _ in found} == {"look_ups"}


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize("forged", FORGED_FOLLOWS)
def test_forged_follow_ups_are_found(emptied: Database, verified: Verify, forged: str) -> None:
    change(emptied, forged)
    assert told(verified) == [("look_ups", 341)]


@pytest.mark.usefixtures("closed")
def test_entries_of_no_closed_partition_are_found(emptied: Database, verified: Verify) -> None:
    change(emptied, "UPDATE journal_partition SET indexed = false WHERE lane = 3 AND first_seq = 341")
    report = verified()
    assert {finding.check for finding in report.findings} == {"look_ups"}
    assert [(finding.expected, finding.found) for finding in report.findings] == [(0, 340), (0, 7)]
