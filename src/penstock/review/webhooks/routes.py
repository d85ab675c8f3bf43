"""Routes of webhooks: translate only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from litestar import Request as HttpRequest
from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation

from penstock.contracts import ids as public
from penstock.contracts.ids import BadPublicId, PublicIds
from penstock.contracts.office import Office
from penstock.contracts.principal import Principal
from penstock.kit.http.problem import from_decoding, not_found, wrong_field
from penstock.review.webhooks import actions, rules, store
from penstock.review.webhooks.access import may_change, may_read
from penstock.review.webhooks.actions import Secrets
from penstock.review.webhooks.store import Connection
from penstock.review.webhooks.views import (
    DeliveryPage,
    DeliveryView,
    NewWebhook,
    Rotation,
    RotationView,
    WebhookChange,
    WebhookPage,
    WebhookView,
    delivery_view,
    webhook_view,
)

Given = NamedDependency[SkipValidation[Office]]
Caller = NamedDependency[SkipValidation[Principal]]
Making = NamedDependency[SkipValidation[Secrets]]
Incoming = HttpRequest[Any, Any, Any]
DeliveryState = Literal["waiting", "delivered", "given_up"]
Body = TypeVar("Body")

_USUAL_PAGE: Final = 50
_BOUND: Final = public.Kind.WEBHOOK.check  # its cursors are no account's
_LAST: Final = (datetime(9999, 1, 1, tzinfo=UTC), 0)


@post("/v1/webhooks", summary="Make a webhook", tags=["review"])
async def make_webhook(request: Incoming, principal: Caller, office: Given, secrets: Making) -> WebhookView:
    """Name an https URL to which events are sent. Body: `url, types?, description?, all_clients?`. The answer's `secret` is shown once. Scope: webhooks:write."""
    wish = _decode(await request.body(), NewWebhook)
    may_change(principal, all_clients=wish.all_clients)
    endpoint, secret = await actions.make(office, secrets, principal, wish)
    return webhook_view(endpoint, office.ids, secret)


@get("/v1/webhooks", summary="List webhooks", tags=["review"])
async def list_webhooks(
    principal: Caller,
    office: Given,
    cursor: Annotated[str, QueryParameter(description="`next_cursor` of the page before")] = "",
    limit: Annotated[int, QueryParameter(description="webhooks on the page")] = _USUAL_PAGE,
) -> WebhookPage:
    """Your endpoints and how they are doing: state, failures, what waits. Scope: webhooks:write; operate sees all."""
    may_read(principal)
    _check_limit(limit, office)
    after = _after(cursor, office.ids) if cursor else 0
    async with office.connection() as connection:
        found = await store.page(connection, principal.client, after, limit, everything=principal.operates)
    shown = [webhook_view(endpoint, office.ids) for endpoint in found]
    following = office.ids.encode(public.Kind.CURSOR, found[-1].webhook, _BOUND) if len(found) == limit else None
    return WebhookPage(shown, following)


@get("/v1/webhooks/{webhook:str}", summary="Read a webhook", tags=["review"])
async def read_webhook(webhook: FromPath[str], principal: Caller, office: Given) -> WebhookView:
    """An endpoint and how it is doing."""
    may_read(principal)
    async with office.connection() as connection:
        return webhook_view(await actions.find(connection, _number(webhook, office.ids), principal), office.ids)


@patch("/v1/webhooks/{webhook:str}", summary="Change a webhook", tags=["review"])
async def change_webhook(webhook: FromPath[str], request: Incoming, principal: Caller, office: Given) -> WebhookView:
    """Change an endpoint, pause it or enable it again. Body: `url?, types?, description?, state?` (`enabled`, `disabled`). Scope: webhooks:write."""
    may_change(principal)
    wish = _decode(await request.body(), WebhookChange)
    return webhook_view(await actions.change(office, principal, _number(webhook, office.ids), wish), office.ids)


@delete("/v1/webhooks/{webhook:str}", summary="Delete a webhook", tags=["review"])
async def delete_webhook(webhook: FromPath[str], principal: Caller, office: Given) -> None:
    """Delete an endpoint, its secrets and its deliveries. Scope: webhooks:write."""
    may_change(principal)
    number = _number(webhook, office.ids)
    async with office.connection() as connection, connection.transaction():
        await actions.own(connection, number, principal)
        await store.remove(connection, number)


