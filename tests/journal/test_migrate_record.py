"""A journal that was written column by column is stored as its bytes afterwards, and is still the same journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from review.journal_maker import JournalMaker
from review.journal_rows import COLUMNS, record_of
from review.journal_store import sign_heads, store_the_rest
from review.stories import life
from support.database import Database

from penstock.journal import closing, partitions, reader
from penstock.journal.gathering import Gathering
from penstock.journal.keys import keys_of
from penstock.journal.migrate import migrate
from penstock.kit import postgres
from penstock.review.verify.actions import Request, verify

_NAME = "in_columns"
_PARTITION_ROWS = 20


@pytest.fixture(scope="module")
def journal() -> JournalMaker:
    """Rows with and without vectors and side records."""
    made = life()
    assert {row["features"] is None for row in made.rows} == {True, False}
    assert made.sides
    return made


@pytest.fixture
def old(server: postgres.PostgresServer, template: str, journal: JournalMaker) -> Iterator[Database]:
    """A database as the version before left it: the journal in columns, two partitions closed and indexed."""
    with psycopg.connect(server.dsn(postgres.ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {_NAME}")
        database = Database(server, _NAME)
        assert template != _NAME, "the roles have their passwords since the template was made"
        migrate(database.dsn(postgres.ADMIN), until="0007")
        with database.connect("penstock_keeper") as keeper:
            for first in range(1, len(journal.rows) + 2 * _PARTITION_ROWS, _PARTITION_ROWS):
                make_partition(keeper, first)
        with database.connect(postgres.ADMIN) as admin:
            write_in_columns(admin, journal)
            store_the_rest(admin, journal)
            admin.execute("GRANT SELECT ON journal_0_1 TO PUBLIC")
        with database.connect("penstock_keeper") as keeper:
            for first in (1, 1 + _PARTITION_ROWS):
                close_in_columns(keeper, f"journal_0_{first}", first)
        yield database
        connection.execute(f"DROP DATABASE {_NAME} WITH (FORCE)")


def make_partition(connection: psycopg.Connection, first: int) -> None:
    end = first + _PARTITION_ROWS
    for parent in ("journal", "journal_side"):
        connection.execute(f"CREATE TABLE {parent}_0_{first} (LIKE {parent} INCLUDING ALL) WITH (autovacuum_enabled = false)")  # type: ignore[call-overload]
        connection.execute(f"ALTER TABLE {parent} ATTACH PARTITION {parent}_0_{first} FOR VALUES FROM (0, {first}) TO (0, {end})")  # type: ignore[call-overload]
    connection.execute("INSERT INTO journal_partition (lane, first_seq, end_seq) VALUES (0, %s, %s)", [first, end])


def write_in_columns(connection: psycopg.Connection, journal: JournalMaker) -> None:
    names = [name for name, _ in COLUMNS]
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    with connection.cursor() as cursor, cursor.copy(sql.SQL("COPY journal ({}) FROM STDIN").format(columns)) as copy:
        for row in journal.rows:
            copy.write_row([row[name] for name in names])


def close_in_columns(connection: psycopg.Connection, partition: str, first: int) -> None:
    connection.execute(f"CREATE UNIQUE INDEX {partition}_id ON {partition} (client, command_id)")  # type: ignore[call-overload]
    connection.execute(f"CREATE INDEX {partition}_ref ON {partition} (ref_seq) WHERE ref_seq > 0")  # type: ignore[call-overload]
    connection.execute("UPDATE journal_partition SET indexed = true WHERE first_seq = %s", [first])


#: Of each partition: name as it was, bounds, owner, options, and who may do what; ACLs in any order.
_TABLES = """
    SELECT replace(relname, 'journal_sheet', 'journal'), pg_get_expr(relpartbound, oid), relowner::regrole::text, reloptions,
        ARRAY(SELECT right_::text FROM unnest(relacl) AS right_ ORDER BY 1)
    FROM pg_class WHERE relname ~ '^journal(_sheet)?_0_[0-9]+$' AND relkind = 'r' ORDER BY 1
