"""An edge and a lane in the test's own process: real rings, real PostgreSQL, requests without a socket."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from penstock.app.edge_process import Surroundings, open_door
from penstock.app.lane_process import LaneProcess
from penstock.contracts.commands import COMMAND, REPLY
from penstock.contracts.ids import make_uuid7
from penstock.kit.ring import RingServer
from penstock.kit.settings import Settings
from penstock.prepare.credentials import actions, rules
from penstock.process.warm import warm_kernels
from penstock.state.checkpoint import Checkpointer
from support.database import Database
from support.lanes import next_lane, settings_for, start_lane

EVERYTHING = ["customers:write", "ledger:write", "payments:write", "labels:write", "read"]
ID_KEY = bytes(range(16))


def new_id(seconds_ago: float = 0) -> str:
    return str(make_uuid7(int((time.time() - seconds_ago) * 1000), os.urandom(10)))


@dataclass
class Api:
    """Requests to one edge by a few callers, and the lane behind it."""

    http: httpx.AsyncClient
    keys: dict[str, str]
    stop_lane: Callable[[], None]
    made: dict[str, str] = field(default_factory=dict)

    async def post(self, path: str, body: Any, caller: str = "shop", **headers: str) -> httpx.Response:
        return await self.http.post(path, json=body, headers={**self._key(caller), **headers})

    async def get(self, path: str, caller: str = "shop") -> httpx.Response:
        return await self.http.get(path, headers=self._key(caller))

    async def is_ready(self) -> bool:
        return (await self.http.get("/health/ready")).status_code == 200

    async def send(self, path: str, content: bytes, caller: str = "shop") -> httpx.Response:
        return await self.http.post(path, content=content, headers=self._key(caller))

    def _key(self, caller: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.keys[caller]}"} if caller in self.keys else {}

    async def account(self, money_minor: int = 0, caller: str = "shop", tier: str = "large") -> str:
        """A new customer's new account in CNY, with money."""
        customer = (await self.post("/v1/customers", {"id": new_id(), "tier": tier}, caller)).json()["customer"]
        opened = await self.post("/v1/accounts", {"id": new_id(), "customer": customer, "currency": "CNY"}, caller)
        account: str = opened.json()["account"]
        self.made[account] = customer
        if money_minor:
            body = {"id": new_id(), "account": account, "amount_minor": money_minor, "currency": "CNY"}
            assert (await self.post("/v1/deposits", body, caller)).status_code == 201
        return account


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float = 20) -> None:
    """Ask again and again until something is so."""
    async with asyncio.timeout(timeout_s):
        while not await condition():  # noqa: ASYNC110 - what is asked for has no event of its own
            await asyncio.sleep(0.01)


def pay(payer: str, payee: str, amount_minor: int = 100, **more: Any) -> dict[str, Any]:
    fixed = {"currency": "CNY", "type": "transfer"}
    return {"id": new_id(), "payer": payer, "payee": payee, "amount_minor": amount_minor, **fixed, **more}


@dataclass
class World:
    """What the tests of one module share: a lane in a thread, keys, and a way to open an edge to it."""

    settings: Settings
    around: Surroundings
    keys: dict[str, str]
    process: LaneProcess
    thread: threading.Thread

    def stop_lane(self) -> None:
        self.process.stop()
        self.thread.join(30)
        self.process._ring.close()
        self.process._lane.writer.close()

    def start_lane_again(self, database: Database) -> None:
        """A new lane on the journal of the one that was stopped."""
        self.process, self.thread = run_lane(database, self.settings)

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Api]:
        async with open_door(self.settings, 0, self.around) as door:
            transport = httpx.ASGITransport(door, raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url="https://edge") as http:
                api = Api(http, self.keys, self.stop_lane)
                await until(api.is_ready)
                yield api


def make_world(database: Database, home: Path, **changes: Any) -> World:
    bounds = {"customers_max": 1_000, "accounts_max": 1_100, "holds_max": 200, "holds_per_account": 50, **changes}
    settings = settings_for(home, next_lane(), key_refresh_s=0.1, **bounds)
    warm_kernels()  # compiling them while requests wait would take longer than the reply time-out
    process, thread = run_lane(database, settings)
    around = Surroundings(database.dsn("penstock_edge"), home / "lane.sock", ID_KEY)
    return World(settings, around, _make_keys(database), process, thread)


def run_lane(database: Database, settings: Settings) -> tuple[LaneProcess, threading.Thread]:
    """A lane in a thread, on its socket in the settings' home."""
    lane = start_lane(database, settings, int(time.time() * 1e6))
    ring = RingServer(settings.home / "lane.sock", COMMAND, REPLY)
    checkpointer = Checkpointer(settings.home, settings.lane, settings.checkpoint_step_bytes, settings.checkpoints_kept)
    process = LaneProcess(settings, lane, ring, checkpointer)
    thread = threading.Thread(target=process.run, daemon=True)
    thread.start()
    return process, thread


def _make_keys(database: Database) -> dict[str, str]:
    wanted = {"shop": EVERYTHING, "other": EVERYTHING, "reader": ["read"], "ops": ["operate"]}
    keys = {}
    with database.connect("penstock_edge") as connection:
        for client, scopes in wanted.items():
            text, _ = actions.create_key(
                connection, client=client, owner="test", scopes=scopes, now=datetime.now(UTC),
                random=os.urandom(rules.RANDOM_BYTES),
            )  # fmt: skip
            keys[client] = text
    return keys
