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
        connection.execute("TRUNCATE lane, journal_sheet, journal_batch, journal_side, journal_key, journal_ids, journal_follow")


def store(database: Database, journal: JournalMaker) -> None:
    """Write a journal into an empty database."""
    with database.connect("penstock_admin") as connection:
        store_journal(connection, journal)


def change_row(database: Database, seq: int, lane: int = 0, /, **fields: Any) -> None:
    """Change fields of a row, as only a superuser of the database can."""
    with database.connect("penstock_admin") as connection:
        planting.change_row(connection, seq, lane, **fields)


def delete_row(database: Database, seq: int) -> None:
    """Take a row out of its sheet."""
    with database.connect("penstock_admin") as connection:
        planting.delete_row(connection, seq)


def change_sheet(database: Database, seq: int, how: str) -> None:
    """Set columns of the sheet in which a row lies, by SQL; ``size`` is how many bytes each of its rows has."""
    size = "(octet_length(records) / rows)"
    where = "WHERE lane = 0 AND first_seq <= %s AND first_seq + rows > %s"
    change(database, f"UPDATE journal_sheet SET {how.replace('size', size)} {where}", seq, seq)


def change(database: Database, statement: str, *values: Any) -> None:
    """Do what only a superuser of the database can."""
    with database.connect("penstock_admin") as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement, values)


def checks(report: Report) -> set[str]:
    """The checks that found something."""
    return {finding.check for finding in report.findings}
