"""Look-ups in closed partitions go by the indices that were made when they were closed."""

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
from penstock.journal import partitions, reader

#: Enough that the planner has a reason to use an index.
PARTITION_ROWS = 10_000
ROWS = 3 * PARTITION_ROWS + 500
HOT = 3 * PARTITION_ROWS + 1
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
        assert len(partitions.close_and_index(keeper, LANE, ROWS)) == 3
    with connect_lane(database.dsn()) as connection:
        yield connection


def plan(connection: psycopg.Connection, query: str, values: dict[str, Any]) -> str:
    found = connection.execute(f"EXPLAIN (COSTS OFF) {query}", values).fetchall()  # type: ignore[call-overload]
    return "\n".join(line for (line,) in found)


def test_ids_are_found_by_their_index(lane: psycopg.Connection) -> None:
    asked = [(place, CLIENT, 0, seq) for place, seq in enumerate((5, HOT - 2, HOT + 2))]
    assert sorted(reader.find_ids(lane, LANE, asked, 1, HOT)) == [(0, 5, 35), (1, HOT - 2, 7 * (HOT - 2))]
    values = {"places": [0], "clients": [CLIENT], "upper": [0], "lower": [5], "lane": LANE, "first": 1, "end": HOT}
    how = plan(lane, reader._IDS, values)
    for first in range(1, HOT, PARTITION_ROWS):
        assert f"using journal_record_{LANE}_{first}_id on journal_record_{LANE}_{first}" in how
    assert "Seq Scan" not in how
    assert f"journal_record_{LANE}_{HOT}" not in how


def test_payments_are_found_by_their_key_and_what_followed_by_its_index(lane: psycopg.Connection) -> None:
    found = reader.find_payments(lane, LANE, [4, 5, HOT - 3], HOT)
    assert {seq: (payment.state, payment.payer, payment.last_seq) for seq, payment in found.items()} == {
        4: (2, 4, 6), 5: (1, 5, 5), HOT - 3: (2, HOT - 3, HOT - 1),
    }  # fmt: skip
    how = plan(lane, reader._PAYMENTS, {"lane": LANE, "seqs": [4], "hot": HOT})
    for first in range(1, HOT, PARTITION_ROWS):
        assert f"using journal_record_{LANE}_{first}_ref on journal_record_{LANE}_{first}" in how
        assert f"using journal_record_{LANE}_{first}_pkey on journal_record_{LANE}_{first}" in how
    assert "Seq Scan" not in how
