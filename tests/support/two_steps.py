"""A process with one workflow of two steps: `begin` starts it and lives until it is killed, `go_on` finishes what is left.

It prints each step when it is done. The database is in the environment variable TEST_DSN.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta

from dbos import DBOS, SetWorkflowID, StepOptions

from penstock.kit import workflows
from penstock.process.rails.workflows import forget

NAME = "rail-test-1"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@DBOS.workflow(name="test_two_steps", max_recovery_attempts=None)
async def two_steps(first: str, then: str) -> str:
    done = await step("one", first)
    await DBOS.sleep_async(1.0)
    return done + await step("two", then)


async def step(name: str, text: str) -> str:
    async def run() -> str:
        say(f"step {text}")
        return text

    return await DBOS.run_step_async(StepOptions(name=name), run)


async def begin() -> None:
    with workflows.launched(os.environ["TEST_DSN"], "test"), SetWorkflowID(NAME):
        await DBOS.start_workflow_async(two_steps, "a", "b")
        await asyncio.sleep(60)


async def go_on() -> None:
    with workflows.launched(os.environ["TEST_DSN"], "test"):
        handle = await DBOS.retrieve_workflow_async(NAME)
        say(f"result {await handle.get_result()}")
        await forget(datetime.now(UTC), 7)
        say(f"known {await DBOS.get_workflow_status_async(NAME) is not None}")
        await forget(datetime.now(UTC) + timedelta(days=8), 7)
        say(f"known {await DBOS.get_workflow_status_async(NAME) is not None}")


if __name__ == "__main__":
    asyncio.run({"begin": begin, "go_on": go_on}[sys.argv[1]]())
