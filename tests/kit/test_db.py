"""Connections have a search path, a name and time-outs."""

from __future__ import annotations

import psycopg
import pytest
from support.database import Database

from penstock.kit import db


def test_a_connection_says_who_it_is_and_where_it_looks(database: Database) -> None:
    with db.connect(database.dsn("penstock_edge"), name="penstock-probe") as connection:
        assert connection.execute("SHOW application_name").fetchone() == ("penstock-probe",)
        assert connection.execute("SHOW search_path").fetchone() == ("penstock",)
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)


def test_a_statement_that_takes_too_long_is_broken_off(database: Database) -> None:
    connection = db.connect(database.dsn("penstock_edge"), name="probe", statement_timeout_ms=50)
    with connection, pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute("SELECT pg_sleep(10)")
