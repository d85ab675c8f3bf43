"""The jobs of the recovery queue: three tails, and a look at the clock."""

from __future__ import annotations

from typing import Final

from penstock.app.office.jobs import Job, Services, tail_job
from penstock.review.recovery import tail

_LOOK_PAUSE_S: Final = 2.0


def recovery_jobs(services: Services) -> list[Job]:
    """All jobs of the recovery queue."""
    settings = services.office.settings
    tails = (tail.duplicates_tail(settings), tail.bank_tail(), tail.suspense_tail())
    return [*map(tail_job, tails), Job("recovery-stuck", _tell_stuck, _LOOK_PAUSE_S)]


async def _tell_stuck(services: Services) -> bool:
    async with services.office.connection() as connection:
        told = await tail.tell_stuck(connection, services.lane, services.now_us(), services.office.settings)
    return told > 0
