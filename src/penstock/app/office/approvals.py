"""The job that carries out what was approved when nobody else did, and lets lapse what was not approved in time."""

from __future__ import annotations

from typing import Final

from penstock.app.office.jobs import Job, Services
from penstock.office.approvals.actions import finish_approved

_PAUSE_S: Final = 2.0


def finish_approved_job() -> Job:
    """One sweep after another."""

    async def step(services: Services) -> bool:
        office = services.office
        async with office.connection() as connection:
            await finish_approved(connection, office.lane, office.now(), services.lane)
        return False

    return Job("approvals", step, _PAUSE_S)
