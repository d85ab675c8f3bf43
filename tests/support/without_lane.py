"""An edge and the office's jobs of events on a database alone: what they tell is in the journal, no lane is needed."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from penstock.app.edge_process import Surroundings, open_door
from penstock.app.office.database import OfficeDatabase
from penstock.contracts.ids import PublicIds
from penstock.journal import tails
from penstock.journal.tails import Tail
from penstock.kit.settings import Settings
from penstock.prepare.credentials import actions, rules
from penstock.review.events.store import owners_tail
from support.database import Database

ID_KEY = bytes(range(16))
IDS = PublicIds(ID_KEY)


def settings_of(home: Path, **changes: Any) -> Settings:
    """Settings of lane 0 with quick looks."""
    return replace(Settings(home=home, lane=0, key_refresh_s=0.1, event_look_s=0.02), **changes)


def make_key(database: Database, client: str, scopes: Sequence[str]) -> str:
    """A key of a client."""
    with database.connect("penstock_edge") as connection:
        text, _ = actions.create_key(
            connection, client=client, owner=f"person of {client}", scopes=list(scopes), now=datetime.now(UTC),
            random=os.urandom(rules.RANDOM_BYTES),
        )  # fmt: skip
    return text


def client_number(database: Database, name: str) -> int:
    """The number of a client."""
    with database.connect("penstock_edge") as connection:
        found = connection.execute("SELECT client FROM api_client WHERE name = %s", [name]).fetchone()
    assert found is not None
    return int(found[0])


@asynccontextmanager
async def edge(database: Database, settings: Settings, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    """An edge that has no lane."""
    around = Surroundings(database.dsn("penstock_edge"), settings.home / "lane.sock", ID_KEY)
    async with open_door(settings, 0, around, **more) as door:
        transport = httpx.ASGITransport(door, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="https://edge", timeout=60) as http:
            yield http


@asynccontextmanager
async def office(database: Database) -> AsyncIterator[OfficeDatabase]:
    """The office's connections."""
    opened = OfficeDatabase(database.dsn("penstock_office"), "test-office")
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


async def catch_up(database: Database, *others: Tail, lane: int = 0) -> None:
    """Let the tail that notes owners, and others, see everything."""
    async with office(database) as opened, opened.connection() as connection:
        for tail in (owners_tail(), *others):
            while (await tails.advance(connection, tail, lane, 2_000)).lag > 0:
                pass
