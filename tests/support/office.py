"""The office's tails and actions in the test's own process, on the test's database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection

from penstock.app.edge.database import Database as EdgeDatabase
from penstock.app.edge.lane_link import LaneLink
from penstock.app.office.database import OfficeDatabase
from penstock.contracts.ids import PublicIds
from penstock.contracts.office import Office
from penstock.journal import tails
from penstock.journal.tails import Tail
from penstock.kit.settings import Settings
from support.database import Database
from support.rows import Rows

Connection = AsyncConnection[Any]


@dataclass
class Desk:
    """Tails of the office, and the office as the routes of an edge see it; its time is the journal's."""

    settings: Settings
    rows: Rows
    office: Office
    backroom: OfficeDatabase

    async def catch_up(self, tail: Tail, most_rows: int = 1_000) -> None:
        """Let a tail handle all there is."""
        async with self.backroom.connection() as connection:
            while (await tails.advance(connection, tail, 0, most_rows)).lag:
                pass


def at_desk(database: Database, work: Callable[[Desk], Awaitable[None]], **changes: Any) -> None:
    """Do something at the desk of an office without a lane."""

    async def run() -> None:
        async with _desk(database, Settings(home=Path("/nonexistent"), **changes)) as desk:
            await work(desk)

    asyncio.run(run())


@asynccontextmanager
async def _desk(database: Database, settings: Settings) -> AsyncIterator[Desk]:
    rows = Rows(database)
    counter = EdgeDatabase(database.dsn("penstock_edge"), "test-edge", writes=True)
    backroom = OfficeDatabase(database.dsn("penstock_office"), "test-office")
    lane = LaneLink(settings, Path("/nonexistent/lane.sock"))  # not connected: nothing here sends commands

    def now() -> datetime:
        return datetime.fromtimestamp(rows.time_us / 1e6, UTC)

    office = Office(lane, PublicIds(bytes(16)), settings, counter.connection, now)
    await counter.open()
    await backroom.open()
    try:
        yield Desk(settings, rows, office, backroom)
    finally:
        await counter.close()
        await backroom.close()


def people(database: Database, *names: str) -> list[int]:
    """Persons of these names."""
    with database.connect("penstock_edge") as connection:
        found = [
            connection.execute("INSERT INTO person (name) VALUES (%s) RETURNING person", [name]).fetchone() for name in names
        ]
    return [row[0] for row in found if row is not None]
