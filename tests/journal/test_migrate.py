"""Migrations: repeatable, one at a time, also by an administrator who is no superuser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from support.database import Database

from penstock.journal import migrate as migrations
from penstock.journal.migrate import ROLES, migrate, set_passwords
from penstock.kit import db, postgres

#: The newest migration there is.
NEWEST = max(file.name[:4] for file in (Path(migrations.__file__).parent / "migrations" / "versions").glob("[0-9]*.py"))


@pytest.fixture
def owned(home: Path) -> Iterator[str]:
    """A fresh cluster with a database that belongs to a role with CREATEROLE; that role's connection string."""
    server = postgres.start(home, shared_buffers_mb=32, wal_mb=64)
    with psycopg.connect(server.dsn(postgres.ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute("CREATE ROLE owner LOGIN CREATEROLE PASSWORD 'of-the-test'")
        connection.execute("CREATE DATABASE mine OWNER owner")
    yield make_conninfo(server.dsn(postgres.ADMIN, "mine"), user="owner", password="of-the-test")
    server.stop()
    postgres.remove_runtime_folder(home)


def test_the_owner_of_a_database_can_migrate_it_without_being_superuser(owned: str) -> None:
    migrate(owned)
    set_passwords(owned, lambda role: f"{role}-password")
    for role in ROLES:
        with db.connect(make_conninfo(owned, user=role, password=f"{role}-password"), name="test") as connection:
            assert connection.execute("SELECT count(*) FROM journal").fetchone() == (0,)


def test_migrating_twice_at_once_is_migrating_once(owned: str) -> None:
    threads = [threading.Thread(target=migrate, args=(owned,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with psycopg.connect(owned) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(NEWEST,)]


def test_others_may_not_even_connect(database: Database) -> None:
    """Rights on the database itself are checked on the migrated one: a copy has none."""
    template = database.server.dsn(postgres.ADMIN, "penstock_template")
    with psycopg.connect(template) as connection:
        rights = connection.execute("SELECT datacl::text FROM pg_database WHERE datname = current_database()").fetchone()
    assert rights is not None
    assert "{=" not in rights[0], "PUBLIC has rights"
    assert ",=" not in rights[0], "PUBLIC has rights"
    assert "penstock_lane=c/" in rights[0]


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("penstock_edge", "INSERT INTO journal_side VALUES (0, 1, 'x')"),
        ("penstock_edge", "UPDATE lane SET epoch = 1"),
        ("penstock_edge", "UPDATE api_key SET hash = 'x'"),
        ("penstock_edge", "DELETE FROM api_key"),
        ("penstock_lane", "UPDATE journal_batch SET epoch = 1"),
        ("penstock_lane", "DELETE FROM lane"),
        ("penstock_lane", "INSERT INTO api_client (name) VALUES ('x')"),
        ("penstock_lane", "DROP TABLE journal_sheet"),
        ("penstock_lane", "CREATE TABLE mine (x int)"),
        ("penstock_auditor", "SELECT hash FROM api_key"),
        ("penstock_auditor", "INSERT INTO lane VALUES (9, 1, 0, '', 0)"),
    ],
)
def test_each_role_may_do_its_own_work_only(database: Database, role: str, statement: str) -> None:
    with database.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)  # type: ignore[call-overload]
