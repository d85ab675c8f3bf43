"""The keeper goes on whatever becomes of its connection, and tells when the journal is wrong."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import Connection
from support import planting
from support.database import Database

from penstock.app.keeper import Freezer, index_closed, keep_ahead, repeat
from penstock.app.resting import Resting
from penstock.journal import partitions
from penstock.journal.gathering import Gathering
from penstock.journal.heads import HeadSigner, read_heads
from penstock.journal.ids import find_ids
from penstock.journal.touching import Touching
from penstock.kit import postgres
from penstock.kit.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({}, home=tmp_path, partition_rows=1_000)


def place_lane(database: Database, last_seq: int) -> None:
    with database.connect() as connection:
        connection.execute("INSERT INTO lane VALUES (0, 1, %s, %s, 123)", [last_seq, bytes(range(32))])


def fill(database: Database, rows: int) -> None:
    """Rows of zeros with ids of their own; their content does not matter here."""
    with database.connect() as connection:
        planting.insert_rows(connection, planting.empty_rows(1, rows))


def test_a_round_attaches_what_is_missing_and_signs(database: Database, settings: Settings) -> None:
    place_lane(database, 10_500)
    signer = HeadSigner(settings.home / "heads", Ed25519PrivateKey.generate())
    with database.connect("penstock_keeper", autocommit=True) as connection:
        keep_ahead(settings, signer, Resting(), Touching(), connection)
        last = connection.execute("SELECT max(end_seq) FROM journal_partition").fetchone()
    assert last == (13_001,)
    assert [(head.seq, head.digest, head.time_us) for head in read_heads(settings.home / "heads")] == [
        (10_500, bytes(range(32)), 123)
    ]


def test_closed_partitions_are_indexed_and_the_ids_are_found(database: Database) -> None:
    fill(database, 2_500)
    place_lane(database, 2_500)
    with database.connect("penstock_keeper", autocommit=True) as connection:
        index_closed(Gathering(0), Resting(), connection)
        done = connection.execute("SELECT first_seq FROM journal_partition WHERE indexed ORDER BY 1").fetchall()
        found = find_ids(connection, 0, [(5, 0, 0, 1_700), (6, 0, 0, 2_400)], [1, 1_001])
    assert done == [(1,), (1_001,)]
    assert found == [(5, 1_700, 0)], "of the partition that is being filled the lane knows the ids itself"


def test_closed_partitions_are_frozen_when_the_lane_is_quiet_or_too_many_wait(database: Database, settings: Settings) -> None:
    fill(database, 3_500)
    place_lane(database, 3_500)
    freezer = Freezer(replace(settings, quiet_rows_per_second=10, quiet_s=5, unfrozen_partitions_max=2))
    with database.connect("penstock_keeper", autocommit=True) as connection:
        index_closed(Gathering(0), Resting(), connection)
        assert [part.first_seq for part in partitions.unfrozen(connection, 0)] == [1, 1_001, 2_001]
        frozen = freezer.step(connection, 100.0)
        assert frozen is not None, "three wait, two may"
        assert frozen.first_seq == 1
        connection.execute("UPDATE lane SET last_seq = last_seq + 20")
        assert freezer.step(connection, 101.0) is None, "the lane is busy"
        assert freezer.step(connection, 105.5) is None, "it may be waiting for the disk"
        second = freezer.step(connection, 106.0)
        assert second is not None
        assert second.first_seq == 1_001
        found = connection.execute("SELECT relpages > 0, relallfrozen = relpages FROM pg_class WHERE relname = 'journal_sheet_0_1001'")
        assert found.fetchone() == (True, True)


def test_a_lost_connection_is_made_anew(database: Database) -> None:
    stop, steps = threading.Event(), list[int]()

    def step(connection: Connection[Any]) -> None:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        steps.append(row[0])

    def connect() -> Connection[Any]:
        return database.connect("penstock_keeper", autocommit=True)

    thread = threading.Thread(target=repeat, args=(connect, step, 0.02, stop))
    thread.start()
    try:
        wait_for(lambda: len(steps) > 0)
        with psycopg.connect(database.dsn(postgres.ADMIN)) as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", [steps[0]])
        wait_for(lambda: len(set(steps)) > 1)
    finally:
        stop.set()
        thread.join()


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
