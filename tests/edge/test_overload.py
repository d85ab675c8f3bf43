"""More than the lane can do, through a real edge, lane and database: whole batches are refused, and none is half done."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import httpx
from support.database import Database
from support.edge import Api, make_world, pay

BATCH, CALLERS = 200, 12
#: Far more than are sent until the lane has been late for as long as it may; it bounds what the test can do to a machine.
MOST_BATCHES = 1_000


class Crowd:
    """Callers who go on, each with the next batch when it has an answer, until somebody is refused."""

    def __init__(self, api: Api, accounts: tuple[str, str]) -> None:
        self._api, self._accounts = api, accounts
        self.answers: list[httpx.Response] = []

    async def send(self) -> None:
        await asyncio.gather(*(self._go_on() for _ in range(CALLERS)))

    async def _go_on(self) -> None:
        while len(self.answers) < MOST_BATCHES and all(answer.status_code != 429 for answer in self.answers):
            items = [{**pay(*self._accounts, 1), "command": "pay"} for _ in range(BATCH)]
            self.answers.append(await self._api.post("/v1/batch", items))


def test_whole_batches_are_refused_and_soon_nothing_is(database: Database, home: Path) -> None:
    world = make_world(database, home, lane_wait_s=0.001, lane_patience_s=0.01, partition_rows=(MOST_BATCHES + CALLERS) * BATCH)

    async def journey() -> None:
        async with world.api() as api:
            accounts = await api.account(1_000_000), await api.account()
            crowd = Crowd(api, accounts)
            await crowd.send()
            statuses = Counter(answer.status_code for answer in crowd.answers)
            assert set(statuses) == {200, 429}, statuses
            refused = next(answer for answer in crowd.answers if answer.status_code == 429)
            assert refused.json()["type"].endswith("ring_full")
            assert int(refused.headers["retry-after"]) >= 1
            outcomes = [outcome for answer in crowd.answers if answer.status_code == 200 for outcome in answer.json()]
            assert Counter(outcome["state"] for outcome in outcomes) == {"cleared": BATCH * statuses[200]}
            assert (await api.post("/v1/payments", pay(*accounts, 1))).status_code == 201
            received = (await api.get(f"/v1/accounts/{accounts[1]}")).json()["available_minor"]
            assert received == BATCH * statuses[200] + 1

    try:
        asyncio.run(journey())
    finally:
        world.stop_lane()
