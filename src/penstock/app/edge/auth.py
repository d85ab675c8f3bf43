"""Who calls: API keys, kept in memory and read anew each ``key_refresh_s``, so that a revocation counts soon."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

import psycopg
import structlog

from penstock.contracts.principal import Principal
from penstock.kit import db
from penstock.kit.http.asgi import Scope, header
from penstock.kit.http.problem import Problem, unavailable
from penstock.prepare.credentials import store
from penstock.prepare.credentials.rules import KeyRecord, KeyRefused, check

log = structlog.get_logger()

#: Keys older than so many refreshes (and at least ``_STALE_S``) are not trusted any more: fail closed.
_STALE_REFRESHES: Final = 10
_STALE_S: Final = 15.0
#: A key that was made a moment ago shall work at once; strangers shall not make the edge read keys all the time.
_ASK_AGAIN_S: Final = 0.2
#: So many good headers are remembered at most; one key can be written in several ways.
_MOST_GOOD: Final = 10_000


class _Good(NamedTuple):
    """Whom a header speaks for, and until when."""

    principal: Principal
    until: datetime


class Keys:
    """The keys that are known, and how old that knowledge is."""

    def __init__(self, dsn: str, name: str, refresh_s: float, monotonic_s: Callable[[], float]) -> None:
        self._dsn, self._name = dsn, name
        self._refresh_s = refresh_s
        self._stale_s = max(_STALE_REFRESHES * refresh_s, _STALE_S)
        self._monotonic_s = monotonic_s
        self._records: dict[str, KeyRecord] = {}
        #: Headers that were found good, for as long as the keys are not read again: proving them anew costs a hash each.
        self._good: dict[bytes, _Good] = {}
        self._loaded_s: float | None = None
        self._connection: psycopg.Connection[tuple[object, ...]] | None = None
        self._one_at_a_time = threading.Lock()
        self._closed = False
        self._asked_s = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    @property
    def age_s(self) -> float:
        """How old the knowledge is, infinite before the first load."""
        return float("inf") if self._loaded_s is None else self._monotonic_s() - self._loaded_s

    def principal(self, scope: Scope, now: datetime) -> Principal:
        """The caller of a request.

        :raises Problem: 401 without a good key; 503 while keys cannot be checked.
        """
        if self.age_s > self._stale_s:
            raise unavailable("keys_unknown", "Keys cannot be checked", "The database is away; send the request again.")
        given = header(scope, b"authorization")
        if given is None or given[:7].lower() != b"bearer ":
            raise _unauthorized("Send the header `Authorization: Bearer <key>`.")
        try:
            record = check(self._records, given[7:].decode("latin-1").strip(), now)
        except KeyRefused:  # its message names ids, which are for nobody outside
            raise _unauthorized("This key is unknown, expired or revoked; ask the operator for a new one.") from None
        principal = Principal(record.key_id, record.client, record.scopes, record.person)
        self._remember(given, _Good(principal, min(record.expires_at, record.revoked_at or record.expires_at)))
        return principal

    def known(self, given: bytes, now: datetime) -> Principal | None:
        """The caller of a header that was found good since the keys were last read; None = ``admit`` has to look at it."""
        good = self._good.get(given)
        if good is None or now >= good.until or self.age_s > self._stale_s:
            return None
        return good.principal

    def _remember(self, given: bytes, good: _Good) -> None:
        if len(self._good) >= _MOST_GOOD:
            self._good = {}
        self._good[given] = good

    async def admit(self, scope: Scope, now: datetime) -> Principal:
        """The caller of a request; for a key that is not known yet, the keys are read once more, but rarely.

        :raises Problem: see ``principal``.
        """
        try:
            return self.principal(scope, now)
        except Problem as problem:
            if problem.status != 401:
                raise
            asking = self._asking  # requests that come together wait for the same reading
            if asking is None or asking.done():
                if self._monotonic_s() - self._asked_s < _ASK_AGAIN_S:
                    raise
                self._asked_s = self._monotonic_s()
                asking = self._asking = asyncio.create_task(self.refresh())
        await asyncio.shield(asking)
        return self.principal(scope, now)

    async def keep_fresh(self) -> None:
        """Read the keys again and again; runs until it is cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(self._refresh_s)

    async def refresh(self) -> None:
        """Read the keys once; when the database is away, what is known stays until it is stale."""
        started_s = self._monotonic_s()
        try:
            records = await asyncio.to_thread(self._load)
        except psycopg.Error as error:
            log.warning("keys_not_refreshed", error=type(error).__name__, age_s=round(self.age_s, 1))
            return
        self._records = {record.key_id: record for record in records}
        self._good = {}
        self._loaded_s = started_s

    def _load(self) -> list[KeyRecord]:
        with self._one_at_a_time:
            if self._closed:
                return []
            if self._connection is None:
                self._connection = db.connect(self._dsn, name=self._name, autocommit=True, statement_timeout_ms=5_000)
            try:
                return store.load_keys(self._connection)
            except psycopg.Error:
                self._drop()
                raise

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        """Close the connection, after a load that is under way in its thread."""
        with self._one_at_a_time:
            self._closed = True
            self._drop()


def _unauthorized(detail: str) -> Problem:
    return Problem(401, "unauthorized", "A valid key is needed", detail, headers={"WWW-Authenticate": "Bearer"})
