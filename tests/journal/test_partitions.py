"""Partitions are there before they are needed, and indexed once they are full."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import psycopg
import pytest
from support import planting
from support.database import Database

from penstock.journal import partitions


def insert_rows(database: Database, first: int, count: int, command_id: int | None = None) -> None:
    """Insert rows as the lane does, through the parent."""
    seqs = np.arange(first, first + count)
    rows = planting.empty_rows(first, count, time_us=seqs * 10, client=1, ref_seq=np.minimum(seqs % 3, 1))
    if command_id:
        planting.set_fields(rows, command_id=uuid.UUID(int=command_id))
    with database.connect() as connection:
        planting.insert_rows(connection, rows)


def listed(database: Database) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        return connection.execute("SELECT first_seq, end_seq, indexed FROM journal_partition ORDER BY 1").fetchall()


def test_partitions_are_made_ahead_of_the_last_row(database: Database) -> None:
    before = len(listed(database))
    with database.connect("penstock_keeper") as connection:
        made = partitions.ensure_ahead(connection, 0, 10_500, 1_000, 2)
        again = partitions.ensure_ahead(connection, 0, 10_500, 1_000, 2)
    assert [(p.first_seq, p.end_seq) for p in made] == [(11_001, 12_001), (12_001, 13_001)]
    assert again == []
    assert len(listed(database)) == before + 2


def test_a_journal_keeps_the_size_of_its_partitions(database: Database) -> None:
    with database.connect("penstock_keeper") as connection:
        made = partitions.ensure_ahead(connection, 0, 11_000, 77, 0)
    assert [(p.first_seq, p.end_seq) for p in made] == [(11_001, 12_001)]


def test_another_lane_has_partitions_of_its_own(database: Database) -> None:
    with database.connect("penstock_keeper") as connection:
        made = partitions.ensure_ahead(connection, 7, 0, 1_000, 1)
    assert [tuple(p) for p in made] == [(7, 1, 1_001), (7, 1_001, 2_001)]


def test_rows_reach_their_partition_while_another_is_attached(database: Database) -> None:
    """Attaching waits for nobody and stalls nobody, also with a row not yet committed."""
    with database.connect() as lane, database.connect("penstock_keeper") as keeper:
        lane.execute("INSERT INTO journal_side VALUES (0, 1, 'a')")
        partitions.ensure_ahead(keeper, 0, 11_000, 1_000, 2)
        lane.execute("INSERT INTO journal_side VALUES (0, 11001, 'b')")
    with database.connect() as lane:
        assert lane.execute("SELECT count(*) FROM journal_side").fetchone() == (2,)


def test_a_full_partition_is_indexed_and_marked(database: Database) -> None:
    insert_rows(database, 1, 1_200)
    with database.connect("penstock_keeper", autocommit=True) as connection:
        assert partitions.close_and_index(connection, 0, 999) == []
        closed = partitions.close_and_index(connection, 0, 1_200)
        assert [p.first_seq for p in closed] == [1]
        assert partitions.close_and_index(connection, 0, 1_200) == []
        times = connection.execute("SELECT first_time_us, last_time_us, indexed FROM journal_partition WHERE first_seq = 1")
        assert times.fetchone() == (10, 10_000, True)
        indices = connection.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'journal_record_0_1' ORDER BY 1")
        assert [name for (name,) in indices] == ["journal_record_0_1_id", "journal_record_0_1_pkey", "journal_record_0_1_ref"]


def test_a_command_id_that_appears_twice_is_found(database: Database) -> None:
    insert_rows(database, 1, 1_000, command_id=4711)
    connection = database.connect("penstock_keeper", autocommit=True)
    with connection, pytest.raises(partitions.DuplicateIds, match="twice"):
        partitions.close_and_index(connection, 0, 1_000)
    assert listed(database)[0] == (1, 1_001, False)


def test_an_index_that_another_session_is_just_making_is_no_command_id_that_appears_twice(database: Database) -> None:
    insert_rows(database, 1, 1_000)
    left = database.connect("penstock_keeper")  # that of a keeper which was killed
    left.execute("SELECT 1")  # begins a transaction, in which the index stays unfinished
    partitions._index(left, partitions.Partition(0, 1, 1_001))
    with database.connect("penstock_keeper", autocommit=True) as connection, ThreadPoolExecutor(1) as thread:
        connection.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            partitions.close_and_index(connection, 0, 1_000)
        connection.execute("SET lock_timeout = '60s'")
        closed = thread.submit(partitions.close_and_index, connection, 0, 1_000)
        with database.connect() as looking:
            while not looking.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND pid = %s", [connection.info.backend_pid]).fetchone():
                assert not closed.done()
        left.commit()
        assert [p.first_seq for p in closed.result(60)] == [1]
    left.close()


@pytest.mark.parametrize("statement", ["UPDATE journal SET record = ''", "DELETE FROM journal", "TRUNCATE journal_record", "DELETE FROM journal_record"])
@pytest.mark.parametrize("role", ["penstock_lane", "penstock_edge", "penstock_auditor"])
def test_no_role_of_the_running_system_changes_a_row(database: Database, role: str, statement: str) -> None:
    with database.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)
