"""The list of the office's jobs: one line each."""

from __future__ import annotations

from penstock.app.office.approvals import finish_approved_job
from penstock.app.office.jobs import Job, Services, tail_job
from penstock.app.office.rails import rails_jobs
from penstock.app.office.recovery import recovery_jobs
from penstock.app.office.webhooks import webhook_jobs
from penstock.review.explanation import tail as publications
from penstock.review.reviews import tail as reviews


def make_jobs(services: Services) -> list[Job]:
    """All jobs of the office's process."""
    settings = services.office.settings
    return [
        tail_job(reviews.make_tail(settings)),
        tail_job(publications.make_tail()),
        *recovery_jobs(services),
        finish_approved_job(),
        *rails_jobs(services),
        *webhook_jobs(services),
    ]
