"""Stretches: the rows as they were written, however many there are."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from support.database import Database
from support.journal_rows import Book

from penstock.app.office.database import OfficeDatabase
from penstock.contracts.commands import Kind
from penstock.contracts.row import ROW
from penstock.journal import stretches
from penstock.journal.stretches import Stretch


def read(database: Database, after: int, until: int) -> Stretch:
    async def run() -> Stretch:
        office = OfficeDatabase(database.dsn("penstock_office"), "test")
        await office.open()
        try:
            async with office.connection() as connection:
                return await stretches.read(connection, 0, after, until)
        finally:
            await office.close()

    return asyncio.run(run())


@pytest.mark.parametrize(("after", "until"), [(0, 1), (0, 1_250), (7, 507), (499, 1_001), (998, 1_250), (1_250, 1_250)])
def test_rows_come_as_they_were_written(database: Database, after: int, until: int) -> None:
    """From within a sheet to within another, and across partitions; with and without vectors."""
    book, chance = Book(database), np.random.default_rng(5)
    for number in range(1_250):
        with_vector = number % 3 == 0
        row = np.frombuffer(chance.bytes(ROW.itemsize), ROW)[0]
        random = {name: row[name] for name in ROW.names or () if name not in {"seq", "lane", "kind", "state", "features"}}
        vector = {"features": row["features"]} if with_vector else {}
        book.row(Kind.PAY, **{**random, **vector, "feature_registry": int(with_vector)})
    written = np.concatenate(book._rows)[after:until]
    book.commit()
    found = read(database, after, until)
    assert (found.after, found.until, len(found.rows)) == (after, until, until - after)
    for name in ROW.names or ():
        assert found.column(name).tobytes() == np.ascontiguousarray(written[name]).tobytes(), name


def test_a_part_of_a_stretch_is_what_would_have_been_read(database: Database) -> None:
    book = Book(database)
    for _ in range(20):
        book.row(Kind.PAY)
    book.commit()
    part = read(database, 3, 17).part(5, 9)
    assert (part.after, part.until, part.column("seq").tolist()) == (5, 9, [6, 7, 8, 9])
