"""Making, changing and trying endpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from penstock.contracts.events import UnknownType, choose_types
from penstock.contracts.office import Office
from penstock.contracts.principal import Principal
from penstock.kit.http.problem import Problem, not_found, wrong_field
from penstock.kit.seal import NONCE_BYTES, Sealer
from penstock.review.webhooks import rules, store
from penstock.review.webhooks.deliverer import owner_of
from penstock.review.webhooks.network import check_endpoint
from penstock.review.webhooks.rules import BadUrl
from penstock.review.webhooks.store import Connection, Delivery, Endpoint
from penstock.review.webhooks.views import NewWebhook, WebhookChange, moment_text

#: A name is looked up within so long when an endpoint is made; later it is looked up at each delivery.
_LOOK_UP_S = 2.0


@dataclass(frozen=True)
class Secrets:
    """How secrets come into being and are kept."""

    sealer: Sealer
    random: Callable[[int], bytes]

    def make(self, webhook: int) -> tuple[str, bytes]:
        """A new secret of an endpoint, as it is shown and as it is kept."""
        secret = rules.make_secret(self.random(rules.SECRET_BYTES))
        return secret, self.sealer.seal(secret.encode(), owner_of(webhook), self.random(NONCE_BYTES))


async def make(office: Office, secrets: Secrets, principal: Principal, wish: NewWebhook) -> tuple[Endpoint, str]:
    """A new endpoint of the caller's client, and its secret.

    :raises Problem: 422 for a URL or type that cannot be used, 409 when the client has enough endpoints.
    """
    await _check(office, wish.url, wish.types)
    now = office.now()
    async with office.connection() as connection, connection.transaction():
        if await store.count(connection, principal.client) >= office.settings.webhooks_per_client:
            raise _full(office.settings.webhooks_per_client)
        webhook = await store.add(
            connection, principal.client, wish.url, wish.description, wish.types, now, all_clients=wish.all_clients
        )
        secret, sealed = secrets.make(webhook)
        await store.add_secret(connection, webhook, sealed, now)
        return await find(connection, webhook, principal), secret


async def change(office: Office, principal: Principal, webhook: int, wish: WebhookChange) -> Endpoint:
    """Change an endpoint; enabling it gives it a fresh start.

    :raises Problem: as ``make``; 404.
    """
    await _check(office, wish.url, wish.types)
    enabled = None if wish.state is None else wish.state == "enabled"
    async with office.connection() as connection, connection.transaction():
        await own(connection, webhook, principal)
        await store.change(connection, webhook, wish.url, wish.description, wish.types, enabled=enabled)
        return await find(connection, webhook, principal)


async def rotate(
    office: Office, secrets: Secrets, principal: Principal, webhook: int, overlap_s: float | None
) -> tuple[str, str]:
    """A new secret for an endpoint; those of before sign on for a while, and end then.

    :returns: the secret, and when the others end (ISO 8601).
    :raises Problem: 404; 409 when too many secrets sign already.
    """
    now = office.now()
    ends_at = now + timedelta(seconds=office.settings.webhook_overlap_s if overlap_s is None else overlap_s)
    async with office.connection() as connection, connection.transaction():
        await own(connection, webhook, principal)
        await store.end_secrets(connection, webhook, ends_at)
        if await store.live_secrets(connection, webhook, now) >= rules.MOST_SECRETS:
            detail = f"At most {rules.MOST_SECRETS} secrets sign at once. Rotate with overlap_s 0, or wait until one ends."
            raise Problem(409, "secrets_full", "Too many secrets sign for this webhook", detail)
        secret, sealed = secrets.make(webhook)
        await store.add_secret(connection, webhook, sealed, now)
    return secret, moment_text(ends_at)


async def send_test(office: Office, principal: Principal, webhook: int) -> Delivery:
    """Let a test go to an endpoint.

    :raises Problem: 404; 409 when the endpoint is disabled.
    """
    async with office.connection() as connection, connection.transaction():
        _need_enabled(await own(connection, webhook, principal))
        seq = await store.add_test(connection, webhook, rules.TEST_TYPE, office.now())
        return await _delivery(connection, webhook, 0, seq)


async def send_again(office: Office, principal: Principal, webhook: int, lane: int, seq: int) -> Delivery:
    """Let a delivery begin anew, whatever became of it.

    :raises Problem: 404; 409 when the endpoint is disabled.
    """
    async with office.connection() as connection, connection.transaction():
        _need_enabled(await own(connection, webhook, principal))
        await _delivery(connection, webhook, lane, seq)
        await store.send_again(connection, webhook, lane, seq, office.now())
        return await _delivery(connection, webhook, lane, seq)


async def find(connection: Connection, webhook: int, principal: Principal) -> Endpoint:
    """An endpoint that the caller may see.

    :raises Problem: 404.
    """
    found = await store.endpoint(connection, webhook, principal.client, everything=principal.operates)
    if found is None:
        raise not_found("webhook")
    return found


async def own(connection: Connection, webhook: int, principal: Principal) -> Endpoint:
    """An endpoint of the caller's own client; one for events of everybody only for who operates.

    :raises Problem: 404.
    """
    found = await store.endpoint(connection, webhook, principal.client, everything=False)
    if found is None or (found.all_clients and not principal.operates):
        raise not_found("webhook")
    return found


async def _delivery(connection: Connection, webhook: int, lane: int, seq: int) -> Delivery:
    found = await store.delivery(connection, webhook, lane, seq)
    if found is None:
        raise not_found("delivery")
    return found


async def _check(office: Office, url: str | None, types: Sequence[str] | None) -> None:
    """Refuse a URL and types that cannot be used."""
    private = bool(office.settings.webhook_private_addresses)
    try:
        choose_types(types or [])
        if url is not None:
            await check_endpoint(url, private_allowed=private, timeout_s=_LOOK_UP_S)
    except UnknownType as error:
        raise wrong_field("types", str(error), "leave types out for all of them") from error
    except BadUrl as error:
        raise wrong_field("url", str(error), "send an https URL whose host has public addresses only") from error


def _need_enabled(endpoint: Endpoint) -> None:
    if not endpoint.enabled:
        detail = f"It was disabled: {endpoint.disabled_why}. Enable it with PATCH and state enabled first."
        raise Problem(409, "webhook_disabled", "This webhook is disabled", detail)


def _full(most: int) -> Problem:
    detail = f"A client has at most {most} webhooks. Delete one, or change one."
    return Problem(409, "webhooks_full", "There are enough webhooks", detail)
