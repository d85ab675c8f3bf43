"""Reading events: from a cursor on, in order, within a bounded number of rows, waiting for the next if asked to."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import NamedTuple

from penstock.journal.tails import Span
from penstock.review.events import rules, store
from penstock.review.events.feed import Feed
from penstock.review.events.store import EventRow

#: Rows between two releases of the connection.
_CHUNK = 5_000


@dataclass(frozen=True)
class Wish:
    """What a caller wants to read."""

    client: int
    everything: bool
    types: frozenset[str]
    limit: int
    wait_s: float


class Found(NamedTuple):
    """Events with their types, where to go on, and how far events could be read."""

    events: list[tuple[EventRow, str]]
    reached: int
    known: int


async def read(feed: Feed, wish: Wish, after: int, most_rows: int) -> Found:
    """The next events after a sequence; with ``wait_s``, when there are none, those that come within it.

    :param most_rows: rows that are looked at, whoever they belong to.
    :raises Problem: 429 when too many requests of the client wait.
    """
    deadline_s = feed.monotonic_s() + wish.wait_s
    end = after + most_rows
    with feed.place(wish.client) if wish.wait_s else contextlib.nullcontext():
        while True:
            found = await _next(feed, wish, after, end)
            after = found.reached
            if found.events or after >= end or not wish.wait_s:
                return found
            if not await feed.beyond(after, deadline_s - feed.monotonic_s()):
                return found


async def _next(feed: Feed, wish: Wish, after: int, end: int) -> Found:
    """The first events between ``after`` and ``end``, chunk by chunk, as far as events can be read."""
    known = await feed.known_until()
    end = min(end, known)
    while after < end:
        rows, after = await _scan(feed, wish, Span(feed.lane, after, min(after + _CHUNK, end)))
        events = [(row, kind) for row in rows if (kind := rules.event_type(row)) and concerns(row, kind, wish)]
        if events:
            return Found(events, after, known)
    return Found([], after, known)


async def _scan(feed: Feed, wish: Wish, span: Span) -> tuple[list[EventRow], int]:
    """Rows of a span that may be events for the caller, and how far they were all read."""
    async with feed.scans, feed.journal() as connection:
        rows = await store.scan(
            connection, span, rules.kinds_of(wish.types), [wish.client], wish.limit, everything=wish.everything
        )
    return rows, rows[-1].seq if len(rows) == wish.limit else span.until


def concerns(row: EventRow, kind: str, wish: Wish) -> bool:
    """Whether an event is one that the caller wants and may see."""
    return kind in wish.types and (wish.everything or wish.client in rules.audience(row, kind))
