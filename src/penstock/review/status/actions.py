"""Looking at the back office: how far its tails have come, and how its jobs are doing."""

from __future__ import annotations

from typing import Any, NamedTuple

from psycopg import AsyncConnection

from penstock.journal import tails
from penstock.journal.tails import Progress
from penstock.office.health import store as health
from penstock.office.health.store import JobState


class OfficeState(NamedTuple):
    """The tails by name, and the jobs as the office's process noted them last."""

    tails: dict[str, Progress]
    jobs: list[JobState]

    @property
    def noted_us(self) -> int:
        """When the office's process noted anything last, Unix time in µs; 0 = never."""
        return max((job.seen_us for job in self.jobs), default=0)


async def read_office(connection: AsyncConnection[Any], lane: int) -> OfficeState:
    """The state of a lane's back office."""
    return OfficeState(await tails.positions(connection, lane), await health.read(connection, lane))
