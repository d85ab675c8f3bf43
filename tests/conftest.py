"""What every test may ask for: an embedded PostgreSQL per worker, and a fresh database per test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from support.database import PARTITION_ROWS, Database
from support.warming import warm

from penstock.journal import partitions
from penstock.journal.migrate import migrate, set_passwords
from penstock.kit import db, postgres

TEMPLATE = "penstock_template"


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let no test's time-out be spent on compiling."""
    if not session.config.option.collectonly:
        warm(session.items)


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder in /tmp that everybody may enter: root runs PostgreSQL as another user."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def server(short_folder: Path) -> Iterator[postgres.PostgresServer]:
    """An embedded PostgreSQL, one per worker."""
    home = short_folder / "server"
    running = postgres.start(home, shared_buffers_mb=64, wal_mb=256)
    yield running
    running.stop()
    postgres.remove_runtime_folder(home)


@pytest.fixture(scope="session")
def template(server: postgres.PostgresServer) -> str:
    """A migrated database with partitions, from which each test's database is copied."""
    _administer(server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    migrate(server.dsn(postgres.ADMIN, TEMPLATE))
    set_passwords(server.dsn(postgres.ADMIN, TEMPLATE), server.secrets.database_password)
    with db.connect(server.dsn("penstock_keeper", TEMPLATE), name="test") as connection:
        partitions.ensure_ahead(connection, 0, 0, PARTITION_ROWS, 10)
    return TEMPLATE


@pytest.fixture
def database(server: postgres.PostgresServer, template: str) -> Iterator[Database]:
    """A fresh, migrated database; dropped afterwards, connections or not."""
    name = f"test_{next(_numbers)}"
    copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    _administer(server, copy.format(sql.Identifier(name), sql.Identifier(template)))
    yield Database(server, name)
    _administer(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty PENSTOCK_HOME with a short path that everybody may enter."""
    folder = Path(tempfile.mkdtemp(prefix="penstock-home-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def _count() -> Iterator[int]:
    number = 0
    while True:
        yield (number := number + 1)


_numbers = _count()


def _administer(server: postgres.PostgresServer, statement: sql.Composed) -> None:
    with psycopg.connect(server.dsn(postgres.ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute(statement)
