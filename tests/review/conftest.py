"""What the auditor's tests may ask for: a shared database, emptied, and the auditor on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from review.verifying import Verify, empty
from support.database import Database

from penstock.kit import postgres
from penstock.review.verify import audit
from penstock.review.verify.actions import Request, verify
from penstock.review.verify.report import Report


@pytest.fixture(scope="module")
def verified_database(server: postgres.PostgresServer, template: str) -> Iterator[Database]:
    """One database for all tests of a module: making one takes longer than verifying it."""
    with psycopg.connect(server.dsn(postgres.ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE verified TEMPLATE {template}")
        yield Database(server, "verified")
        connection.execute("DROP DATABASE verified WITH (FORCE)")


@pytest.fixture
def emptied(verified_database: Database) -> Database:
    """The module's database, without a journal."""
    empty(verified_database)
    return verified_database


@pytest.fixture
def verified(emptied: Database, home: Path) -> Verify:
    """Verify the test's database; whoever does not ask for a head gets every one."""

    def run(head: str | None = None, *, checkpoint: bool = True) -> Report:
        folder = home / "heads"
        request = Request(folder, home / "checkpoints", folder / "public.pem", head, checkpoint)
        return verify(lambda: emptied.connect("penstock_auditor"), request)

    return run


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what belongs together lie in several chunks."""
    monkeypatch.setattr(audit, "CHUNK_ROWS", 7)
