"""What callers send and see of webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from penstock.contracts import ids as public
from penstock.contracts.ids import PublicIds
from penstock.contracts.words import time_text
from penstock.review.webhooks import rules
from penstock.review.webhooks.store import Delivery, Endpoint

Url = Annotated[str, Meta(max_length=rules.LONGEST_URL)]
Types = Annotated[list[Annotated[str, Meta(max_length=60)]], Meta(max_length=100)]
Description = Annotated[str, Meta(max_length=500)]
State = Literal["enabled", "disabled"]


class NewWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new endpoint; no types = all."""

    url: Url
    types: Types = msgspec.field(default_factory=list)
    description: Description = ""
    all_clients: bool = False


class WebhookChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be changed of an endpoint; what is left out stays."""

    url: Url | None = None
    types: Types | None = None
    description: Description | None = None
    state: State | None = None


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long the secrets of before sign on, in seconds; absent = `webhook_overlap_s`."""

    overlap_s: Annotated[float, Meta(ge=0, le=604_800)] | None = None


class WebhookView(msgspec.Struct, frozen=True, omit_defaults=True):
    """An endpoint, and how it is doing; ``secret`` is shown once, when it is made."""

    webhook: str
    url: str
    types: list[str]
    description: str
    state: State
    made: str
    waiting: int
    failures: int
    disabled_why: str | None = None
    failing_since: str | None = None
    rests_until: str | None = None
    all_clients: bool = False
    secret: str | None = None


class WebhookPage(msgspec.Struct, frozen=True):
    """Endpoints, oldest first; ``next_cursor`` is null at the end."""

    webhooks: list[WebhookView]
    next_cursor: str | None


class RotationView(msgspec.Struct, frozen=True):
    """The new secret, shown once; those of before sign until ``others_end``."""

    webhook: str
    secret: str
    others_end: str


class DeliveryView(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event on its way to an endpoint; ``delivery`` is the header ``webhook-id``."""

    delivery: str
    type: str
    state: str
    attempts: int
    begun: str
    event: str | None = None
    seq: int = 0
    next_attempt: str | None = None
    last_attempt: str | None = None
    last_status: int | None = None
    last_error: str | None = None


class DeliveryPage(msgspec.Struct, frozen=True):
    """Deliveries, newest first; ``next_cursor`` is null at the end."""

    deliveries: list[DeliveryView]
    next_cursor: str | None


def webhook_view(endpoint: Endpoint, ids: PublicIds, secret: str | None = None) -> WebhookView:
    """Show an endpoint."""
    return WebhookView(
        webhook=ids.encode(public.Kind.WEBHOOK, endpoint.webhook),
        url=endpoint.url,
        types=endpoint.types,
        description=endpoint.description,
        state="enabled" if endpoint.enabled else "disabled",
        made=moment_text(endpoint.made_at),
        waiting=endpoint.waiting,
        failures=endpoint.failures,
        disabled_why=endpoint.disabled_why,
        failing_since=moment_text(endpoint.failing_since) if endpoint.failing_since else None,
        rests_until=moment_text(endpoint.rests_until) if endpoint.rests_until else None,
        all_clients=endpoint.all_clients,
        secret=secret,
    )


def delivery_view(delivery: Delivery, ids: PublicIds) -> DeliveryView:
    """Show a delivery."""
    webhook = ids.encode(public.Kind.WEBHOOK, delivery.webhook)
    return DeliveryView(
        delivery=rules.message_id(webhook, delivery.lane, delivery.seq),
        type=delivery.type,
        state=delivery.state,
        attempts=delivery.attempts,
        begun=moment_text(delivery.begun_at),
        event=ids.encode(public.Kind.EVENT, delivery.seq) if delivery.seq > 0 else None,
        seq=max(delivery.seq, 0),
        next_attempt=moment_text(delivery.due_at) if delivery.state == "waiting" else None,
        last_attempt=moment_text(delivery.last_at) if delivery.last_at else None,
        last_status=delivery.last_status,
        last_error=delivery.last_error,
    )


def moment_text(moment: datetime) -> str:
    """A time in ISO 8601 in UTC, as everywhere."""
    return time_text(round(moment.timestamp() * 1_000_000))