"""
_LOOK_UPS = ("SELECT * FROM journal_ids ORDER BY partition, first_hi, first_lo, first_client", "SELECT * FROM journal_follow ORDER BY seq")
_READERS = "SELECT rolname FROM pg_roles WHERE rolname ~ '^penstock_' AND has_table_privilege(oid, 'journal', 'SELECT') ORDER BY 1"""


def test_it_is_the_same_journal(old: Database, home: Path, journal: JournalMaker) -> None:
    sign_heads(home, journal)
    names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in COLUMNS)
    look = sql.SQL("SELECT {} FROM journal ORDER BY seq").format(names)
    with old.connect(postgres.ADMIN) as connection:
        before = [connection.execute(query).fetchall() for query in (look, _TABLES, _READERS)]
    migrate(old.dsn(postgres.ADMIN))
    with old.connect(postgres.ADMIN) as connection:
        assert [connection.execute(query).fetchall() for query in (look, _TABLES, _READERS)] == before
        writers = connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname ~ '^penstock_' AND has_table_privilege(oid, 'journal_sheet', 'INSERT') ORDER BY 1"
        ).fetchall()
        records = connection.execute("SELECT record FROM journal ORDER BY seq").fetchall()
        left = connection.execute("SELECT relname FROM pg_class WHERE relname ~ 'in_columns|computed|record|before'").fetchall()
    assert [record.rstrip(b"\0") for (record,) in records] == [record_of(row).rstrip(b"\0") for row in journal.rows]
    assert left == []
    assert writers == [("penstock_admin",), ("penstock_keeper",), ("penstock_lane",)]
    report = verify(lambda: old.connect("penstock_auditor"), Request(home / "heads", home, home / "heads" / "public.pem"))
    assert (report.findings, report.lanes[0].digest) == ((), journal.digests()[-1].hex())


def test_it_goes_on_as_a_new_one_would(old: Database, journal: JournalMaker) -> None:
    """Partitions are made and closed as before; those that were closed are not closed again."""
    migrate(old.dsn(postgres.ADMIN))
    with old.connect("penstock_keeper", autocommit=True) as connection:
        made = partitions.ensure_ahead(connection, 0, len(journal.rows), _PARTITION_ROWS, 3)
        closed = closing.close_and_index(connection, Gathering(0), len(journal.rows))
        written = [connection.execute(table).fetchall() for table in _LOOK_UPS]
        connection.execute("DELETE FROM journal_ids; DELETE FROM journal_follow; UPDATE journal_partition SET indexed = false")
        keys = keys_of(reader.read_span(connection, 0, 0, closed[-1].end_seq - 1), range(1, closed[-1].end_seq, _PARTITION_ROWS))
        connection.cursor().executemany("INSERT INTO journal_key VALUES (0, %s, %s)", keys)
        closing.close_and_index(connection, Gathering(0), len(journal.rows))
        same = [connection.execute(table).fetchall() for table in _LOOK_UPS]
    assert len(made) == 2
    assert [partition.first_seq for partition in closed] == list(range(41, len(journal.rows) - 18, _PARTITION_ROWS))
    assert written == same, "what the migration wrote is what the keeper writes"
    assert all(written)


@pytest.mark.parametrize("change", ["side_hash = substring(side_hash for 31)", "features = '\\x00'"])
def test_a_row_that_would_become_another_is_refused(old: Database, change: str) -> None:
    with old.connect(postgres.ADMIN) as connection:
        connection.execute(f"UPDATE journal SET {change} WHERE seq = 30")  # type: ignore[call-overload]
    with pytest.raises(psycopg.errors.RaiseException, match=r"row 30 in journal_0_21 has a hash or a vector of a wrong"):
        migrate(old.dsn(postgres.ADMIN))
    with old.connect(postgres.ADMIN) as connection:
        assert connection.execute("SELECT count(amount_minor) > 30 FROM journal").fetchone() == (True,)
