"""Endpoints, their secrets and deliveries in the database, as the edge's routes see them. SQL of the feature; the other half is ``queue.py``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row

Connection = AsyncConnection[Any]

#: Class of the advisory locks that count a client's endpoints one request at a time.
_LOCK_CLASS: Final = 0x77686B


class Endpoint(NamedTuple):
    """One endpoint, and how it is doing."""

    webhook: int
    client: int
    all_clients: bool
    url: str
    description: str
    types: list[str]
    enabled: bool
    disabled_why: str | None
    made_at: datetime
    failures: int
    failing_since: datetime | None
    rests_until: datetime | None
    waiting: int


class Delivery(NamedTuple):
    """One event, or one test, on its way to an endpoint."""

    webhook: int
    lane: int
    seq: int
    type: str
    state: str
    attempts: int
    begun_at: datetime
    due_at: datetime
    last_at: datetime | None
    last_status: int | None
    last_error: str | None


_ENDPOINT: Final = f"""
    SELECT {", ".join(f"webhook.{name}" for name in Endpoint._fields[:-1])}, (
        SELECT count(*) FROM webhook_delivery AS delivery
        WHERE delivery.webhook = webhook.webhook AND delivery.state = 'waiting'
    ) AS waiting
    FROM webhook
"""  # noqa: S608 - constants
_OF_CLIENT: Final = f"""
    {_ENDPOINT} WHERE (%(everything)s OR webhook.client = %(client)s) AND webhook.webhook > %(after)s
    ORDER BY webhook.webhook LIMIT %(most)s
"""
_ONE: Final = f"{_ENDPOINT} WHERE webhook.webhook = %(webhook)s AND (%(everything)s OR webhook.client = %(client)s)"
_COUNT: Final = "SELECT count(*) FROM webhook WHERE client = %s"
_ADD: Final = """
    INSERT INTO webhook (client, all_clients, url, description, types, made_at)
    VALUES (%(client)s, %(all_clients)s, %(url)s, %(description)s, %(types)s, %(now)s) RETURNING webhook
"""
#: What is not given stays; enabling an endpoint gives it a fresh start.
_CHANGE: Final = """
    UPDATE webhook SET
        url = coalesce(%(url)s, url), description = coalesce(%(description)s, description),
        types = coalesce(%(types)s, types), enabled = coalesce(%(enabled)s, enabled),
        disabled_why = CASE WHEN %(enabled)s THEN NULL WHEN NOT %(enabled)s THEN coalesce(disabled_why, 'paused') ELSE disabled_why END,
        failures = CASE WHEN %(enabled)s THEN 0 ELSE failures END,
        failing_since = CASE WHEN %(enabled)s THEN NULL ELSE failing_since END,
        rests_until = CASE WHEN %(enabled)s THEN NULL ELSE rests_until END
    WHERE webhook = %(webhook)s
"""
_REMOVE: Final = "DELETE FROM webhook WHERE webhook = %s"
_ADD_SEALED: Final = """
    INSERT INTO webhook_secret (webhook, number, sealed, made_at)
    SELECT %(webhook)s, coalesce(max(number), 0) + 1, %(sealed)s, %(now)s FROM webhook_secret WHERE webhook = %(webhook)s
"""
_END_SECRETS: Final = "UPDATE webhook_secret SET ends_at = least(ends_at, %(ends_at)s) WHERE webhook = %(webhook)s"
_LIVE_SECRETS: Final = """
    SELECT count(*) FROM webhook_secret WHERE webhook = %(webhook)s AND (ends_at IS NULL OR ends_at > %(now)s)
"""
_NEXT_TEST: Final = "UPDATE webhook SET tests = tests + 1 WHERE webhook = %s RETURNING tests"
_DELIVERY: Final = f"SELECT {', '.join(Delivery._fields)} FROM webhook_delivery"  # noqa: S608 - constants
_ADD_TEST: Final = """
    INSERT INTO webhook_delivery (webhook, lane, seq, type, begun_at, due_at)
    VALUES (%(webhook)s, 0, %(seq)s, %(type)s, %(now)s, %(now)s)
"""
_DELIVERIES: Final = f"""
    {_DELIVERY} WHERE webhook = %(webhook)s AND (begun_at, seq) < (%(before)s, %(before_seq)s)
      AND (%(state)s::text IS NULL OR state = %(state)s)
    ORDER BY begun_at DESC, seq DESC LIMIT %(most)s
