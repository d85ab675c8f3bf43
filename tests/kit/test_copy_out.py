"""Rows straight from libpq: all of them, and an error is the server's."""

from __future__ import annotations

import struct

import psycopg
import pytest
from psycopg import sql
from support.database import Database

from penstock.kit import db


def copy_of(query: str) -> sql.Composed:
    return sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(sql.SQL(query))


@pytest.mark.parametrize("rows", [0, 1, 100_000])
def test_every_row_comes_once_and_in_order(database: Database, rows: int) -> None:
    stream = bytearray()
    with database.connect(autocommit=True) as connection:
        db.copy_out(connection, copy_of(f"SELECT n FROM generate_series(1, {rows}) AS n"), stream.extend)
        assert connection.execute("SELECT 1").fetchone() == (1,)
    body = bytes(stream[19:-2])
    assert [n for _, _, n in struct.iter_unpack(">hii", body)] == list(range(1, rows + 1))


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("SELECT nothing", psycopg.errors.UndefinedColumn),
        ("SELECT 1 / (n - 5000) FROM generate_series(1, 10000) AS n", psycopg.errors.DivisionByZero),
    ],
    ids=["before the first row", "between two rows"],
)
def test_an_error_is_told_and_the_connection_goes_on(database: Database, query: str, error: type[psycopg.Error]) -> None:
    with database.connect(autocommit=True) as connection:
        with pytest.raises(error):
            db.copy_out(connection, copy_of(query), lambda _: None)
        assert connection.execute("SELECT 1").fetchone() == (1,)
