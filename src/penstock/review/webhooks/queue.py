"""Deliveries as the office sees them: made, claimed, finished, cleared away. The other half of the feature's SQL.

A claim moves ``due_at`` into the future, so it ends by itself: what a killed process had claimed falls due again.
``attempts`` is raised by the claim and tells whose result counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection
from psycopg.rows import class_row

Connection = AsyncConnection[Any]


class Open(NamedTuple):
    """An endpoint that takes events."""

    webhook: int
    client: int
    all_clients: bool
    types: list[str]
    made_at: datetime


class Claim(NamedTuple):
    """A delivery that is ours to try, for a while."""

    webhook: int
    lane: int
    seq: int
    type: str
    attempts: int
    begun_at: datetime
    begun_with: int
    url: str


_OPEN: Final = f"SELECT {', '.join(Open._fields)} FROM webhook WHERE enabled ORDER BY webhook"  # noqa: S608 - constants
#: One value, so that many accounts cost little.
_ACCOUNTS: Final = """
    SELECT coalesce(string_agg(int8send(account), ''), '') FROM account_owner WHERE lane = %s AND client = ANY(%s)
"""
_ADD: Final = """
    INSERT INTO webhook_delivery (webhook, lane, seq, type, begun_at, due_at)
    SELECT made.webhook, %(lane)s, made.seq, made.type, %(now)s, %(now)s
    FROM unnest(%(webhooks)s::int[], %(seqs)s::bigint[], %(types)s::text[]) AS made (webhook, seq, type)
    JOIN webhook ON webhook.webhook = made.webhook
    ON CONFLICT DO NOTHING
"""
_READY: Final = """
    SELECT webhook, failures FROM webhook
    WHERE enabled AND (rests_until IS NULL OR rests_until <= %(now)s) AND EXISTS (
        SELECT 1 FROM webhook_delivery AS delivery
        WHERE delivery.webhook = webhook.webhook AND delivery.state = 'waiting' AND delivery.due_at <= %(now)s)
    ORDER BY webhook
"""
_CLAIM: Final = """
    WITH picked AS (
        SELECT due.webhook, due.lane, due.seq
        FROM unnest(%(webhooks)s::int[], %(counts)s::int[]) AS asked (webhook, most)
        CROSS JOIN LATERAL (
            SELECT webhook, lane, seq FROM webhook_delivery AS delivery
            WHERE delivery.webhook = asked.webhook AND delivery.state = 'waiting' AND delivery.due_at <= %(now)s
            ORDER BY delivery.due_at, delivery.seq LIMIT asked.most FOR UPDATE SKIP LOCKED
        ) AS due
    )
    UPDATE webhook_delivery AS delivery SET attempts = attempts + 1, due_at = %(until)s
    FROM picked JOIN webhook ON webhook.webhook = picked.webhook
    WHERE delivery.webhook = picked.webhook AND delivery.lane = picked.lane AND delivery.seq = picked.seq
    RETURNING delivery.webhook, delivery.lane, delivery.seq, delivery.type, delivery.attempts, delivery.begun_at,
        delivery.begun_with, webhook.url
"""
_SECRETS: Final = """
    SELECT webhook, sealed FROM webhook_secret
    WHERE webhook = ANY(%(webhooks)s) AND (ends_at IS NULL OR ends_at > %(now)s) ORDER BY webhook, number DESC
"""
_MINE: Final = "webhook = %(webhook)s AND lane = %(lane)s AND seq = %(seq)s AND attempts = %(attempts)s AND state = 'waiting'"
_DELIVERED: Final = f"""
    UPDATE webhook_delivery SET state = 'delivered', last_at = %(now)s, last_status = %(status)s, last_error = NULL WHERE {_MINE}
"""  # noqa: S608 - constants
_FAILED: Final = f"""
    UPDATE webhook_delivery SET
        state = %(state)s, due_at = %(due_at)s, last_at = %(now)s, last_status = %(status)s, last_error = %(error)s WHERE {_MINE}
"""  # noqa: S608 - constants
_WELL: Final = """
    UPDATE webhook SET failures = 0, failing_since = NULL, rests_until = NULL WHERE webhook = %(webhook)s AND failures > 0
"""
_ILL: Final = """
    UPDATE webhook SET failures = failures + 1, failing_since = coalesce(failing_since, %(now)s)
    WHERE webhook = %(webhook)s RETURNING failures, failing_since
"""
_REST: Final = "UPDATE webhook SET rests_until = %(until)s WHERE webhook = %(webhook)s"
_DISABLE: Final = """
    UPDATE webhook SET enabled = false, disabled_why = %(why)s WHERE webhook = %(webhook)s AND enabled RETURNING webhook
"""
_FULL: Final = """
    SELECT webhook FROM webhook WHERE enabled AND EXISTS (
        SELECT 1 FROM webhook_delivery AS delivery
        WHERE delivery.webhook = webhook.webhook AND delivery.state = 'waiting' OFFSET %(most)s)
"""
_GIVE_UP_ALL: Final = """
    UPDATE webhook_delivery SET state = 'given_up', last_error = %(why)s WHERE webhook = %(webhook)s AND state = 'waiting'
