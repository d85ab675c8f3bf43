"""The office process: tails, deliveries, bank transfers, approved commands; everything behind the lane.

``python -m penstock.app.office_process``. It works at low priority beside the lane and sends its commands under the
client 'penstock'. A job that fails is tried again later and holds up no other; how each one is, is noted in
the table ``office_job`` for status and metrics. Killed at any moment, it goes on where its cursors are.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
import structlog
import uvloop
from psycopg_pool import PoolTimeout

from penstock.app import wiring
from penstock.app.edge.lane_link import LaneLink
from penstock.app.ending import end_tasks
from penstock.app.office.all_jobs import make_jobs
from penstock.app.office.database import OfficeDatabase
from penstock.app.office.jobs import Health, Job, Services, keep
from penstock.contracts.ids import PublicIds
from penstock.contracts.office import Office
from penstock.kit.secrets import BadSecret
from penstock.kit.settings import BadSetting, Settings
from penstock.kit.telemetry import set_up_logging
from penstock.office.health import store as health_store
from penstock.office.health.store import JobState

log = structlog.get_logger()

#: Exit status (sysexits.h) of a mistake that a restart does not mend.
EXIT_OPERATOR: Final = 78
_NICE: Final = 5
#: The office sends few commands at a time.
_RING_SLOTS: Final = 1_024
_NOTE_PAUSE_S: Final = 2.0
_DATABASE_PAUSE_S: Final = 1.0
_CLIENT: Final = "SELECT client FROM api_client WHERE name = 'penstock'"


class Surroundings(NamedTuple):
    """Where the office finds the others."""

    dsn: str
    lane_socket: Path
    public_id_key: bytes


def surroundings(settings: Settings) -> Surroundings:
    """Those of this installation."""
    key = wiring.secrets(settings).public_id_key()
    return Surroundings(wiring.dsn(settings, "penstock_office"), wiring.lane_socket(settings), key)


@asynccontextmanager
async def open_office(
    settings: Settings, around: Surroundings, choose: Callable[[Services], list[Job]] = make_jobs
) -> AsyncIterator[Services]:
    """The office with its jobs at work; leaving the context stops them, and undoes steps that are under way."""
    server_nice = 0 if settings.database_url else _NICE
    database = OfficeDatabase(around.dsn, f"penstock-office-{settings.lane}", server_nice)
    lane = LaneLink(replace(settings, ring_slots=min(settings.ring_slots, _RING_SLOTS)), around.lane_socket)
    office = Office(lane, PublicIds(around.public_id_key), settings, database.connection, _now)
    await database.open()
    tasks = [_start(lane.keep_connected()), _start(lane.keep_time())]
    closing = contextlib.AsyncExitStack()
    try:
        services = Services(office, await _own_client(office), closing)
        tasks += _start_jobs(choose(services), services)
        yield services
    finally:
        await end_tasks(tasks)
        await closing.aclose()
        lane.close()
        await database.close()


def _start_jobs(jobs: Sequence[Job], services: Services) -> list[asyncio.Task[None]]:
    assert len({job.name for job in jobs}) == len(jobs), "two jobs have the same name"
    healths = {job.name: Health() for job in jobs}
    tasks = [_start(keep(job, services, healths[job.name])) for job in jobs]
    return [*tasks, _start(_keep_noting(healths, services))]


async def _own_client(office: Office) -> int:
    """The number of the client 'penstock'; waits for the database."""
    while True:
        try:
            async with office.connection() as connection:
                found = await (await connection.execute(_CLIENT)).fetchone()
        except (psycopg.OperationalError, PoolTimeout) as error:
            log.warning("database_away", error=type(error).__name__)
            await asyncio.sleep(_DATABASE_PAUSE_S)
            continue
        assert found is not None, "the migration that makes the office's tables adds this client"
        return int(found[0])


async def _keep_noting(healths: dict[str, Health], services: Services) -> None:
    """Write down how the jobs are, again and again; runs until it is cancelled."""
    while True:
        states = [JobState(name, h.steps, h.failures, h.problem, services.now_us()) for name, h in healths.items()]
        try:
            async with services.office.connection() as connection:
                await health_store.note(connection, services.lane, states)
        except (psycopg.OperationalError, PoolTimeout) as error:
            log.warning("health_not_noted", error=type(error).__name__)
        await asyncio.sleep(_NOTE_PAUSE_S)


def _start(work: Any) -> asyncio.Task[None]:
    task: asyncio.Task[None] = asyncio.create_task(work)
    task.add_done_callback(_end_with_a_bug)
    return task


def _end_with_a_bug(task: asyncio.Task[None]) -> None:
    """What never ends has ended: the process must not go on as if it did its work."""
    if not task.cancelled() and task.exception() is not None:
        log.error("background_job_failed", exc_info=task.exception())
        os._exit(70)


def _now() -> datetime:
    return datetime.now(UTC)


async def serve(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        async with open_office(settings, surroundings(settings)) as services:
            log.info("office at work", lane=services.lane, client=services.client)
            await loop.create_future()  # until a signal
    log.info("office stopped")


def main() -> int:
    """Run the office of the environment's settings."""
    try:
        settings = wiring.load()
        set_up_logging(settings.log_level, "office")
        os.nice(_NICE)
        uvloop.run(serve(settings))
    except (BadSetting, BadSecret) as error:
        sys.stderr.write(f"penstock office: {error}\n")
        return EXIT_OPERATOR
    return 0


if __name__ == "__main__":
    sys.exit(main())
