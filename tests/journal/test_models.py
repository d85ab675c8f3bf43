"""Models are stored under their own hash, once, and no role of the running system changes or deletes one."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from support.database import Database

from penstock.journal.models import StoredModel, read_model

STORED = StoredModel("fraud-1", 1, 86_400_000_000, b"\x00onnx\xff", b"tree", '{"name": "fraud-1"}')
HASH = hashlib.sha256(STORED.onnx).digest()
ADD = """
    INSERT INTO model (sha256, name, registry, maturity_us, onnx, native, card, uploaded_at, uploaded_by)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


@pytest.fixture
def stored(database: Database) -> Database:
    with database.connect("penstock_edge") as connection:
        add(connection, HASH)
    return database


def add(connection: psycopg.Connection[Any], sha256: bytes) -> None:
    person = connection.execute("INSERT INTO person (name) VALUES ('anna') RETURNING person").fetchone()
    assert person is not None
    connection.execute(ADD, [sha256, *STORED, datetime(2026, 3, 1, tzinfo=UTC), person[0]])


def test_the_lane_reads_the_bytes_that_were_stored(stored: Database) -> None:
    with stored.connect("penstock_lane") as connection:
        assert read_model(connection, HASH) == STORED
        assert read_model(connection, bytes(32)) is None


def test_a_model_is_stored_under_its_own_hash_only(database: Database) -> None:
    with database.connect("penstock_edge") as connection, pytest.raises(psycopg.errors.CheckViolation):
        add(connection, bytes(32))


def test_nobody_changes_or_deletes_a_model(database: Database) -> None:
    for role in ("penstock_edge", "penstock_lane", "penstock_office", "penstock_auditor"):
        with database.connect(role, autocommit=True) as connection:
            for statement in ("UPDATE model SET onnx = 'x'", "DELETE FROM model", "TRUNCATE model"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)  # type: ignore[call-overload]
