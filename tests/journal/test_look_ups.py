"""Look-ups of single rows, ids and payments go by keys, into the partitions that they need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
from support import planting
from support.database import Database

from penstock.app.lane_start import connect_lane
from penstock.contracts.row import ROW
from penstock.journal import closing, ids, partitions, reader
from penstock.journal.gathering import Gathering

#: Enough that the planner has a reason to use an index.
PARTITION_ROWS = 10_000
ROWS = 3 * PARTITION_ROWS + 500
HOT = 3 * PARTITION_ROWS + 1
FIRSTS = list(range(1, HOT, PARTITION_ROWS))
LANE, CLIENT = 5, 3


@pytest.fixture
def rows() -> Any:
    """Rows of three full partitions and a bit: each third is about the row two in front of it."""
    seqs = np.arange(1, ROWS + 1)
    follows = seqs % 3 == 0
    made = planting.empty_rows(
        1, ROWS, lane=LANE, client=CLIENT, time_us=seqs, fingerprint=seqs * 7, payer_account=seqs, left_minor=seqs,
        ref_seq=np.where(follows, seqs - 2, 0), ref_prev_seq=np.where(follows, seqs - 2, 0), state=np.where(follows, 2, 1),
    )  # fmt: skip
    assert made.dtype == ROW
    return made


@pytest.fixture
def lane(database: Database, rows: Any) -> Iterator[psycopg.Connection]:
    """A lane's connection to a journal with closed and hot partitions."""
    with database.connect("penstock_keeper") as keeper:
        partitions.ensure_ahead(keeper, LANE, 0, PARTITION_ROWS, 3)
    with database.connect() as connection:
        planting.insert_rows(connection, rows)
    with database.connect("penstock_keeper", autocommit=True) as keeper:
        assert len(closing.close_and_index(keeper, Gathering(LANE), ROWS)) == 3
    with connect_lane(database.dsn()) as connection:
        yield connection


def plan(connection: psycopg.Connection, query: str, values: dict[str, Any]) -> str:
    found = connection.execute(f"EXPLAIN (COSTS OFF) {query}", values).fetchall()  # type: ignore[call-overload]
    return "\n".join(line for (line,) in found)


def test_ids_are_found_by_the_first_of_their_page(lane: psycopg.Connection) -> None:
    asked = [(place, CLIENT, 0, seq) for place, seq in enumerate((5, HOT - 2, HOT + 2))]
    assert sorted(ids.find_ids(lane, LANE, asked, FIRSTS)) == [(0, 5, 35), (1, HOT - 2, 7 * (HOT - 2))]
    values = {"places": [0], "clients": [CLIENT], "upper": [0], "lower": [5], "lane": LANE, "partitions": FIRSTS}
    how = plan(lane, ids._PAGES, values)
    assert "Index Scan Backward using journal_ids_pkey" in how
    assert "ROW(first_hi, first_lo, first_client) <=" in how
    assert "Seq Scan" not in how


def test_payments_and_what_followed_are_found_by_their_keys(lane: psycopg.Connection) -> None:
    found = reader.find_payments(lane, LANE, [4, 5, HOT - 3], HOT)
    assert {seq: (payment.state, payment.payer, payment.last_seq) for seq, payment in found.items()} == {
        4: (2, 4, 6), 5: (1, 5, 5), HOT - 3: (2, HOT - 3, HOT - 1),
    }  # fmt: skip
    how = plan(lane, reader._PAYMENTS, {"lane": LANE, "seqs": [4], "hot": HOT})
    assert "using journal_follow_pkey on journal_follow" in how
    for first in FIRSTS:
        assert f"using journal_sheet_{LANE}_{first}_pkey on journal_sheet_{LANE}_{first}" in how
    assert "Seq Scan" not in how


@pytest.mark.parametrize(("seq", "partition"), [(1, 1), (PARTITION_ROWS, 1), (PARTITION_ROWS + 1, PARTITION_ROWS + 1), (ROWS, HOT)])
def test_a_row_is_found_by_the_key_of_its_sheet(lane: psycopg.Connection, seq: int, partition: int) -> None:
    query = "SELECT fingerprint FROM journal_at(%(lane)s, %(seq)s)"
    values = {"lane": LANE, "seq": seq}
    assert lane.execute(query, values).fetchall() == [(7 * seq,)]
    how = plan(lane, query, values)
    assert f"journal_sheet_{LANE}_{partition}_pkey" in how
    assert "Seq Scan" not in how
    others = [first for first in (*FIRSTS, HOT) if first != partition and f"journal_sheet_{LANE}_{first}_pkey" in how]
    assert others == ([partition - PARTITION_ROWS] if seq == partition > 1 else []), "a sheet that begins before it might reach here"


def test_rows_between_are_found_wherever_they_begin(lane: psycopg.Connection) -> None:
    for after, until in ((0, 0), (0, 1), (7, 31), (PARTITION_ROWS - 20, PARTITION_ROWS + 20), (ROWS - 3, ROWS + 50), (ROWS, ROWS)):
        found = lane.execute("SELECT seq FROM journal_between(%s, %s, %s) ORDER BY seq", [LANE, after, until]).fetchall()
        assert [seq for (seq,) in found] == list(range(after + 1, min(until, ROWS) + 1))
