"""The jobs of webhooks: the delivery of what their tail has put down."""

from __future__ import annotations

import random
from typing import Final

from penstock.app import wiring
from penstock.app.office.jobs import Job, Services
from penstock.kit.seal import Sealer
from penstock.review.webhooks.deliverer import Deliverer

_UPKEEP_PAUSE_S: Final = 10.0


def webhook_jobs(services: Services) -> list[Job]:
    """The jobs."""
    office = services.office
    sealer = Sealer(wiring.secrets(office.settings).webhook_key())
    deliverer = Deliverer(office.settings, office.ids, sealer, office.connection, office.now, random.SystemRandom().random)

    async def deliver(_: Services) -> bool:
        return await deliverer.deliver()

    async def upkeep(_: Services) -> bool:
        return await deliverer.upkeep()

    return [
        Job("webhooks:deliver", deliver),
        Job("webhooks:upkeep", upkeep, pause_s=_UPKEEP_PAUSE_S),
    ]
