"""What a key is, and when it is good. Pure.

A key reads ``psk_<key id>_<secret>``: the id names the record, the secret (256 random bits) proves
possession. Only the secret's SHA-256 is stored; with so many random bits a slow hash adds nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from penstock.contracts.principal import Scope

#: Random bytes that a new key is made of: 8 for its id, 32 for its secret.
RANDOM_BYTES: Final = 40
DEFAULT_DAYS: Final = 90
MOST_DAYS: Final = 366
_TEXT: Final = re.compile(r"psk_([a-z2-7]{12})_([a-z2-7]{52})")
_NAME: Final = re.compile(r"\S(?:[^\x00-\x1f\x7f]{0,98}\S)?")


#: The API client of the back office, see migration 0002.
SYSTEM_CLIENT: Final = "penstock"


class BadKeyRequest(ValueError):
    """A key cannot be made as asked for; the message names the field and what is allowed."""


class KeyRefused(ValueError):
    """A presented key is not good; the message says why, for the log, and never holds the key."""


@dataclass(frozen=True)
class KeyRecord:
    """What is known of a key; times with time zone."""

    key_id: str
    client: int
    client_name: str
    owner: str
    scopes: frozenset[str]
    hash: bytes
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    #: The owner's number among the persons: approvals are between persons, however many keys each has.
    person: int


def make_text(random: bytes) -> tuple[str, str, str]:
    """Make a key of ``RANDOM_BYTES`` random bytes: its text, its id and its secret."""
    assert len(random) == RANDOM_BYTES
    letters = [base64.b32encode(part).decode("ascii").rstrip("=").lower() for part in (random[:8], random[8:])]
    key_id, secret = letters[0][:12], letters[1]
    return f"psk_{key_id}_{secret}", key_id, secret


def hash_secret(secret: str) -> bytes:
    """The SHA-256 under which a secret is stored."""
    return hashlib.sha256(secret.encode("ascii")).digest()


def parse_text(text: str) -> tuple[str, str]:
    """The id and the secret of a key.

    :raises KeyRefused: when the text has not the form of a key.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise KeyRefused("the text has not the form psk_<id>_<secret>")
    return match[1], match[2]


def check(records: Mapping[str, KeyRecord], text: str, now: datetime) -> KeyRecord:
    """The record of a presented key, by key id, when the key is good at ``now``.

    :raises KeyRefused: when it is unknown, wrong, expired or revoked.
    """
    key_id, secret = parse_text(text)
    record = records.get(key_id)
    # An unknown id is compared as well, so that the time tells nobody which ids exist.
    right = hmac.compare_digest(hash_secret(secret), record.hash if record is not None else bytes(32))
    if record is None or not right:
        raise KeyRefused(f"no key {key_id} with this secret")
    if record.revoked_at is not None and record.revoked_at <= now:
        raise KeyRefused(f"key {key_id} was revoked")
    if record.expires_at <= now:
        raise KeyRefused(f"key {key_id} has expired")
    return record


def require_scopes(names: list[str]) -> list[str]:
    """The scopes of a new key, in order and once each.

    :raises BadKeyRequest: when there is none, or one is unknown.
    """
    known = [scope.value for scope in Scope]
    unknown = sorted(set(names) - set(known))
    if unknown or not names:
        raise BadKeyRequest(f"scope: {', '.join(unknown) or 'none given'}; choose from {', '.join(known)}")
    return [scope for scope in known if scope in names]


def require_name(field: str, name: str) -> str:
    """A client's or owner's name.

    :raises BadKeyRequest: when it is empty, longer than 100 characters, or holds control characters.
    """
    if not _NAME.fullmatch(name):
        raise BadKeyRequest(f"{field}: {name[:100]!r} is not a name; use 1 to 100 characters without line breaks")
    return name


def require_client(name: str) -> str:
    """The name of a client that may have keys: not the system's own, under which the back office acts.

    :raises BadKeyRequest: when it is none.
    """
    if require_name("client", name).casefold() == SYSTEM_CLIENT:
        raise BadKeyRequest(f"client: {SYSTEM_CLIENT!r} is the system's own and has no keys; choose another name")
    return name


def expiry(now: datetime, days: int) -> datetime:
    """When a key made now runs out.

    :raises BadKeyRequest: when ``days`` is below 1 or above a year.
    """
    if not 1 <= days <= MOST_DAYS:
        raise BadKeyRequest(f"expires-days: {days} is outside 1 to {MOST_DAYS}; a key lives at most a year")
    return now + timedelta(days=days)
