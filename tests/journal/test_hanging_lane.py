"""A lane process that hangs in the middle of a commit cannot keep its successor out."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from support.database import Database
from support.planting import COPY

from penstock.journal.writer import JournalWriter
from penstock.kit import db

RETRY_S = 5.0


@pytest.fixture
def hanging(database: Database) -> Iterator[psycopg.Connection]:
    """A lane's session within the transaction of a commit."""
    first = JournalWriter(lambda: database.connect(autocommit=True), 0, RETRY_S)
    first.connection.autocommit = False
    first.connection.execute("UPDATE lane SET last_seq = 5 WHERE lane = 0 AND epoch = 1")
    yield first.connection
    first.close()


def take_over(database: Database) -> JournalWriter:
    def connect() -> psycopg.Connection:
        return db.connect(database.dsn(), name="test", autocommit=True, lock_timeout_ms=300)

    return JournalWriter(connect, 0, RETRY_S)


def test_one_that_hangs_between_two_statements(database: Database, hanging: psycopg.Connection) -> None:
    second = take_over(database)
    assert (second.position.epoch, second.position.last_seq) == (2, 0)
    with pytest.raises(psycopg.OperationalError):
        hanging.commit()
    second.close()


def test_one_that_hangs_while_it_sends_rows(database: Database, hanging: psycopg.Connection) -> None:
    with pytest.raises(psycopg.OperationalError), hanging.cursor() as cursor, cursor.copy(COPY) as copy:  # noqa: PT012 - the end of the block fails
        second = take_over(database)
        copy.write(b"PGCOPY")
    assert (second.position.epoch, second.read_position()) == (2, second.position)
    second.close()


def test_who_is_quick_is_waited_for(database: Database, hanging: psycopg.Connection) -> None:
    hanging.rollback()
    second = take_over(database)
    hanging.execute("SELECT 1")  # its session lives; what it commits is refused by the epoch
    assert second.position.epoch == 2
    second.close()
