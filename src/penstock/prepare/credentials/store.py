"""API clients and their keys in the database: all SQL of the feature."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, LiteralString

from psycopg import Connection

from penstock.prepare.credentials.rules import KeyRecord

_ADD_CLIENT: Final = "INSERT INTO api_client (name) VALUES (%s) ON CONFLICT (name) DO NOTHING"
_CLIENT: Final = "SELECT client FROM api_client WHERE name = %s"
_ADD_PERSON: Final = "INSERT INTO person (name) VALUES (%s) ON CONFLICT (name) DO NOTHING"
_PERSON: Final = "SELECT person FROM person WHERE name = %s"
_ADD_KEY: Final = """
    INSERT INTO api_key (key_id, client, owner, scopes, hash, created_at, expires_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
_KEYS: Final = """
    SELECT key_id, client, api_client.name, owner, scopes, hash, created_at, expires_at, revoked_at, coalesce(person, 0)
    FROM api_key JOIN api_client USING (client) LEFT JOIN person ON person.name = api_key.owner
    ORDER BY created_at, key_id
"""
_REVOKE: Final = "UPDATE api_key SET revoked_at = %s WHERE key_id = %s AND revoked_at IS NULL"


def load_keys(connection: Connection[Any]) -> list[KeyRecord]:
    """All keys, oldest first, also the expired and revoked ones."""
    return [
        KeyRecord(key_id, client, name, owner, frozenset(scopes), bytes(digest), created, expires, revoked, person)
        for key_id, client, name, owner, scopes, digest, created, expires, revoked, person in connection.execute(_KEYS)
    ]


def find_or_add_client(connection: Connection[Any], name: str) -> int:
    """The number of the client of this name, added when it is new."""
    return _find_or_add(connection, name, _CLIENT, _ADD_CLIENT)


def find_or_add_person(connection: Connection[Any], name: str) -> int:
    """The number of the person of this name, added when it is new."""
    return _find_or_add(connection, name, _PERSON, _ADD_PERSON)


def _find_or_add(connection: Connection[Any], name: str, find: LiteralString, add: LiteralString) -> int:
    row = connection.execute(find, [name]).fetchone()
    if row is None:  # looked for first: adding in vain would use up a number
        connection.execute(add, [name])
        row = connection.execute(find, [name]).fetchone()
    assert row is not None
    return int(row[0])


def add_key(connection: Connection[Any], record: KeyRecord) -> None:
    """Store a new key."""
    connection.execute(
        _ADD_KEY,
        [
            record.key_id, record.client, record.owner, sorted(record.scopes), record.hash,
            record.created_at, record.expires_at,
        ],
    )  # fmt: skip


def revoke(connection: Connection[Any], key_id: str, now: datetime) -> bool:
    """Mark a key as revoked; false when there is no such key, or it was revoked before."""
    return connection.execute(_REVOKE, [now, key_id]).rowcount == 1
