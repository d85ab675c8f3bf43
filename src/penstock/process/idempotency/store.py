"""Keys and the command ids that they stand for: all SQL of the feature."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection
from psycopg import Connection as SyncConnection

_ADD: Final = """
    INSERT INTO idempotency_key (client, key, command_id, content, made_at) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (client, key) DO NOTHING
"""
_FIND: Final = "SELECT command_id, content FROM idempotency_key WHERE client = %s AND key = %s"
_RENEW: Final = """
    UPDATE idempotency_key SET command_id = %(new)s, made_at = %(made_at)s
    WHERE client = %(client)s AND key = %(key)s AND command_id = %(old)s
"""
#: Rows that another purge holds are its business.
_PURGE: Final = """
    DELETE FROM idempotency_key WHERE (client, key) IN (
        SELECT client, key FROM idempotency_key WHERE made_at < %s ORDER BY made_at LIMIT %s FOR UPDATE SKIP LOCKED
    )
"""

Connection = AsyncConnection[Any]


class Stored(NamedTuple):
    """What a key stands for."""

    command_id: uuid.UUID
    content: bytes


async def find_or_add(connection: Connection, client: int, key: str, new: Stored, made_at: datetime) -> Stored:
    """What the key stands for: ``new`` when it is new; committed when this returns, on a connection in autocommit."""
    while True:  # again only when a row was purged between the two statements
        added = await connection.execute(_ADD, (client, key, new.command_id, new.content, made_at))
        if added.rowcount == 1:
            return new
        row = await (await connection.execute(_FIND, (client, key))).fetchone()
        if row is not None:
            return Stored(row[0], bytes(row[1]))


async def renew(
    connection: Connection, client: int, key: str, old: uuid.UUID, new: uuid.UUID, made_at: datetime
) -> uuid.UUID:
    """Let a key stand for another id, unless somebody else has changed it; the id that it stands for now."""
    values = {"client": client, "key": key, "old": old, "new": new, "made_at": made_at}
    changed = await connection.execute(_RENEW, values)
    if changed.rowcount == 1:
        return new
    row = await (await connection.execute(_FIND, (client, key))).fetchone()
    return old if row is None else row[0]


def purge(connection: SyncConnection[Any], made_before: datetime, most: int) -> int:
    """Forget the oldest keys made before a time, at most ``most`` of them; how many were forgotten."""
    return connection.execute(_PURGE, (made_before, most)).rowcount
