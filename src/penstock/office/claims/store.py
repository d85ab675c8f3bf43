"""Claims on reviews in the database: all SQL of the feature. The rows are the review queue's."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row

_HOLDER: Final = """
    SELECT claimed_by AS person, coalesce(person.name, '') AS name, claimed_until_us AS until_us
    FROM review_item LEFT JOIN person ON person.person = claimed_by
    WHERE lane = %s AND payment = %s AND closed_seq = 0 AND claimed_by > 0 AND claimed_until_us > %s
"""


class Claim(NamedTuple):
    """Who holds a review, and until when (Unix time in µs)."""

    person: int
    name: str
    until_us: int


async def holder(connection: AsyncConnection[Any], lane: int, payment: int, now_us: int) -> Claim | None:
    """Who holds the review of a payment (its first row) now."""
    async with connection.cursor(row_factory=class_row(Claim)) as cursor:
        return await (await cursor.execute(_HOLDER, (lane, payment, now_us))).fetchone()
