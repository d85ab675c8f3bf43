"""The hot routes: a body in, an outcome out. They know nothing of sockets, so any caller can try them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection

from penstock.contracts.commands import REPLY, Status
from penstock.contracts.ids import PublicIds, uuid7_time_ms
from penstock.contracts.lane_port import Lane, Reply
from penstock.contracts.principal import Principal
from penstock.kit.http.asgi import Answer
from penstock.kit.http.buckets import TokenBucket
from penstock.kit.http.problem import Problem, from_decoding, too_many, wrong_field
from penstock.kit.settings import Settings
from penstock.process.commands import access, bodies, store
from penstock.process.commands.bodies import Body
from penstock.process.commands.outcome import ROW_FIELDS, from_row, http_status, outcome, outcomes, refusal_problem
from penstock.process.commands.translate import FIXES, Terms, kind_of, translate, translate_many

#: Ids older than this may lie in closed partitions, where looking them up costs the lane time.
_OLD_ID_MS: Final = 10 * 60 * 1000
_BATCH: Final[msgspec.json.Decoder[list[bodies.Item]]] = msgspec.json.Decoder(list[bodies.Item])


class Services(NamedTuple):
    """What the routes are given."""

    lane: Lane
    ids: PublicIds
    settings: Settings
    #: Tier names of the policy in force → index.
    tiers: Callable[[], dict[str, int]]
    #: A connection that reads the journal.
    journal: Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]]
    #: Unix time in ms, and a monotonic time in seconds.
    time_ms: Callable[[], int]
    monotonic_s: Callable[[], float]
    #: How many old ids may still be sent this second.
    old_ids: TokenBucket


class CommandRoute:
    """One command of its own: decode, translate, ask the lane, answer."""

    def __init__(self, services: Services, item: type[Body], body: type[Body] | None = None) -> None:
        """``item`` is the body inside a batch; ``body`` the one on this route, if its payment is in the path."""
        self._services = services
        self._item = item
        self._of_payment = body is not None
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(body or item)

    async def __call__(self, principal: Principal, payment: str, body: bytes) -> Answer:
        """Carry the command out.

        :param payment: the payment that the path names, or empty.
        :raises Problem: when nothing was decided, or the outcome is unknown.
        """
        services = self._services
        item = self._decode(body, payment)
        access.check(principal, [kind_of(item)])
        terms = _terms(services, principal)
        record, payload = translate(item, services.ids, terms)
        _spare_old_ids(services, [int.from_bytes(record[8:16], "little", signed=True)])
        reply, _ = await services.lane.ask(record, payload)
        if reply.status == Status.REFUSED:
            raise refusal_problem(reply, item.id)
        if reply.status == Status.REPLAYED:
            reply = await _replayed(services, reply)
        return Answer(http_status(reply), msgspec.json.encode(outcome(reply, item.id, services.ids)))

    def _decode(self, body: bytes, payment: str) -> Body:
        try:
            decoded = self._decoder.decode(body)
        except msgspec.DecodeError as error:
            raise from_decoding(error, fixes=FIXES) from error
        except RecursionError as error:
            raise wrong_field("body", "nested too deeply", "send a value as /docs describes it") from error
        if not self._of_payment:
            return decoded  # type: ignore[no-any-return]
        fields = {name: getattr(decoded, name) for name in decoded.__struct_fields__}
        return self._item(**fields, payment=payment)  # type: ignore[call-arg]  # the three items that name one


class BatchRoute:
    """Many commands in one request, carried out in order, each with its own outcome."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, principal: Principal, payment: str, body: bytes) -> Answer:  # noqa: ARG002 - items name theirs
        """Carry the commands out; a malformed one means that none is.

        :raises Problem: when nothing was done, or the outcome of some is unknown.
        """
        services = self._services
        items = self._decode(body)
        access.check(principal, {kind_of(item) for item in items})
        if not items:
            return Answer(200, b"[]")
        commands, payloads = translate_many(items, services.ids, _terms(services, principal))
        _spare_old_ids(services, commands["id_hi"])
        replies = await services.lane.ask_many(commands, payloads)
        replies = await _replayed_many(services, replies)
        answered = outcomes(replies, [item.id for item in items], services.ids)
        return Answer(200, msgspec.json.encode(answered))

    def _decode(self, body: bytes) -> Sequence[Body]:
        try:
            items = _BATCH.decode(body)
        except msgspec.DecodeError as error:
            raise from_decoding(error, "items", FIXES) from error
        except RecursionError as error:
            raise wrong_field("items", "nested too deeply", "send values as /docs describes them") from error
        most = self._services.settings.batch_commands
        if len(items) > most:
            detail = f"{len(items)} commands; at most {most} go into one batch. Nothing was done; send several batches."
            raise Problem(413, "batch_too_large", "The batch is too large", detail)
        return items


def hot_routes(services: Services) -> dict[str, CommandRoute | BatchRoute]:
    """The routes by path; ``{payment}`` stands for a payment's id."""
    return {
        "/v1/customers": CommandRoute(services, bodies.OpenCustomerItem),
        "/v1/accounts": CommandRoute(services, bodies.OpenAccountItem),
        "/v1/deposits": CommandRoute(services, bodies.DepositItem),
        "/v1/withdrawals": CommandRoute(services, bodies.WithdrawItem),
        "/v1/payments": CommandRoute(services, bodies.PayItem),
        "/v1/payments/{payment}/clear": CommandRoute(services, bodies.ClearItem, bodies.Clear),
        "/v1/payments/{payment}/release": CommandRoute(services, bodies.ReleaseItem, bodies.Release),
        "/v1/payments/{payment}/cancel": CommandRoute(services, bodies.CancelItem, bodies.Cancel),
        "/v1/batch": BatchRoute(services),
    }


def _terms(services: Services, principal: Principal) -> Terms:
    return Terms(principal.client, services.tiers(), services.settings.payload_bytes)


def _spare_old_ids(services: Services, halves: Sequence[int] | NDArray[np.int64]) -> None:
    """Refuse more old ids than may be looked up in closed partitions."""
    oldest_ms = services.time_ms() - _OLD_ID_MS
    if isinstance(halves, np.ndarray):
        old = int(np.count_nonzero((halves.view(np.uint64) >> np.uint64(16)).astype(np.int64) < oldest_ms))
    else:
        old = sum(uuid7_time_ms(half) < oldest_ms for half in halves)
    if old and not services.old_ids.take(services.monotonic_s(), old):
        most = services.settings.old_ids_per_second
        detail = f"Ids older than 10 minutes are slow to look up; at most {most} a second. Nothing was done."
        raise too_many("old_ids", "Too many old ids", detail)


async def _replayed(services: Services, reply: Reply) -> Reply:
    async with services.journal() as connection:
        found = await store.rows(connection, services.settings.lane, [reply.seq])
    return from_row(reply, found[reply.seq])


async def _replayed_many(services: Services, replies: NDArray[Any]) -> NDArray[Any]:
    """Complete replayed replies from the journal's rows of the first time."""
    places = np.flatnonzero(replies["status"] == Status.REPLAYED)
    if not len(places):
        return replies
    async with services.journal() as connection:
        found = await store.rows(connection, services.settings.lane, replies["seq"][places].tolist())
    completed = replies.astype(REPLY)
    for place in places:
        row = found[int(replies["seq"][place])]
        for field, value in zip(ROW_FIELDS, row, strict=True):
            completed[field][place] = value
    return completed
