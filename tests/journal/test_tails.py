"""Tails: each committed row has its effect once, in order, whatever fails or dies in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import psycopg
import pytest
from psycopg import AsyncConnection
from support import planting
from support.database import Database

from penstock.app.office.database import OfficeDatabase
from penstock.journal import tails
from penstock.journal.tails import Progress, Span, Tail
from penstock.kit import postgres

Connection = AsyncConnection[Any]


def insert_rows(database: Database, first: int, last: int, *, committed: int | None = None) -> None:
    """Rows of zeros as the lane writes them; ``committed``: where the lane says that it stands."""
    seqs = np.arange(first, last + 1)
    with database.connect() as connection:
        planting.insert_rows(connection, planting.empty_rows(first, len(seqs), time_us=seqs * 1_000_000, kind=5))
        connection.execute(
            "INSERT INTO lane VALUES (0, 1, %(seq)s, %(digest)s, %(time)s) "
            "ON CONFLICT (lane) DO UPDATE SET last_seq = %(seq)s, time_us = %(time)s",
            {"seq": committed or last, "digest": bytes(32), "time": last * 1_000_000},
        )


@pytest.fixture
def noted(database: Database) -> str:
    """A table that a tail writes to."""
    with psycopg.connect(database.dsn(postgres.ADMIN), autocommit=True) as connection:
        connection.execute("CREATE TABLE penstock.noted (place bigint GENERATED ALWAYS AS IDENTITY, seq bigint UNIQUE)")
        connection.execute("GRANT SELECT, INSERT ON penstock.noted TO penstock_office")
    return "noted"


async def note(connection: Connection, span: Span) -> None:
    for row in await tails.read_span(connection, span, "row.kind = 5"):
        await connection.execute("INSERT INTO noted (seq) VALUES (%s)", [row.seq])


async def what_was_noted(connection: Connection) -> list[int]:
    found = await (await connection.execute("SELECT seq FROM noted ORDER BY place")).fetchall()
    return [seq for (seq,) in found]


def with_office(database: Database, work: Callable[[OfficeDatabase], Awaitable[None]]) -> None:
    async def run() -> None:
        office = OfficeDatabase(database.dsn("penstock_office"), "test")
        await office.open()
        try:
            await work(office)
        finally:
            await office.close()

    asyncio.run(run())


def test_every_row_is_handled_once_and_in_order_in_bounded_chunks(database: Database, noted: str) -> None:
    insert_rows(database, 1, 25)
    tail = Tail(noted, note)

    async def work(office: OfficeDatabase) -> None:
        async with office.connection() as connection:
            steps = [await tails.advance(connection, tail, 0, 10) for _ in range(4)]
            assert steps == [Progress(10, 25), Progress(20, 25), Progress(25, 25), Progress(25, 25)]
            insert_rows(database, 26, 27)
            assert await tails.advance(connection, tail, 0, 10) == Progress(27, 27)
            assert await what_was_noted(connection) == list(range(1, 28))
            assert await tails.positions(connection, 0) == {noted: Progress(27, 27)}

    with_office(database, work)


def test_rows_beyond_the_lanes_position_are_not_seen(database: Database, noted: str) -> None:
    insert_rows(database, 1, 10, committed=7)

    async def work(office: OfficeDatabase) -> None:
        async with office.connection() as connection:
            await tails.advance(connection, Tail(noted, note), 0, 100)
            assert await what_was_noted(connection) == list(range(1, 8))

    with_office(database, work)


def test_a_failure_undoes_the_effect_with_the_cursor(database: Database, noted: str) -> None:
    insert_rows(database, 1, 10)
    failures = [RuntimeError("in the middle")]

    async def fail_once(connection: Connection, span: Span) -> None:
        await note(connection, span)
        if failures:
            raise failures.pop()

    async def work(office: OfficeDatabase) -> None:
        async with office.connection() as connection:
            tail = Tail(noted, fail_once)
            with pytest.raises(RuntimeError, match="in the middle"):
                await tails.advance(connection, tail, 0, 6)
            assert await what_was_noted(connection) == []
            assert await tails.position(connection, noted, 0) == Progress(0, 10)
            while (await tails.advance(connection, tail, 0, 6)).lag:
                pass
            assert await what_was_noted(connection) == list(range(1, 11))

    with_office(database, work)


def test_two_processes_on_one_tail_double_nothing(database: Database, noted: str) -> None:
    insert_rows(database, 1, 200)

    async def go(office: OfficeDatabase) -> None:
        async with office.connection() as connection:
            while (await tails.advance(connection, Tail(noted, note), 0, 7)).lag:
                pass

    async def work(office: OfficeDatabase) -> None:
        await asyncio.gather(*(go(office) for _ in range(4)))
        async with office.connection() as connection:
            assert await what_was_noted(connection) == list(range(1, 201))

    with_office(database, work)


def test_what_is_missing_is_only_missing_up_to_what_was_seen(database: Database, noted: str) -> None:
    """A tail that is behind must not call something late because it has not read the answer yet."""
    insert_rows(database, 1, 10)

    async def work(office: OfficeDatabase) -> None:
        async with office.connection() as connection:
            tail, now_us = Tail(noted, note), 99_000_000
            assert await tails.seen_until_us(connection, noted, 0, now_us) == 0
            await tails.advance(connection, tail, 0, 4)
            assert await tails.seen_until_us(connection, noted, 0, now_us) == 4_000_000
            await tails.advance(connection, tail, 0, 100)
            assert await tails.seen_until_us(connection, noted, 0, now_us) == now_us

    with_office(database, work)


@pytest.mark.parametrize(
    ("seqs", "most", "parts"),
    [
        ([], 2, [(0, 90, [])]),
        ([11, 12], 2, [(0, 90, [11, 12])]),
        ([11, 12, 50], 2, [(0, 12, [11, 12]), (12, 90, [50])]),
        ([11, 12, 50, 90], 2, [(0, 12, [11, 12]), (12, 90, [50, 90])]),
        ([1, 2, 3], 1, [(0, 1, [1]), (1, 2, [2]), (2, 90, [3])]),
    ],
)
def test_the_parts_of_a_span_follow_one_another(seqs: list[int], most: int, parts: list[tuple[int, int, list[int]]]) -> None:
    found = Span(7, 0, 90, seqs).parts(most)
    assert [(part.after, part.until, list(part.seqs)) for part in found] == parts
    assert {part.lane for part in found} == {7}
