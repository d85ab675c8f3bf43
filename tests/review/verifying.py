"""Storing journals, spoiling them, and reading what the auditor said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from review.journal_maker import JournalMaker
from review.journal_store import store_journal
from support import planting
from support.database import Database

from penstock.review.verify.report import Report

Verify = Callable[..., Report]


def empty(database: Database) -> None:
    """Remove every row."""
    with database.connect("penstock_admin") as connection:
        connection.execute("TRUNCATE lane, journal_record, journal_batch, journal_side")


def store(database: Database, journal: JournalMaker) -> None:
    """Write a journal into an empty database."""
    with database.connect("penstock_admin") as connection:
        store_journal(connection, journal)


def change_row(database: Database, seq: int, lane: int = 0, /, **fields: Any) -> None:
    """Change fields of a row, as only a superuser of the database can."""
    with database.connect("penstock_admin") as connection:
        planting.change_row(connection, seq, lane, **fields)


def change(database: Database, statement: str, *values: Any) -> None:
    """Do what only a superuser of the database can."""
    with database.connect("penstock_admin") as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement, values)


def checks(report: Report) -> set[str]:
    """The checks that found something."""
    return {finding.check for finding in report.findings}
