"""The hot routes: a body in, an outcome out. They know nothing of sockets, so any caller can try them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection

from penstock.contracts import ids as public
from penstock.contracts.commands import REPLY, Status
from penstock.contracts.ids import PublicIds, uuid7_time_ms
from penstock.contracts.lane_port import Lane, Reply
from penstock.contracts.marks import Marks
from penstock.contracts.office import Office
from penstock.contracts.policy import Policy
from penstock.contracts.principal import Principal
from penstock.contracts.words import KINDS
from penstock.kit.http.asgi import Answer
from penstock.kit.http.buckets import TokenBucket
from penstock.kit.http.problem import Problem, from_decoding, not_found, too_many, wrong_field
from penstock.kit.settings import Settings
from penstock.office.approvals.actions import Wish, request
from penstock.office.claims.actions import refuse_when_held
from penstock.process.commands import access, approving, bodies, control_bodies, rules, store
from penstock.process.commands.approving import Approvers
from penstock.process.commands.bodies import Body
from penstock.process.commands.outcome import ROW_FIELDS, from_row, http_status, outcome, outcomes, refusal_problem
from penstock.process.commands.records import Terms
from penstock.process.commands.translate import FIXES, kind_of, translate, translate_many

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
    #: Makes marks of the texts that come with a payment.
    marks: Marks
    #: The policy in force.
    policy: Callable[[], Policy]
    #: The back office, where requests for approval wait.
    office: Office


class CommandRoute:
    """One command of its own: decode, translate, ask the lane, answer."""

    def __init__(self, services: Services, item: type[Body], body: type[Body] | None = None) -> None:
        """``item`` is the body with everything that it names; ``body`` the one on a route whose path names something."""
        self._services = services
        self._item = item
        #: The field of the item that the path gives, empty = none.
        own = (body or item).__struct_fields__
        self._in_path = "".join(field.name for field in msgspec.structs.fields(item) if field.required and field.name not in own)
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(body or item)

    async def __call__(self, principal: Principal, named: str, body: bytes) -> Answer:
        """Carry the command out.

        :param named: the payment, account or customer that the path names, or empty.
        :raises Problem: when nothing was decided, or the outcome is unknown.
        """
        item = self._decode(body, named)
        access.check(principal, [kind_of(item)])
        record, payload = translate(item, self._services.ids, _terms(self._services, principal))
        return await self._send(item, record, payload)

    def check(self, principal: Principal, named: str, body: bytes) -> None:
        """Refuse what could not be sent anyway, before a key is stored for it.

        :raises Problem: 400 or 422, as a call would.
        """
        translate(self._decode(body, named), self._services.ids, _terms(self._services, principal))

    async def _send(self, item: Body, record: bytes, payload: bytes) -> Answer:
        services = self._services
        _spare_old_ids(services, [int.from_bytes(record[8:16], "little", signed=True)])
        reply, _ = await services.lane.ask(record, payload)
        if reply.status == Status.REFUSED:
            raise refusal_problem(reply, item.id)
        if reply.status == Status.REPLAYED:
            reply = await _replayed(services, reply)
        return Answer(http_status(reply), msgspec.json.encode(outcome(reply, item.id, services.ids)))

    def _decode(self, body: bytes, named: str) -> Body:
        try:
            decoded = self._decoder.decode(body)
        except msgspec.DecodeError as error:
            raise from_decoding(error, fixes=FIXES) from error
        except RecursionError as error:
            raise wrong_field("body", "nested too deeply", "send a value as /docs describes it") from error
        if not self._in_path:
            return decoded  # type: ignore[no-any-return]
        fields = {name: getattr(decoded, name) for name in decoded.__struct_fields__}
        return self._item(**fields, **{self._in_path: named})


class DangerousRoute(CommandRoute):
    """A command that other people may have to approve first; then the request for it is the answer, with 202."""

    def __init__(
        self, services: Services, approvers: Approvers, item: type[Body], body: type[Body] | None = None
    ) -> None:
        super().__init__(services, item, body)
        self._approvers = approvers

    async def __call__(self, principal: Principal, named: str, body: bytes) -> Answer:
        """Carry the command out, or ask others to approve it.

        :raises Problem: when nothing was decided or asked for, or the outcome is unknown.
        """
        item = self._decode(body, named)
        kind = kind_of(item)
        access.may_ask(principal, kind)
        item = await self._complete(item)
        record, payload = translate(item, self._services.ids, _terms(self._services, principal))
        if isinstance(item, control_bodies.DecideItem):
            await self._respect_claim(item.payment, principal)
        operation, needed = await self._approvers.needed(item)
        if needed == 0:
            return await self._send(item, record, payload)
        about = approving.object_of(item)
        wish = Wish(
            operation, about.kind, about.id, uuid.UUID(item.id), principal.client, principal.person,
            record, payload, approving.summary(item, KINDS[kind]), needed,
        )  # fmt: skip
        office = self._services.office
        async with office.connection() as connection:
            asked = await request(connection, wish, office.now(), office.settings, office.ids)
        return Answer(202 if asked.ended is None else 200, msgspec.json.encode(asked))

    async def _complete(self, item: Body) -> Body:
        """The command with what has to be looked up for it: for a model its name."""
        if not isinstance(item, control_bodies.PublishModelItem):
            return item
        rules.check(item, None)
        async with self._services.journal() as connection:
            name = await store.model_name(connection, item.sha256)
        if name is None:
            raise not_found("model")
        return msgspec.structs.replace(item, name=name)

    async def _respect_claim(self, payment: str, principal: Principal) -> None:
        """Let a review be decided by the one who has claimed it, while somebody has.

        :raises Problem: 409 when that is another person.
        """
        office = self._services.office
        seq = office.ids.decode(public.Kind.PAYMENT, payment)
        async with office.connection() as connection:
            await refuse_when_held(connection, office.settings.lane, seq, principal.person, office.now())


class BatchRoute:
    """Many commands in one request, carried out in order, each with its own outcome."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, principal: Principal, named: str, body: bytes) -> Answer:  # noqa: ARG002 - items name theirs
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


