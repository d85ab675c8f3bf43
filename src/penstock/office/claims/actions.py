"""Asking for the claim on a review, and refusing what another person's claim forbids."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from penstock.contracts.words import time_text
from penstock.kit.http.problem import Problem
from penstock.office.claims import store
from penstock.office.claims.store import Claim


async def holder_of(connection: AsyncConnection[Any], lane: int, payment: int, now: datetime) -> Claim | None:
    """Who holds the review of a payment (its first row) now; None = nobody, or there is no such review."""
    return await store.holder(connection, lane, payment, int(now.timestamp() * 1_000_000))


async def refuse_when_held(
    connection: AsyncConnection[Any], lane: int, payment: int, person: int, now: datetime
) -> None:
    """Let only the holder of a review decide it, while there is one.

    :raises Problem: 409, with the holder's name and until when.
    """
    found = await holder_of(connection, lane, payment, now)
    if found is not None and found.person != person:
        raise held_by_another(found)


def held_by_another(claim: Claim) -> Problem:
    """409: another person works on this review."""
    until = time_text(claim.until_us)
    detail = f"{claim.name or 'Another person'} has claimed it until {until}. Take another one, or wait until then."
    extra = {"claimed_by": claim.name, "claimed_until": until}
    return Problem(409, "review_claimed", "Another person works on this review", detail, extra=extra)
