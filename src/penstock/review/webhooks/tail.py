"""The tail that makes deliveries of events: one per endpoint that an event concerns and that wants its type.

A new event and the tail's cursor are stored in one transaction, so each event is delivered to each endpoint once,
under an id that a repetition would share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from psycopg import AsyncConnection

from penstock.contracts.events import EVENT_TYPES, choose_types
from penstock.journal.stretches import Mask, Stretch
from penstock.journal.tails import Span, Tail
from penstock.review.events import rules as events
from penstock.review.events import store as event_store
from penstock.review.events.store import EventRow
from penstock.review.webhooks import queue
from penstock.review.webhooks.concerned import Concerned
from penstock.review.webhooks.queue import Open

Connection = AsyncConnection[Any]
NAME: Final = "webhooks"
_ALL: Final = frozenset(EVENT_TYPES)


def webhooks_tail(now: Callable[[], datetime]) -> Tail:
    """The tail; ``now`` is the time of its deliveries."""
    concerned = Concerned(NAME)

    async def handle(connection: Connection, span: Span) -> None:
        await make_deliveries(connection, span, now())

    async def look(connection: Connection, stretch: Stretch) -> Mask:
        endpoints = await queue.open_endpoints(connection)
        kinds = events.kinds_of(frozenset().union(*(chosen(endpoint.types) for endpoint in endpoints)))
        return event_store.opens(stretch) | await concerned.rows(connection, stretch, endpoints, kinds)

    return Tail(NAME, handle, look)


async def make_deliveries(connection: Connection, span: Span, now: datetime) -> None:
    """Make the deliveries of the events among what is wanted of a span."""
    await event_store.note_owners(connection, span)  # this tail may be ahead of the one that notes them
    endpoints = await queue.open_endpoints(connection)
    if not endpoints:
        return
    wanted = {endpoint.webhook: chosen(endpoint.types) for endpoint in endpoints}
    kinds = events.kinds_of(frozenset().union(*wanted.values()))
    clients = sorted({endpoint.client for endpoint in endpoints})
    everything = any(endpoint.all_clients for endpoint in endpoints)
    rows = await event_store.scan_wanted(connection, span, kinds, clients, everything=everything)
    made = [delivery for row in rows for delivery in _of_row(row, endpoints, wanted)]
    if made:
        await queue.add(connection, span.lane, made, now)


def chosen(types: Sequence[str]) -> frozenset[str]:
    """The types that an endpoint's choice means; none chosen = all."""
    return choose_types(types) if types else _ALL


def _of_row(
    row: EventRow, endpoints: Sequence[Open], wanted: dict[int, frozenset[str]]
) -> Iterator[tuple[int, int, str]]:
    """(endpoint, sequence, type) for each endpoint that the row's event is for; none for what happened before it was made."""
    kind = events.event_type(row)
    if kind is None:
        return
    concerned = events.audience(row, kind)
    for endpoint in endpoints:
        sees = endpoint.all_clients or endpoint.client in concerned
        if sees and kind in wanted[endpoint.webhook] and row.time_us >= int(endpoint.made_at.timestamp() * 1_000_000):
            yield endpoint.webhook, row.seq, kind