HotRoute = CommandRoute | BatchRoute


def hot_routes(services: Services) -> dict[str, HotRoute]:
    """The routes by path; ``{payment}``, ``{account}``, ``{customer}`` stand for an id."""
    of_payments: dict[str, tuple[type[Body], type[Body]]] = {
        "clear": (bodies.ClearItem, bodies.Clear),
        "release": (bodies.ReleaseItem, bodies.Release),
        "cancel": (bodies.CancelItem, bodies.Cancel),
        "refund": (bodies.RefundItem, bodies.Refund),
        "return": (bodies.ReturnItem, bodies.Return),
        "chargeback": (bodies.ChargebackItem, bodies.Chargeback),
        "label": (bodies.LabelItem, bodies.Label),
    }
    return {
        "/v1/customers": CommandRoute(services, bodies.OpenCustomerItem),
        "/v1/accounts": CommandRoute(services, bodies.OpenAccountItem),
        "/v1/deposits": CommandRoute(services, bodies.DepositItem),
        "/v1/withdrawals": CommandRoute(services, bodies.WithdrawItem),
        "/v1/payments": CommandRoute(services, bodies.PayItem),
        **{f"/v1/payments/{{payment}}/{end}": CommandRoute(services, *pair) for end, pair in of_payments.items()},
        "/v1/accounts/{account}/freeze": CommandRoute(services, control_bodies.FreezeItem, control_bodies.Freeze),
        "/v1/accounts/{account}/close": CommandRoute(services, control_bodies.CloseItem, control_bodies.Close),
        "/v1/batch": BatchRoute(services),
        **_dangerous(services),
    }


def _dangerous(services: Services) -> dict[str, HotRoute]:
    approvers = Approvers(
        services.lane, services.settings.lane, services.ids, services.policy, services.journal, services.monotonic_s
    )

    def route(item: type[Body], body: type[Body] | None = None) -> DangerousRoute:
        return DangerousRoute(services, approvers, item, body)

    return {
        "/v1/payments/{payment}/review-decision": route(control_bodies.DecideItem, control_bodies.Decide),
        "/v1/payments/{payment}/recover": route(control_bodies.RecoverItem, control_bodies.Recover),
        "/v1/accounts/{account}/unfreeze": route(control_bodies.UnfreezeItem, control_bodies.Unfreeze),
        "/v1/customers/{customer}/tier": route(control_bodies.SetTierItem, control_bodies.SetTier),
        "/v1/customers/{customer}/limits": route(control_bodies.SetLimitItem, control_bodies.SetLimit),
        "/v1/suspense/move": route(control_bodies.MoveSuspense),
        "/v1/approval-rules": route(control_bodies.SetApprovals),
        "/v1/models/{model}/publication": route(control_bodies.PublishModelItem, control_bodies.PublishModel),
        "/v1/models/withdrawal": route(control_bodies.WithdrawModel),
    }


def _terms(services: Services, principal: Principal) -> Terms:
    settings = services.settings
    return Terms(
        principal.client, services.tiers(), settings.payload_bytes, services.marks, principal.person,
        access.operates(principal), bool(settings.sandbox),
    )  # fmt: skip


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