@post("/v1/webhooks/{webhook:str}/rotate-secret", status_code=200, summary="Rotate a webhook's secret", tags=["review"])
async def rotate_secret(
    webhook: FromPath[str], request: Incoming, principal: Caller, office: Given, secrets: Making
) -> RotationView:
    """A new secret, shown once; those of before sign on for `overlap_s` seconds. Body: `overlap_s?`. Scope: webhooks:write."""
    may_change(principal)
    wish = _decode(await request.body() or b"{}", Rotation)
    secret, others_end = await actions.rotate(
        office, secrets, principal, _number(webhook, office.ids), wish.overlap_s
    )
    return RotationView(webhook, secret, others_end)


@post("/v1/webhooks/{webhook:str}/test", status_code=202, summary="Test a webhook", tags=["review"])
async def send_test(webhook: FromPath[str], principal: Caller, office: Given) -> DeliveryView:
    """Send an event of the type `webhook.test`; what became of it is in the deliveries. Scope: webhooks:write."""
    may_change(principal)
    return delivery_view(await actions.send_test(office, principal, _number(webhook, office.ids)), office.ids)


@get("/v1/webhooks/{webhook:str}/deliveries", summary="List deliveries", tags=["review"])
async def list_deliveries(
    webhook: FromPath[str],
    principal: Caller,
    office: Given,
    status: Annotated[DeliveryState | None, QueryParameter(description="of one state; absent = all")] = None,
    cursor: Annotated[str, QueryParameter(description="`next_cursor` of the page before")] = "",
    limit: Annotated[int, QueryParameter(description="deliveries on the page")] = _USUAL_PAGE,
) -> DeliveryPage:
    """What was sent to an endpoint, newest first, and what became of it. Scope: webhooks:write."""
    may_read(principal)
    _check_limit(limit, office)
    number = _number(webhook, office.ids)
    async with office.connection() as connection:
        await actions.find(connection, number, principal)
        before = await _before(connection, webhook, number, cursor) if cursor else _LAST
        found = await store.deliveries(connection, number, status, before, limit)
    shown = [delivery_view(delivery, office.ids) for delivery in found]
    return DeliveryPage(shown, shown[-1].delivery if len(shown) == limit else None)


@post(
    "/v1/webhooks/{webhook:str}/deliveries/{delivery:str}/redeliver",
    status_code=202,
    summary="Send a delivery again",
    tags=["review"],
)
async def redeliver(webhook: FromPath[str], delivery: FromPath[str], principal: Caller, office: Given) -> DeliveryView:
    """Send an event again, whatever became of it, under the same `webhook-id`. Scope: webhooks:write."""
    may_change(principal)
    number = _number(webhook, office.ids)
    named = rules.read_message_id(webhook, delivery)
    if named is None:
        raise not_found("delivery")
    return delivery_view(await actions.send_again(office, principal, number, *named), office.ids)


def _decode(body: bytes, kind: type[Body]) -> Body:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise from_decoding(error) from error


def _number(text: str, ids: PublicIds) -> int:
    try:
        return ids.decode(public.Kind.WEBHOOK, text)
    except BadPublicId as error:
        raise wrong_field("webhook", str(error), "send the webhook id as it was given to you") from error


def _after(cursor: str, ids: PublicIds) -> int:
    try:
        return ids.decode(public.Kind.CURSOR, cursor, _BOUND)
    except BadPublicId:
        raise _bad_cursor() from None


async def _before(connection: Connection, webhook: str, number: int, cursor: str) -> tuple[datetime, int]:
    """Where the page before a cursor ended: the cursor is the last delivery on it."""
    named = rules.read_message_id(webhook, cursor)
    found = await store.delivery(connection, number, *named) if named else None
    if found is None:
        raise _bad_cursor()
    return found.begun_at, found.seq


def _bad_cursor() -> Exception:
    return wrong_field("cursor", "not a cursor of this list", "use next_cursor of the page before")


def _check_limit(limit: int, office: Office) -> None:
    if not 1 <= limit <= office.settings.page_entries:
        raise wrong_field("limit", f"{limit} on the page", f"use 1 to {office.settings.page_entries}")


ROUTES: Final[tuple[Any, ...]] = (
    make_webhook, list_webhooks, read_webhook, change_webhook, delete_webhook, rotate_secret, send_test,
    list_deliveries, redeliver,
)  # fmt: skip
