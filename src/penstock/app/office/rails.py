"""The jobs of the rails: they exist when a bank is connected."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from penstock.app import wiring
from penstock.app.office.jobs import Job, Services, Step
from penstock.kit import workflows as durable
from penstock.kit.settings import Settings
from penstock.process.rails import actions, workflows
from penstock.process.rails.actions import Rails
from penstock.process.rails.bank import Bank, BankAway
from penstock.process.rails.reconcile.actions import reconcile_due

log = structlog.get_logger()

_HAND_OVER_S: Final = 0.1
_REVIVE_S: Final = 10.0
_RECONCILE_S: Final = 60.0
_FORGET_S: Final = 600.0


def open_bank(settings: Settings) -> Bank:
    """The bank of these settings; the caller closes it.

    :raises BadSetting, BadSecret: for an address or a key that cannot be used.
    """
    key = wiring.secrets(settings).bank_key()
    return Bank(settings.bank_url, key, settings.bank_timeout_s, settings.bank_requests)


def open_rails(services: Services) -> Rails:
    """What the flows work with; the bank is closed with the services."""
    bank = open_bank(services.office.settings)
    services.closing.push_async_callback(bank.close)
    return Rails(services.office, bank, services.client, random.SystemRandom().random)


def rails_jobs(services: Services) -> list[Job]:
    """The workflows and the bank's notifications; nothing without a bank.

    The tail runs without a bank too: a bank that was connected once may have left something behind.
    """
    settings = services.office.settings
    if not settings.bank_url:
        return []
    rails = open_rails(services)
    at_work = _Workflows(services, rails)
    return [
        Job("rails:workflows", at_work.hand_over, _HAND_OVER_S),
        Job("rails:revive", at_work.revive, _REVIVE_S),
        Job("rails:forget", at_work.forget, _FORGET_S),
        Job("rails:notifications", _unless_away(lambda: actions.fetch_notifications(rails)), settings.bank_look_s),
        Job("rails:reconcile", _unless_away(lambda: reconcile_due(rails.office, rails.bank)), _RECONCILE_S),
    ]


class _Workflows:
    """The workflows of this process: launched by the first hand-over that can, stopped with the services."""

    def __init__(self, services: Services, rails: Rails) -> None:
        self._services = services
        self._flows = workflows.register(rails)
        self._launched = False

    async def hand_over(self, services: Services) -> bool:
        """Hand waiting transfers and arrivals over to workflows."""
        if not self._launched:
            dsn = wiring.dsn(services.office.settings, "penstock_office")
            services.closing.enter_context(durable.launched(dsn, f"office-{services.lane}"))
            self._launched = True
            log.info("workflows launched", lane=services.lane)
        return await workflows.hand_over(self._flows)

    async def revive(self, services: Services) -> bool:  # noqa: ARG002 - a step is given them
        """Begin anew what has failed."""
        return self._launched and await workflows.revive(self._flows)

    async def forget(self, services: Services) -> bool:
        """Delete what is kept of workflows that ended long ago."""
        office = services.office
        return self._launched and await workflows.forget(office.now(), office.settings.bank_workflow_days)


def _unless_away(work: Callable[[], Awaitable[bool]]) -> Step:
    """A step that waits for its next turn when the bank is away."""

    async def step(_: Services) -> bool:
        try:
            return await work()
        except BankAway as away:
            log.warning("bank_away", why=str(away))
            return False

    return step
