"""A commit of few rows and one of many go different ways, and come to the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray
from support import planting
from support.database import Database

from penstock.contracts.row import ROW
from penstock.journal import writer as writing
from penstock.journal.digest import GENESIS, chain
from penstock.journal.writer import DatabaseAway, Fenced, JournalWriter

Connect = Callable[[], psycopg.Connection]

FEW = writing._FEW_ROWS
_TABLES = ("journal", "journal_side", "journal_batch")


def some_rows(first: int, count: int) -> NDArray[Any]:
    """Every other row has a vector."""
    rows = planting.empty_rows(first, count, time_us=np.arange(first, first + count) * 10, amount_minor=first)
    rows["feature_registry"] = np.arange(count) % 2
    rows["features"][rows["feature_registry"] > 0] = 7
    return rows


@pytest.fixture
def connect(database: Database) -> Iterator[Connect]:
    """Makes a lane's connections, which are closed in the end."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(database.connect(autocommit=True))


@pytest.fixture
def writer(connect: Connect) -> JournalWriter:
    return JournalWriter(connect, 0, 0.2)


@pytest.mark.parametrize("count", [1, FEW, FEW + 1])
@pytest.mark.parametrize("sides", [0, 1, 3])
def test_rows_sides_and_batch_are_there(database: Database, writer: JournalWriter, count: int, sides: int) -> None:
    digest = GENESIS
    for first in (1, 1 + count):
        rows = some_rows(first, count)
        bodies = [(first + place, b"\x00body %d" % place) for place in range(min(sides, count))]
        writer.commit(rows, bodies)
        digest = chain(digest, 0, rows)
        assert (writer.position.last_seq, writer.position.digest) == (first + count - 1, digest)
        assert writer.read_position() == writer.position
        with database.connect() as connection:
            stored = connection.execute("SELECT lane, seq, record FROM journal WHERE seq >= %s ORDER BY seq", [first])
            assert [(lane, seq, record.ljust(ROW.itemsize, b"\0")) for lane, seq, record in stored] == [
                (0, row["seq"], row.tobytes()) for row in rows
            ]
            found = connection.execute("SELECT seq, body FROM journal_side WHERE seq >= %s ORDER BY seq", [first]).fetchall()
            assert found == bodies
            batch = connection.execute("SELECT last_seq, epoch, encoding, digest FROM journal_batch WHERE first_seq = %s", [first])
            assert batch.fetchone() == (first + count - 1, 1, 1, digest)


@pytest.mark.parametrize("count", [1, FEW + 1])
def test_a_fenced_writer_leaves_nothing(database: Database, connect: Connect, writer: JournalWriter, count: int) -> None:
    writer.commit(some_rows(1, count), [])
    newer = JournalWriter(connect, 0, 0.2)
    assert newer.position.epoch == 2
    with database.connect() as connection:
        before = [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in _TABLES]  # type: ignore[call-overload]
        with pytest.raises(Fenced, match="epoch 1"):
            writer.commit(some_rows(1 + count, count), [(1 + count, b"body")])
        assert [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in _TABLES] == before  # type: ignore[call-overload]
    newer.commit(some_rows(1 + count, count), [])


@pytest.mark.parametrize("count", [1, FEW + 1])
def test_a_lost_connection_is_no_lost_commit(database: Database, writer: JournalWriter, count: int) -> None:
    """The session was ended before the commit: the same rows are sent again, once."""
    for first in (1, 1 + count):
        with database.connect("penstock_admin") as admin:
            admin.execute("SELECT pg_terminate_backend(%s, 1000)", [writer.connection.info.backend_pid])
        writer.commit(some_rows(first, count), [(first, hashlib.sha256(b"side").digest())])
    with database.connect() as connection:
        assert connection.execute("SELECT count(*), max(seq) FROM journal").fetchone() == (2 * count, 2 * count)
        assert connection.execute("SELECT count(*) FROM journal_side").fetchone() == (2,)


@pytest.mark.parametrize("count", [1, FEW + 1])
def test_a_database_that_stays_away_ends_the_writer(connect: Connect, count: int) -> None:
    connections = [connect()]

    def connect_once() -> psycopg.Connection:
        if not connections:
            raise psycopg.OperationalError("away")
        return connections.pop()

    writer = JournalWriter(connect_once, 0, 0.0)
    writer.close()
    with pytest.raises(DatabaseAway):
        writer.commit(some_rows(1, count), [])
