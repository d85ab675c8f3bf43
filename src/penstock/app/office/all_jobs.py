"""The list of the office's jobs: one line each."""

from __future__ import annotations

from penstock.app.office.jobs import Job, Services


def make_jobs(services: Services) -> list[Job]:  # noqa: ARG001 - what the jobs are made from
    """All jobs of the office's process."""
    return []
