"""The body of a webhook: ``type``, ``timestamp`` and ``data`` of Standard Webhooks, with the event's id and sequence beside them."""

from __future__ import annotations

import msgspec

from penstock.contracts import ids as public
from penstock.contracts.ids import PublicIds
from penstock.contracts.words import time_text
from penstock.review.events.store import EventRow
from penstock.review.events.views import EventData, event_data
from penstock.review.webhooks.queue import Claim


class TestData(msgspec.Struct, frozen=True):
    """What a test carries."""

    message: str = "This is a test of your webhook. 这是一条测试通知。"


class Payload(msgspec.Struct, frozen=True, omit_defaults=True):
    """The JSON of a webhook; an event's ``id`` and ``seq`` are those of ``GET /v1/events``."""

    type: str
    timestamp: str
    data: EventData | TestData
    id: str | None = None
    seq: int = 0


def body_of(claim: Claim, row: EventRow | None, ids: PublicIds) -> str:
    """The body of a delivery, the same for every try."""
    if row is None:
        payload = Payload(claim.type, time_text(round(claim.begun_at.timestamp() * 1_000_000)), TestData())
    else:
        event = ids.encode(public.Kind.EVENT, row.seq)
        payload = Payload(claim.type, time_text(row.time_us), event_data(row, ids), event, row.seq)
    return msgspec.json.encode(payload).decode()
