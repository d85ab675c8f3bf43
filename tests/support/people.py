"""The people of an operator: keys with different owners, and what one of them asks for."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import psycopg
from psycopg import AsyncConnection

from penstock.contracts.commands import COMMAND, Kind, Operation
from penstock.contracts.ids import PublicIds
from penstock.office.approvals import actions
from penstock.office.approvals.actions import Wish
from penstock.office.approvals.views import RequestView
from penstock.prepare.credentials import actions as credentials
from penstock.prepare.credentials import rules
from support.database import Database
from support.edge import ID_KEY, Api, World, new_id

IDS = PublicIds(ID_KEY)
PEOPLE = {
    "anna": ["operate", "control", "approve"],
    "bo": ["approve"],
    "chen": ["approve"],
    "dora": ["approve", "operate"],
    "eve": ["control", "read"],
    "rita": ["review", "operate"],
    "mina": ["models:write"],
}


@dataclass
class Staff:
    """A world with people in it: number of each person and client, and keys in ``world.keys``."""

    world: World
    database: Database
    persons: dict[str, int]
    clients: dict[str, int]

    def run(self, journey: Callable[[Api], Coroutine[Any, Any, None]]) -> None:
        """Let people do something at an edge."""

        async def through_an_edge() -> None:
            async with self.world.api() as api:
                await journey(api)

        asyncio.run(through_an_edge())

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """A connection as the office has it."""
        dsn = self.database.dsn("penstock_office")
        async with await AsyncConnection.connect(dsn, autocommit=True, options="-c search_path=penstock") as made:
            yield made

    def wish(self, maker: str = "anna", needed: int = 1, **changes: Any) -> Wish:
        """What somebody wants to be approved: here to open a customer, which shows in the journal."""
        fixed = {
            "operation": Operation.LIMITS, "object_kind": "customer", "object_id": "cus_1",
            "command_id": uuid.UUID(new_id()), "client": self.clients[maker], "person": self.persons[maker],
            "record": record(Kind.OPEN_CUSTOMER, tier=1), "payload": b"", "summary": {"tier": "large"}, "needed": needed,
        }  # fmt: skip
        return Wish(**{**fixed, **changes})

    async def ask(self, wish: Wish, now: datetime | None = None) -> RequestView:
        """Ask for approval, as the edge does."""
        async with self.connection() as connection:
            return await actions.request(connection, wish, now or datetime.now(UTC), self.world.settings, IDS)

    def rows(self, command_ids: list[uuid.UUID]) -> list[tuple[Any, ...]]:
        """(state, reason, maker, approvals…) of the journal's rows of commands."""
        with self.database.connect("penstock_office") as connection:
            return connection.execute(
                "SELECT state, reason, maker, approval_1, approval_2, approval_3 FROM journal "
                "WHERE command_id = ANY(%s) ORDER BY seq",
                [command_ids],
            ).fetchall()


def record(kind: Kind, **fields: int) -> bytes:
    """A ``COMMAND`` record."""
    made = np.zeros(1, COMMAND)
    made["kind"] = kind
    for name, value in fields.items():
        made[name] = value
    return made.tobytes()


def hire(world: World, database: Database) -> Staff:
    """Give each of ``PEOPLE`` a key of a client of their own."""
    persons, clients = {}, {}
    with database.connect("penstock_edge") as connection:
        for name, scopes in PEOPLE.items():
            world.keys[name], made = _key(connection, f"desk of {name}", name, scopes)
            persons[name], clients[name] = made.person, made.client
        world.keys["anna, at home"] = _key(connection, "another desk", "anna", ["approve"])[0]
    return Staff(world, database, persons, clients)


def _key(
    connection: psycopg.Connection[Any], client: str, owner: str, scopes: list[str]
) -> tuple[str, rules.KeyRecord]:
    return credentials.create_key(
        connection, client=client, owner=owner, scopes=scopes, now=datetime.now(UTC),
        random=os.urandom(rules.RANDOM_BYTES),
    )  # fmt: skip


async def decide(api: Api, request: RequestView, what: str, who: str, note: str = "") -> httpx.Response:
    """Approve, reject or withdraw."""
    return await api.post(f"/v1/approvals/{request.request}/{what}", {"note": note} if note else {}, who)


def kind(answer: httpx.Response) -> str:
    """The last part of a problem's type."""
    last: str = answer.json()["type"].rpartition("#")[2]
    return last
