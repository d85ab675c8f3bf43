"""A journal, an edge, the office's tail and deliverer, and a clock that a test turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from support.database import Database
from support.journal_rows import Book
from support.without_lane import IDS, catch_up, client_number, edge, make_key, office, settings_of

from penstock.app.office.database import OfficeDatabase
from penstock.kit.seal import Sealer
from penstock.kit.secrets import SecretFolder
from penstock.kit.settings import Settings
from penstock.review.webhooks.deliverer import Deliverer
from penstock.review.webhooks.tail import webhooks_tail

SCOPES = {
    "shop": ["webhooks:write", "read"], "other": ["webhooks:write"], "reader": ["read"], "ops": ["operate"],
    "chief": ["operate", "webhooks:write"],
}  # fmt: skip


@dataclass
class Desk:
    """What a test of webhooks works with."""

    database: Database
    settings: Settings
    book: Book
    http: httpx.AsyncClient
    keys: dict[str, str]
    office: OfficeDatabase
    ahead: timedelta = timedelta()
    accounts: dict[str, int] = field(default_factory=dict)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def pass_time(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)

    async def ask(self, method: str, path: str, body: Any = None, caller: str = "shop") -> httpx.Response:
        headers = {"authorization": f"Bearer {self.keys[caller]}"}
        return await self.http.request(method, path, json=body, headers=headers)

    async def make(self, url: str, caller: str = "shop", **more: Any) -> dict[str, Any]:
        made = await self.ask("POST", "/v1/webhooks", {"url": url, **more}, caller)
        assert made.status_code == 201, made.text
        found: dict[str, Any] = made.json()
        return found

    async def look(self, webhook: str, caller: str = "shop") -> dict[str, Any]:
        found: dict[str, Any] = (await self.ask("GET", f"/v1/webhooks/{webhook}", caller=caller)).json()
        return found

    async def deliveries(self, webhook: str, query: str = "") -> list[dict[str, Any]]:
        answer = await self.ask("GET", f"/v1/webhooks/{webhook}/deliveries{query}")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["deliveries"]
        return found

    def pay(self, caller: str = "shop") -> int:
        """A payment of a client between two accounts of its own; its sequence."""
        client = client_number(self.database, caller)
        account = self.accounts.get(caller) or self.accounts.setdefault(caller, self.book.account(client))
        return self.book.pay(client, account, account)

    async def publish(self) -> None:
        """Commit the journal, and make deliveries of it."""
        self.book.commit()
        await catch_up(self.database, webhooks_tail(self.now))

    def deliverer(self, **changes: Any) -> Deliverer:
        """A deliverer of the office, by the test's clock."""
        key = SecretFolder(self.settings.home / "secrets", may_make=True).webhook_key()
        settings = Settings(**{**vars(self.settings), **changes})
        return Deliverer(settings, IDS, Sealer(key), self.office.connection, self.now, lambda: 0.5)


def run(database: Database, home: Path, work: Callable[[Desk], Coroutine[Any, Any, None]], **changes: Any) -> None:
    """Do something at a desk; webhooks may go to this machine unless it is said otherwise."""

    async def inside() -> None:
        async with _desk(database, settings_of(home, **{"webhook_private_addresses": 1, **changes})) as desk:
            await work(desk)

    asyncio.run(inside())


@asynccontextmanager
async def _desk(database: Database, settings: Settings) -> AsyncIterator[Desk]:
    keys = {name: make_key(database, name, wanted) for name, wanted in SCOPES.items()}
    async with edge(database, settings) as http, office(database) as opened:
        yield Desk(database, settings, Book(database), http, keys, opened)


async def until(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        await asyncio.sleep(0.02)