"""
_DELIVERY_ONE: Final = f"{_DELIVERY} WHERE webhook = %(webhook)s AND lane = %(lane)s AND seq = %(seq)s"
_AGAIN: Final = """
    UPDATE webhook_delivery SET state = 'waiting', begun_at = %(now)s, due_at = %(now)s, begun_with = attempts
    WHERE webhook = %(webhook)s AND lane = %(lane)s AND seq = %(seq)s
"""


async def page(connection: Connection, client: int, after: int, most: int, *, everything: bool) -> list[Endpoint]:
    """Endpoints of a client, or of all, oldest first, after a number."""
    wanted = {"client": client, "after": after, "most": most, "everything": everything}
    async with connection.cursor(row_factory=class_row(Endpoint)) as cursor:
        return await (await cursor.execute(_OF_CLIENT, wanted)).fetchall()


async def endpoint(connection: Connection, webhook: int, client: int, *, everything: bool) -> Endpoint | None:
    """An endpoint of a client, or of anybody; None = there is none."""
    async with connection.cursor(row_factory=class_row(Endpoint)) as cursor:
        wanted = {"webhook": webhook, "client": client, "everything": everything}
        return await (await cursor.execute(_ONE, wanted)).fetchone()


async def count(connection: Connection, client: int) -> int:
    """How many endpoints a client has; whoever counts waits for the other's transaction."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s, %s)", (_LOCK_CLASS, client))
    return await _number(connection, _COUNT, (client,))


async def add(
    connection: Connection, client: int, url: str, description: str, types: Sequence[str], now: datetime, *, all_clients: bool
) -> int:
    """A new endpoint; its number."""
    values = {"client": client, "url": url, "description": description, "types": list(types), "now": now}
    return await _number(connection, _ADD, {**values, "all_clients": all_clients})


async def change(
    connection: Connection,
    webhook: int,
    url: str | None,
    description: str | None,
    types: Sequence[str] | None,
    *,
    enabled: bool | None,
) -> None:
    """Change what is given of an endpoint."""
    chosen = None if types is None else list(types)
    values = {"webhook": webhook, "url": url, "description": description, "types": chosen, "enabled": enabled}
    await connection.execute(_CHANGE, values)


async def remove(connection: Connection, webhook: int) -> None:
    """Forget an endpoint, its secrets and its deliveries."""
    await connection.execute(_REMOVE, (webhook,))


async def add_secret(connection: Connection, webhook: int, sealed: bytes, now: datetime) -> None:
    """The newest secret of an endpoint."""
    await connection.execute(_ADD_SEALED, {"webhook": webhook, "sealed": sealed, "now": now})


async def end_secrets(connection: Connection, webhook: int, ends_at: datetime) -> None:
    """Let the secrets that an endpoint has end at a time, unless they end before."""
    await connection.execute(_END_SECRETS, {"webhook": webhook, "ends_at": ends_at})


async def live_secrets(connection: Connection, webhook: int, now: datetime) -> int:
    """How many secrets of an endpoint sign."""
    return await _number(connection, _LIVE_SECRETS, {"webhook": webhook, "now": now})


async def add_test(connection: Connection, webhook: int, kind: str, now: datetime) -> int:
    """A test on its way to an endpoint; its sequence, below 0."""
    seq = -await _number(connection, _NEXT_TEST, (webhook,))
    await connection.execute(_ADD_TEST, {"webhook": webhook, "seq": seq, "type": kind, "now": now})
    return seq


async def deliveries(
    connection: Connection, webhook: int, state: str | None, before: tuple[datetime, int], most: int
) -> list[Delivery]:
    """Deliveries to an endpoint, newest first, begun before (a time, a sequence)."""
    wanted = {"webhook": webhook, "state": state, "before": before[0], "before_seq": before[1], "most": most}
    async with connection.cursor(row_factory=class_row(Delivery)) as cursor:
        return await (await cursor.execute(_DELIVERIES, wanted)).fetchall()


async def delivery(connection: Connection, webhook: int, lane: int, seq: int) -> Delivery | None:
    """One delivery, None = there is none."""
    async with connection.cursor(row_factory=class_row(Delivery)) as cursor:
        return await (await cursor.execute(_DELIVERY_ONE, {"webhook": webhook, "lane": lane, "seq": seq})).fetchone()


async def send_again(connection: Connection, webhook: int, lane: int, seq: int, now: datetime) -> None:
    """Let a delivery begin anew."""
    await connection.execute(_AGAIN, {"webhook": webhook, "lane": lane, "seq": seq, "now": now})


async def _number(connection: Connection, statement: str, values: Any) -> int:
    found = await (await connection.execute(statement, values)).fetchone()
    assert found is not None  # an aggregate, or the row just written
    return int(found[0])
