"""The job of the recovery queue beside its tails: a look at the clock."""

from __future__ import annotations

from typing import Final

from penstock.app.office.jobs import Job, Services
from penstock.review.recovery import tail

_LOOK_PAUSE_S: Final = 2.0


def recovery_jobs() -> list[Job]:
    """The job."""
    return [Job("recovery-stuck", _tell_stuck, _LOOK_PAUSE_S)]


async def _tell_stuck(services: Services) -> bool:
    async with services.office.connection() as connection:
        told = await tail.tell_stuck(connection, services.lane, services.now_us(), services.office.settings)
    return told > 0
