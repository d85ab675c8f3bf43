"""Reading events: translate only."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter, SkipValidation

from penstock.contracts import ids as public
from penstock.contracts.events import EVENT_TYPES, UnknownType, choose_types
from penstock.contracts.ids import MAX_INDEX, BadPublicId, PublicIds
from penstock.contracts.office import Office
from penstock.contracts.principal import Principal
from penstock.kit.http.problem import wrong_field
from penstock.review.events.access import may_read
from penstock.review.events.actions import Found, Wish, read
from penstock.review.events.feed import Feed
from penstock.review.events.views import EventPage, EventTypeView, event_view

_USUAL_PAGE: Final = 100


@get("/v1/event-types", summary="All types of event", tags=["review"], sync_to_thread=False)
def event_types() -> list[EventTypeView]:
    """The closed table of event types, in Chinese and English."""
    return [EventTypeView(kind.name, {"en": kind.en, "zh": kind.zh}) for kind in EVENT_TYPES.values()]


@get("/v1/events", summary="Read events", tags=["review"])
async def read_events(
    request: Request[Any, Any, Any],
    principal: NamedDependency[SkipValidation[Principal]],
    office: NamedDependency[SkipValidation[Office]],
    feed: NamedDependency[SkipValidation[Feed]],
    after: Annotated[str, QueryParameter(description="`next_cursor` of the answer before, a sequence, or `latest`")] = "",
    types: Annotated[str, QueryParameter(description="types separated by commas, such as `payment.*`; absent = all")] = "",
    limit: Annotated[int, QueryParameter(description="most events in the answer")] = _USUAL_PAGE,
    wait_s: Annotated[float, QueryParameter(description="wait so long for the next event, in seconds")] = 0.0,
) -> EventPage:
    """What happened to your payments, accounts and customers, in order; go on with `next_cursor`. Scope: read."""
    may_read(principal)
    settings = office.settings
    if not 1 <= limit <= settings.page_entries:
        raise wrong_field("limit", f"{limit} events", f"use 1 to {settings.page_entries}")
    if not 0 <= wait_s <= settings.event_wait_s:
        raise wrong_field("wait_s", f"{wait_s} seconds", f"use 0 to {settings.event_wait_s:g}")
    wish = Wish(principal.client, principal.operates, _types(types), limit, wait_s)
    start = await feed.known_until() if after == "latest" else _sequence(after, office.ids)
    found = await _unless_gone(request, feed, wish, start, settings.event_scan_rows)
    return _page(found, office.ids)


async def _unless_gone(request: Request[Any, Any, Any], feed: Feed, wish: Wish, start: int, most_rows: int) -> Found:
    """Read; give up when the caller closes the connection, so that its place is free again."""
    reading = asyncio.create_task(read(feed, wish, start, most_rows))
    if not wish.wait_s:
        return await reading
    leaving = asyncio.create_task(_left(request))
    try:
        await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return reading.result() if reading.done() else Found([], start, start)
    finally:
        reading.cancel()
        leaving.cancel()


async def _left(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _types(text: str) -> frozenset[str]:
    if not text:
        return frozenset(EVENT_TYPES)
    try:
        return choose_types(text.split(","))
    except UnknownType as error:
        raise wrong_field("types", str(error), "leave it out for all types") from error


def _sequence(after: str, ids: PublicIds) -> int:
    if not after:
        return 0
    if after.isascii() and after.isdigit() and len(after) <= 15 and int(after) <= MAX_INDEX:
        return int(after)
    try:
        return ids.decode(public.Kind.CURSOR, after)
    except BadPublicId:
        raise wrong_field("after", "no cursor", "use next_cursor of the answer before, a sequence, or latest") from None


def _page(found: Found, ids: PublicIds) -> EventPage:
    cursor = ids.encode(public.Kind.CURSOR, found.reached) if found.reached else "0"
    events = [event_view(row, kind, ids) for row, kind in found.events]
    return EventPage(events, cursor, found.reached, found.known)
