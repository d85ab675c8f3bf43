"""A task that loses a cancellation ends nonetheless."""

from __future__ import annotations

import asyncio

from penstock.app.ending import end_tasks


def test_a_task_that_swallows_a_cancellation_is_cancelled_again() -> None:
    lost = []

    async def swallows_the_first() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if lost:
                    raise
                lost.append(1)

    async def run() -> None:
        tasks = [asyncio.create_task(swallows_the_first()), asyncio.create_task(asyncio.sleep(0))]
        await asyncio.sleep(0)
        await asyncio.wait_for(end_tasks(tasks), timeout=5)
        assert all(task.done() for task in tasks)
        await end_tasks([])

    asyncio.run(run())
    assert lost