"""
_CLEAR: Final = """
    DELETE FROM webhook_delivery AS delivery USING (
        SELECT old.webhook, old.lane, old.seq FROM webhook
        CROSS JOIN LATERAL (
            SELECT webhook, lane, seq FROM webhook_delivery AS any_old
            WHERE any_old.webhook = webhook.webhook AND any_old.begun_at < %(before)s
            ORDER BY any_old.begun_at, any_old.seq LIMIT %(most)s
        ) AS old LIMIT %(most)s
    ) AS gone
    WHERE delivery.webhook = gone.webhook AND delivery.lane = gone.lane AND delivery.seq = gone.seq
"""
_END_SECRETS: Final = "DELETE FROM webhook_secret WHERE ends_at < %s"


async def open_endpoints(connection: Connection) -> list[Open]:
    """The endpoints that take events."""
    async with connection.cursor(row_factory=class_row(Open)) as cursor:
        return await (await cursor.execute(_OPEN)).fetchall()


async def accounts_of(connection: Connection, lane: int, clients: Sequence[int]) -> NDArray[np.int64]:
    """The accounts of some clients, as far as their owners have been noted."""
    async with connection.cursor(binary=True) as cursor:
        found = await (await cursor.execute(_ACCOUNTS, (lane, list(clients)))).fetchone()
    assert found is not None  # an aggregate has one row
    return np.frombuffer(found[0], ">i8").astype(np.int64)


async def add(connection: Connection, lane: int, made: Sequence[tuple[int, int, str]], now: datetime) -> None:
    """Deliveries of (endpoint, sequence, type), due now; those that exist stay as they are."""
    webhooks, seqs, types = zip(*made, strict=True)
    values = {"webhooks": list(webhooks), "seqs": list(seqs), "types": list(types)}
    await connection.execute(_ADD, {**values, "lane": lane, "now": now})


async def ready(connection: Connection, now: datetime) -> list[tuple[int, int]]:
    """Endpoints for which something is due and which do not rest, with their failures in a row."""
    return await (await connection.execute(_READY, {"now": now})).fetchall()


async def claim(connection: Connection, counts: Mapping[int, int], now: datetime, until: datetime) -> list[Claim]:
    """Claim so many due deliveries of each endpoint, the ones due longest first, until a time."""
    wanted = {"webhooks": list(counts), "counts": list(counts.values()), "now": now, "until": until}
    async with connection.cursor(row_factory=class_row(Claim)) as cursor:
        return await (await cursor.execute(_CLAIM, wanted)).fetchall()


async def secrets(connection: Connection, webhooks: Sequence[int], now: datetime) -> dict[int, list[bytes]]:
    """The sealed secrets that sign for each endpoint, newest first."""
    found: dict[int, list[bytes]] = {webhook: [] for webhook in webhooks}
    for webhook, sealed in await (
        await connection.execute(_SECRETS, {"webhooks": list(found), "now": now})
    ).fetchall():
        found[webhook].append(bytes(sealed))
    return found


async def delivered(connection: Connection, claim: Claim, status: int, now: datetime) -> None:
    """Note that a claimed delivery has arrived."""
    await connection.execute(_DELIVERED, {**_mine(claim), "status": status, "now": now})
    await connection.execute(_WELL, {"webhook": claim.webhook})


async def failed(
    connection: Connection, claim: Claim, status: int | None, error: str, due_at: datetime | None, now: datetime
) -> tuple[int, datetime]:
    """Note that a claimed delivery has failed, to be tried at ``due_at`` or, None, never again.

    :returns: the endpoint's failures in a row, and since when it fails.
    """
    result = {"status": status, "error": error, "state": "waiting" if due_at else "given_up"}
    await connection.execute(_FAILED, {**_mine(claim), **result, "due_at": due_at or now, "now": now})
    found = await (await connection.execute(_ILL, {"webhook": claim.webhook, "now": now})).fetchone()
    return (0, now) if found is None else (int(found[0]), found[1])  # none: it was removed meanwhile


async def rest(connection: Connection, webhook: int, until: datetime) -> None:
    """Let an endpoint rest."""
    await connection.execute(_REST, {"webhook": webhook, "until": until})


async def disable(connection: Connection, webhook: int, why: str) -> bool:
    """Disable an endpoint; false when it was disabled before."""
    found = await (await connection.execute(_DISABLE, {"webhook": webhook, "why": why})).fetchone()
    return found is not None


async def full(connection: Connection, most: int) -> list[int]:
    """Endpoints for which more than so many deliveries wait."""
    return [row[0] for row in await (await connection.execute(_FULL, {"most": most})).fetchall()]


async def give_up_all(connection: Connection, webhook: int, why: str) -> None:
    """Give up what waits for an endpoint."""
    await connection.execute(_GIVE_UP_ALL, {"webhook": webhook, "why": why})


async def clear(connection: Connection, before: datetime, most: int) -> int:
    """Forget deliveries begun before a time, at most so many; how many."""
    return (await connection.execute(_CLEAR, {"before": before, "most": most})).rowcount


async def end_secrets(connection: Connection, now: datetime) -> None:
    """Forget secrets that sign no more."""
    await connection.execute(_END_SECRETS, (now,))


def _mine(claim: Claim) -> dict[str, Any]:
    return {"webhook": claim.webhook, "lane": claim.lane, "seq": claim.seq, "attempts": claim.attempts}
