"""The link to the lane over a real ring, with the test at the lane's end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock.app.edge.lane_link import LaneLink
from penstock.contracts.commands import COMMAND, REPLY
from penstock.kit.http.problem import Problem
from penstock.kit.ring import RingServer
from penstock.kit.settings import Settings

RECORD = np.zeros(1, COMMAND).tobytes()


class LaneEnd:
    """Takes commands when told, and answers them with their amount."""

    def __init__(self, path: Path) -> None:
        self.ring = RingServer(path, COMMAND, REPLY)
        self.taken = 0

    def take(self, most: int = 1_000) -> list[np.ndarray[Any, Any]]:
        self.ring.wait(0.0)
        found = [edge.take(most)[0] for edge in self.ring.edges]
        self.taken += sum(len(commands) for commands in found)
        return found

    def answer(self, taken: list[np.ndarray[Any, Any]]) -> None:
        for edge, commands in zip(self.ring.edges, taken, strict=True):
            replies = np.zeros(len(commands), REPLY)
            replies["token"], replies["amount_minor"] = commands["token"], commands["amount_minor"]
            edge.reply(replies, {})

    async def serve(self, most: int = 7, pause_s: float = 0.0) -> None:
        while True:
            self.answer(self.take(most))
            await asyncio.sleep(pause_s)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
        await asyncio.sleep(0.001)


@asynccontextmanager
async def linked(folder: Path, **changes: Any) -> AsyncIterator[tuple[LaneLink, LaneEnd]]:
    end = LaneEnd(folder / "lane.sock")
    link = LaneLink(Settings(**{"home": folder, "ring_slots": 64, **changes}), folder / "lane.sock")
    keepers = [asyncio.create_task(job) for job in (link.keep_connected(), link.keep_time())]
    try:
        await until(lambda: link.connected)
        yield link, end
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        link.close()
        end.ring.close()


def refuses_batches(link: LaneLink) -> bool:
    try:
        link.let_in_batch()
    except Problem:
        return True
    return False


def run(journey: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await journey()

    asyncio.run(bounded())


def amounts(count: int, first: int = 0) -> np.ndarray[Any, Any]:
    commands = np.zeros(count, COMMAND)
    commands["amount_minor"] = np.arange(first, first + count)
    return commands


def test_everybody_gets_the_own_answer(home: Path) -> None:
    async def journey() -> None:
        async with linked(home) as (link, end):
            singles = [asyncio.create_task(link.ask(amounts(1, n).tobytes())) for n in range(20)]
            await asyncio.sleep(0.01)
            batches = [asyncio.create_task(link.ask_many(amounts(n, 1_000 * n), None)) for n in (20, 300)]
            await asyncio.sleep(0.01)
            serving = asyncio.create_task(end.serve())
            for n, batch in zip((20, 300), batches, strict=True):
                assert (await batch)["amount_minor"].tolist() == list(range(1_000 * n, 1_001 * n))
            assert [(await single)[0].amount_minor for single in singles] == list(range(20))
            assert link.waiting == 0
            serving.cancel()

    run(journey)


def test_a_full_ring_pushes_back_at_once(home: Path) -> None:
    async def journey() -> None:
        async with linked(home) as (link, end):
            waiting = asyncio.gather(*(link.ask(RECORD) for _ in range(64)))
            await asyncio.sleep(0.05)
            for more in (link.ask(RECORD), link.ask_many(amounts(3), None)):
                with pytest.raises(Problem) as caught:
                    await more
                assert (caught.value.status, caught.value.kind) == (429, "ring_full")
            end.answer(end.take())
            assert len(await waiting) == 64

    run(journey)


def test_only_one_batch_waits_for_room_in_a_full_ring(home: Path) -> None:
    async def journey() -> None:
        async with linked(home) as (link, end):
            batch = asyncio.create_task(link.ask_many(amounts(100), None))
            await asyncio.sleep(0.01)
            end.answer(end.take(10))
            for _ in range(2):
                with pytest.raises(Problem, match="ring_full"):
                    await link.ask_many(amounts(3), None)
            serving = asyncio.create_task(end.serve())
            assert len(await batch) == 100
            assert (await link.ask_many(amounts(3), None))["amount_minor"].tolist() == [0, 1, 2]
            assert link.refused == 2
            serving.cancel()

    run(journey)


def test_what_a_slow_lane_cannot_take_in_time_is_refused_whole(home: Path) -> None:
    async def journey() -> None:
        async with linked(home, ring_slots=8_192, lane_wait_s=0.01, lane_patience_s=0.05) as (link, end):
            serving = asyncio.create_task(end.serve(100, 0.005))
            waiting = [asyncio.create_task(link.ask_many(amounts(500), None)) for _ in range(10)]
            await until(lambda: refuses_batches(link))
            with pytest.raises(Problem, match="ring_full"):
                await link.ask_many(amounts(500), None)
            assert [len(replies) for replies in await asyncio.gather(*waiting)] == [500] * 10
            assert end.taken == 5_000
            assert not refuses_batches(link)
            assert (await link.ask(amounts(1, 5).tobytes()))[0].amount_minor == 5
            serving.cancel()

    run(journey)


def test_who_waits_when_the_lane_goes_hears_that_the_outcome_is_unknown(home: Path) -> None:
    async def journey() -> None:
        async with linked(home) as (link, end):
            single = asyncio.create_task(link.ask(RECORD))
            await asyncio.sleep(0.05)
            batch = asyncio.create_task(link.ask_many(amounts(100), None))
            await asyncio.sleep(0.05)
            end.take()
            end.ring.close()
            problems = await asyncio.gather(single, batch, return_exceptions=True)
            assert [p.kind for p in problems if isinstance(p, Problem)] == ["outcome_unknown", "outcome_unknown"]
            with pytest.raises(Problem, match="lane_away"):
                await link.ask(RECORD)
            end.__init__(home / "lane.sock")  # type: ignore[misc]
            await until(lambda: link.connected)
            serving = asyncio.create_task(end.serve())
            assert (await link.ask(amounts(1, 5).tobytes()))[0].amount_minor == 5
            serving.cancel()

    run(journey)


def test_a_late_answer_reaches_nobody(home: Path) -> None:
    async def journey() -> None:
        async with linked(home, reply_timeout_s=0.1) as (link, end):
            with pytest.raises(Problem, match="outcome_unknown"):
                await link.ask(RECORD)
            end.answer(end.take())
            await until(lambda: link.late_replies > 0)
            serving = asyncio.create_task(end.serve())
            assert (await link.ask(amounts(1, 5).tobytes()))[0].amount_minor == 5
            serving.cancel()

    run(journey)
