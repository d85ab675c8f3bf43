"""A request with an Idempotency-Key: find the command id that the key stands for, then go on as with an id.

The key's row is committed before the lane is asked, so whatever dies in between, a retry finds the same id,
and the lane knows what it has done under it. Requests with one key that come together get one outcome.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from psycopg import AsyncConnection

from penstock.contracts.ids import make_uuid7
from penstock.contracts.principal import Principal
from penstock.contracts.reasons import Reason
from penstock.contracts.words import REASONS
from penstock.kit.http.asgi import Answer
from penstock.kit.http.buckets import Buckets
from penstock.kit.http.problem import Problem, too_many
from penstock.kit.settings import Settings
from penstock.process.idempotency import rules, store
from penstock.process.idempotency.store import Stored

_EXPIRED = REASONS[Reason.ID_EXPIRED]


@runtime_checkable
class Command(Protocol):
    """A route that carries one command out."""

    def check(self, principal: Principal, named: str, body: bytes) -> None:
        """Refuse what could not be sent anyway."""
        ...

    async def __call__(self, principal: Principal, named: str, body: bytes) -> Answer:
        """Carry it out, once for each id."""
        ...


@dataclass(frozen=True)
class Request:
    """A request with the header."""

    route: str
    path: str
    principal: Principal
    #: The payment, account or customer that the path names, or empty.
    named: str
    body: bytes
    #: The header's fields.
    keys: Sequence[bytes]


class Idempotency:
    """Answers requests that carry the header."""

    def __init__(
        self,
        settings: Settings,
        routes: Mapping[str, object],
        connection: Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]],
        now: Callable[[], datetime],
        monotonic_s: Callable[[], float],
        random: Callable[[int], bytes],
    ) -> None:
        """``connection``: one that may write, in autocommit; ``random``: so many random bytes."""
        self._settings = settings
        self._routes = routes
        self._connection = connection
        self._now = now
        self._monotonic_s = monotonic_s
        self._random = random
        self._rates = Buckets(settings.idempotency_per_second)

    async def answer(self, request: Request) -> Answer:
        """Carry a request's command out, once for each key.

        :raises Problem: 400 for a bad key, 422 for another request's, 429 when too many come, and as the route does.
        """
        route = self._routes[request.route]
        if not isinstance(route, Command):
            raise rules.not_here()
        key, body = rules.parse_key(request.keys), rules.read_body(request.path, request.body)
        self._spare(request.principal.client)
        proposed = body.own_id or str(self._new_id())
        route.check(request.principal, request.named, _sent(request, body, proposed))
        command_id = await self._find(request.principal.client, key, body, uuid.UUID(proposed))
        try:
            return await route(request.principal, request.named, _sent(request, body, str(command_id)))
        except Problem as problem:
            if problem.kind != _EXPIRED or body.own_id:
                raise
        command_id = await self._renew(request.principal.client, key, command_id)
        return await route(request.principal, request.named, _sent(request, body, str(command_id)))

    def _spare(self, client: int) -> None:
        if not self._rates.take(client, self._monotonic_s()):
            most = self._settings.idempotency_per_second
            detail = f"At most {most:g} requests a second with an Idempotency-Key. Nothing was done; ids have no such limit."
            raise too_many("idempotency_rate_exceeded", "Too many requests with a key", detail)

    async def _find(self, client: int, key: str, body: rules.Body, proposed: uuid.UUID) -> uuid.UUID:
        async with self._connection() as connection:
            stored = await store.find_or_add(connection, client, key, Stored(proposed, body.content), self._now())
        if stored.content != body.content:
            raise rules.other_request()
        if body.own_id and stored.command_id != proposed:
            raise rules.other_id()
        return stored.command_id

    async def _renew(self, client: int, key: str, old: uuid.UUID) -> uuid.UUID:
        """The lane has nothing on record under the key's id and would not take it any more: another id for the key."""
        async with self._connection() as connection:
            return await store.renew(connection, client, key, old, self._new_id(), self._now())

    def _new_id(self) -> uuid.UUID:
        return make_uuid7(int(self._now().timestamp() * 1000), self._random(10))


def _sent(request: Request, body: rules.Body, command_id: str) -> bytes:
    """The body with the id under which it goes to the lane."""
    return request.body if body.own_id else rules.with_id(request.body, command_id)
