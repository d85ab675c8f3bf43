"""The office's jobs: one that fails is tried again later and holds up no other, and how each is doing is known."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.database import Database
from support.edge import until

from penstock.app import office_process
from penstock.app.office import jobs
from penstock.app.office.jobs import Health, Job, Services
from penstock.app.office_process import Surroundings, open_office
from penstock.kit.settings import Settings
from penstock.review.status.actions import OfficeState, read_office


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office_process, "_NOTE_PAUSE_S", 0.05)
    monkeypatch.setattr(jobs, "FIRST_PAUSE_S", 0.05)


def with_jobs(database: Database, chosen: list[Job], work: Callable[[Services], Awaitable[None]]) -> None:
    """An office with these jobs, and no lane."""

    async def run() -> None:
        settings = replace(Settings(), home=Path("/nonexistent"), database_url="postgresql://elsewhere")
        around = Surroundings(database.dsn("penstock_office"), Path("/nonexistent/lane.sock"), bytes(16))
        async with open_office(settings, around, lambda _: chosen) as services:
            await work(services)

    asyncio.run(run())


async def noted(services: Services) -> OfficeState:
    async with services.office.connection() as connection:
        return await read_office(connection, services.lane)


def test_a_job_that_fails_is_tried_again_and_holds_up_no_other(database: Database) -> None:
    failures, good = [ValueError("first"), ValueError("second")], asyncio.Event()
    steps = []

    async def fails_twice(_: Services) -> bool:
        if failures:
            raise failures.pop()
        good.set()
        return False

    async def counts(_: Services) -> bool:
        steps.append(1)
        return False

    async def work(services: Services) -> None:
        async def is_noted_as_failing() -> bool:
            return any(job.job == "fails" and job.failures and job.problem == "ValueError" for job in (await noted(services)).jobs)

        async def all_well() -> bool:
            return good.is_set() and all(not job.failures for job in (await noted(services)).jobs)

        await until(is_noted_as_failing)
        before = len(steps)
        await until(all_well)
        assert len(steps) > before
        assert {job.job for job in (await noted(services)).jobs} == {"fails", "counts"}

    with_jobs(database, [Job("fails", fails_twice), Job("counts", counts, 0.01)], work)


def test_pauses_after_failures_grow_up_to_a_bound() -> None:
    health = Health()
    pauses = [health.failed(RuntimeError()) for _ in range(12)]
    assert pauses[:4] == [0.05, 0.1, 0.2, 0.4]
    assert max(pauses) == jobs.LONGEST_PAUSE_S
    health.well()
    assert (health.failures, health.problem) == (0, "")


def test_a_step_under_way_is_undone_when_the_office_stops(database: Database) -> None:
    inside = asyncio.Event()

    async def lingers(services: Services) -> bool:
        async with services.office.connection() as connection, connection.transaction():
            await connection.execute("INSERT INTO tail_cursor VALUES ('lingers', 0, 5)")
            inside.set()
            await asyncio.sleep(60)
        return False

    async def work(_: Services) -> None:
        await asyncio.wait_for(inside.wait(), 20)

    with_jobs(database, [Job("lingers", lingers)], work)
    with database.connect("penstock_office") as connection:
        assert connection.execute("SELECT * FROM tail_cursor WHERE tail = 'lingers'").fetchall() == []


def test_the_office_sends_its_commands_under_its_own_client(database: Database) -> None:
    async def work(services: Services) -> None:
        async with services.office.connection() as connection:
            found = await (await connection.execute("SELECT name FROM api_client WHERE client = %s", [services.client])).fetchone()
        assert found == ("penstock",)

    with_jobs(database, [], work)
