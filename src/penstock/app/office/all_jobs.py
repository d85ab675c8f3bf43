"""The lists of the office's tails and jobs: one line each."""

from __future__ import annotations

from penstock.app.office.approvals import finish_approved_job
from penstock.app.office.following import Following
from penstock.app.office.jobs import Job, Services
from penstock.app.office.rails import rails_jobs
from penstock.app.office.recovery import recovery_jobs
from penstock.app.office.webhooks import webhook_jobs
from penstock.journal.tails import Tail
from penstock.process.rails.tail import make_tail as rails_tail
from penstock.review.events.store import owners_tail
from penstock.review.explanation import tail as publications
from penstock.review.recovery import tail as recovery
from penstock.review.reviews import tail as reviews
from penstock.review.webhooks.tail import webhooks_tail


def make_tails(services: Services) -> list[Tail]:
    """All tails: what follows from the journal."""
    office = services.office
    return [
        reviews.make_tail(office.settings),
        publications.make_tail(),
        recovery.duplicates_tail(office.settings),
        recovery.bank_tail(),
        recovery.suspense_tail(),
        rails_tail(office.ids, services.client),
        owners_tail(),
        webhooks_tail(office.now),
    ]


def make_jobs(services: Services) -> list[Job]:
    """All jobs of the office's process."""
    return [
        *Following(make_tails(services)).jobs(),
        *recovery_jobs(),
        finish_approved_job(),
        *rails_jobs(services),
        *webhook_jobs(services),
    ]
