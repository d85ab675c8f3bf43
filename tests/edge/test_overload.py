"""More than the lane can do, through a real edge, lane and database: whole batches are refused, and none is half done."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
from support.database import Database
from support.edge import Api, make_world, pay

#: What all batches together have fits one of the tests' partitions, and two thirds of it are sent at once.
BATCH, BATCHES, CALLERS = 200, 18, 12


async def send_all(api: Api, accounts: tuple[str, str], numbers: Iterator[int]) -> list[httpx.Response]:
    answers = []
    for _ in numbers:
        answers.append(await api.post("/v1/batch", [{**pay(*accounts, 1), "command": "pay"} for _ in range(BATCH)]))
        await asyncio.sleep(0.001)  # an answer that needs no lane comes without a turn of the loop
    return answers


def test_whole_batches_are_refused_and_soon_nothing_is(database: Database, home: Path) -> None:
    world = make_world(database, home, lane_wait_s=0.001, lane_patience_s=0.01)

    async def journey() -> None:
        async with world.api() as api:
            accounts = await api.account(1_000_000), await api.account()
            numbers = iter(range(BATCHES))
            sent = await asyncio.gather(*(send_all(api, accounts, numbers) for _ in range(CALLERS)))
            answers = [answer for of_one in sent for answer in of_one]
            statuses = Counter(answer.status_code for answer in answers)
            assert set(statuses) == {200, 429}, statuses
            refused = next(answer for answer in answers if answer.status_code == 429)
            assert refused.json()["type"].endswith("ring_full")
            assert int(refused.headers["retry-after"]) >= 1
            outcomes = [outcome for answer in answers if answer.status_code == 200 for outcome in answer.json()]
            assert Counter(outcome["state"] for outcome in outcomes) == {"cleared": BATCH * statuses[200]}
            assert (await api.post("/v1/payments", pay(*accounts, 1))).status_code == 201
            received = (await api.get(f"/v1/accounts/{accounts[1]}")).json()["available_minor"]
            assert received == BATCH * statuses[200] + 1

    try:
        asyncio.run(journey())
    finally:
        world.stop_lane()
