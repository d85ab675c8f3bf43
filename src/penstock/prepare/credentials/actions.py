"""Making and revoking keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import Connection

from penstock.prepare.credentials import rules, store
from penstock.prepare.credentials.rules import BadKeyRequest, KeyRecord


def create_key(
    connection: Connection[Any],
    *,
    client: str,
    owner: str,
    scopes: list[str],
    now: datetime,
    random: bytes,
    days: int = rules.DEFAULT_DAYS,
) -> tuple[str, KeyRecord]:
    """Make a key for a client, which is added when it is new; commits.

    :param owner: the person who answers for the key, added to the persons when it is a new one.
    :param random: ``rules.RANDOM_BYTES`` bytes from a cryptographic source.
    :return: the key's text, which is nowhere else and cannot be had again, and its record.
    :raises BadKeyRequest: for a bad name, scope or life time.
    """
    names = rules.require_client(client), rules.require_name("owner", owner)
    granted, expires_at = rules.require_scopes(scopes), rules.expiry(now, days)
    text, key_id, secret = rules.make_text(random)
    with connection.transaction():
        number = store.find_or_add_client(connection, names[0])
        person = store.find_or_add_person(connection, names[1])
        record = KeyRecord(
            key_id, number, names[0], names[1], frozenset(granted), rules.hash_secret(secret), now, expires_at, None, person
        )
        store.add_key(connection, record)
    return text, record


def revoke_key(connection: Connection[Any], key_id: str, now: datetime) -> None:
    """Revoke a key: edges refuse it within ``key_refresh_s``; commits.

    :raises BadKeyRequest: when there is no such key, or it was revoked before.
    """
    with connection.transaction():
        revoked = store.revoke(connection, key_id, now)
    if not revoked:
        raise BadKeyRequest(f"key {key_id!r} does not exist or was revoked before; see `penstock key list`")
