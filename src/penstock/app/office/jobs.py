"""The office's jobs: each is a step that is done again and again, whatever becomes of the others.

Whoever has something to do behind the lane adds one line to ``app/office/all_jobs.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

import structlog

from penstock.contracts.office import Office

log = structlog.get_logger()

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0


@dataclass(frozen=True)
class Services:
    """What every job is given."""

    office: Office
    #: The number of the API client 'penstock', under which the office sends commands (with ``Flag.OPERATES``).
    client: int
    #: What jobs have opened for themselves: closed after all jobs have stopped.
    closing: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def lane(self) -> int:
        """The lane that this process works for."""
        return self.office.settings.lane

    def now_us(self) -> int:
        """Unix time in µs."""
        return int(self.office.now().timestamp() * 1_000_000)


#: A step of a job; true when there is more to do at once.
Step = Callable[[Services], Awaitable[bool]]


@dataclass(frozen=True)
class Job:
    """A step under a name, and how long it rests when there is nothing to do."""

    name: str
    step: Step
    pause_s: float = 0.2


@dataclass
class Health:
    """How a job has been doing."""

    failures: int = 0  # since it was last well
    problem: str = ""  # the kind of the newest failure; the log has the rest
    steps: int = 0

    def well(self) -> None:
        """Note a step that went well."""
        self.steps += 1
        self.failures, self.problem = 0, ""

    def failed(self, error: Exception) -> float:
        """Note a failure; how long to wait before the next try, in seconds."""
        self.failures += 1
        self.problem = type(error).__name__
        return min(FIRST_PAUSE_S * 2.0 ** min(self.failures - 1, 16), LONGEST_PAUSE_S)


async def keep(job: Job, services: Services, health: Health) -> None:
    """Do a job's step again and again; a failure is logged and tried again later. Runs until it is cancelled."""
    while True:
        try:
            more = await job.step(services)
        except Exception as error:
            pause_s = health.failed(error)
            log.exception("job_failed", job=job.name, failures=health.failures, pause_s=pause_s)
            await asyncio.sleep(pause_s)
            continue
        if health.failures:
            log.info("job_well_again", job=job.name, failures=health.failures)
        health.well()
        await asyncio.sleep(0 if more else job.pause_s)
