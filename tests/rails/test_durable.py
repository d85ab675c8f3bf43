"""DBOS on our own database: what was cut off goes on with the steps that are done, and what is old is forgotten."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from dbos import DBOS, SetWorkflowID, StepOptions
from support.database import Database

from penstock.kit import postgres, workflows
from penstock.process.rails.workflows import forget

NAME = "rail-test-1"
ran: list[str] = []


@DBOS.workflow(name="test_two_steps", max_recovery_attempts=None)
async def two_steps(first: str, then: str) -> str:
    return await _step("one", first) + await _wait() + await _step("two", then)


async def _step(name: str, text: str) -> str:
    async def run() -> str:
        ran.append(text)
        return text

    return await DBOS.run_step_async(StepOptions(name=name), run)


async def _wait() -> str:
    await DBOS.sleep_async(1.0)
    return ""


def test_a_workflow_goes_on_after_its_process_and_is_forgotten_in_time(database: Database) -> None:
    workflows.prepare(database.dsn(postgres.ADMIN), "penstock_office")
    workflows.prepare(database.dsn(postgres.ADMIN), "penstock_office")
    dsn = database.dsn("penstock_office")

    async def begin() -> None:
        with workflows.launched(dsn, "test"), SetWorkflowID(NAME):
            await DBOS.start_workflow_async(two_steps, "a", "b")
            while not ran:  # noqa: ASYNC110 - the step has no event of its own
                await asyncio.sleep(0.01)

    async def go_on() -> str:
        with workflows.launched(dsn, "test"):
            handle = await DBOS.retrieve_workflow_async(NAME)
            result = str(await handle.get_result())
            assert not await forget(datetime.now(UTC), 7)
            assert await DBOS.get_workflow_status_async(NAME) is not None, "it is too new"
            await forget(datetime.now(UTC) + timedelta(days=8), 7)
            assert await DBOS.get_workflow_status_async(NAME) is None
            return result

    asyncio.run(begin())
    assert ran == ["a"]
    assert asyncio.run(go_on()) == "ab"
    assert ran == ["a", "b"], "a step that is done is not done again"
