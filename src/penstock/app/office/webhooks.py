"""The jobs of events and webhooks: who owns what, which events are to be delivered, and their delivery."""

from __future__ import annotations

import random
from typing import Final

from penstock.app import wiring
from penstock.app.office.jobs import Job, Services, tail_job
from penstock.journal.tails import Tail
from penstock.kit.seal import Sealer
from penstock.review.events.store import OWNERS, note_owners
from penstock.review.webhooks.deliverer import Deliverer
from penstock.review.webhooks.tail import webhooks_tail

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
        tail_job(Tail(OWNERS, note_owners)),
        tail_job(webhooks_tail(office.now)),
        Job("webhooks:deliver", deliver),
        Job("webhooks:upkeep", upkeep, pause_s=_UPKEEP_PAUSE_S),
    ]
