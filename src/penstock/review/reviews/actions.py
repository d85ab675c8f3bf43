"""Claiming reviews and giving them back."""

from __future__ import annotations

from typing import Final

from penstock.contracts.office import Office
from penstock.contracts.words import time_text
from penstock.kit.http.problem import Problem, not_found
from penstock.office.claims.actions import held_by_another, holder_of
from penstock.review.reviews import rules, store
from penstock.review.reviews.store import Connection, Item

_SECOND_US: Final = 1_000_000


def now_us(office: Office) -> int:
    """The time of now, Unix time in µs."""
    return int(office.now().timestamp() * _SECOND_US)


def soon_us(office: Office) -> int:
    """Deadlines up to here are near."""
    return now_us(office) + office.settings.review_soon_s * _SECOND_US


async def claim(connection: Connection, office: Office, payment: int, person: int) -> Item:
    """Claim a review, or prolong one's claim on it.

    :raises Problem: 404 when there is none, 409 when it is decided or another holds it.
    """
    lane, now = office.settings.lane, now_us(office)
    claimed = await store.claim(connection, lane, payment, person, now, _until_us(office, now))
    return await _outcome(connection, office, payment, person, done=claimed)


async def unclaim(connection: Connection, office: Office, payment: int, person: int) -> Item:
    """Give one's claim back; nothing happens when one has none.

    :raises Problem: 404 when there is no such review, 409 when it is decided or another holds it.
    """
    given_back = await store.unclaim(connection, office.settings.lane, payment, person)
    return await _outcome(connection, office, payment, person, done=given_back)


async def claim_next(connection: Connection, office: Office, person: int) -> Item | None:
    """Claim the first review that nobody holds; None = none waits."""
    lane, now = office.settings.lane, now_us(office)
    payment = await store.claim_next(connection, lane, person, soon_us(office), now, _until_us(office, now))
    return None if payment is None else await store.one(connection, lane, payment)


async def read(connection: Connection, office: Office, payment: int) -> Item:
    """A review, open or decided.

    :raises Problem: 404.
    """
    found = await store.one(connection, office.settings.lane, payment)
    if found is None:
        raise not_found("review")
    return found


def _until_us(office: Office, now: int) -> int:
    return now + office.settings.review_claim_s * _SECOND_US


async def _outcome(connection: Connection, office: Office, payment: int, person: int, *, done: bool) -> Item:
    """The review after what was tried; or why it could not be done."""
    found = await read(connection, office, payment)
    if done:
        return found
    if found.closed_seq:
        raise _decided(found)
    holder = await holder_of(connection, office.settings.lane, payment, office.now())
    if holder is not None and holder.person != person:
        raise held_by_another(holder)
    return found


def _decided(item: Item) -> Problem:
    outcome, time = rules.outcome(item.closed_state), time_text(item.closed_us)
    detail = f"It was {outcome} at {time}. Take another one."
    return Problem(409, "review_ended", "The review has ended", detail, extra={"outcome": outcome, "decided": time})
