"""The table of the office's jobs: all SQL of the feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row

_NOTE: Final = """
    INSERT INTO office_job (lane, job, steps, failures, problem, seen_us)
    VALUES (%(lane)s, %(job)s, %(steps)s, %(failures)s, %(problem)s, %(seen_us)s)
    ON CONFLICT (lane, job) DO UPDATE SET steps = excluded.steps, failures = excluded.failures,
        problem = excluded.problem, seen_us = excluded.seen_us
"""
_JOBS: Final = "SELECT job, steps, failures, problem, seen_us FROM office_job WHERE lane = %s ORDER BY job"


class JobState(NamedTuple):
    """One job as of ``seen_us`` (Unix time in µs): steps since the process began, failures since it was last well."""

    job: str
    steps: int
    failures: int
    problem: str
    seen_us: int


async def note(connection: AsyncConnection[Any], lane: int, states: Sequence[JobState]) -> None:
    """Write how the jobs are."""
    async with connection.cursor() as cursor:
        await cursor.executemany(_NOTE, [{"lane": lane, **state._asdict()} for state in states])


async def read(connection: AsyncConnection[Any], lane: int) -> list[JobState]:
    """How the jobs of a lane's office are, as it noted last."""
    async with connection.cursor(row_factory=class_row(JobState)) as cursor:
        return await (await cursor.execute(_JOBS, [lane])).fetchall()
