"""Partitions are there before they are needed."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from support.database import Database

from penstock.journal import partitions


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


@pytest.mark.parametrize("statement", ["UPDATE journal_sheet SET records = ''", "TRUNCATE journal_sheet", "DELETE FROM journal_sheet", "DELETE FROM journal_ids", "DELETE FROM journal_follow", "DELETE FROM journal_key", "TRUNCATE journal_key"])
@pytest.mark.parametrize("role", ["penstock_lane", "penstock_edge", "penstock_auditor"])
def test_no_role_of_the_running_system_changes_a_row(database: Database, role: str, statement: str) -> None:
    with database.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)
