"""The hot routes: a body in, an outcome out. They know nothing of sockets, so any caller can try them."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from penstock.contracts import ids as public
from penstock.contracts.commands import Status
from penstock.contracts.lane_port import Reply, Told
from penstock.contracts.principal import Principal
from penstock.contracts.words import KINDS
from penstock.kit.http.asgi import JSON, Answer, Media
from penstock.kit.http.problem import from_decoding, not_found, wrong_field
from penstock.office.approvals.actions import Wish, request
from penstock.office.claims.actions import refuse_when_held
from penstock.process.commands import access, approving, bodies, control_bodies, rules, store
from penstock.process.commands.approving import Approvers
from penstock.process.commands.batch import BatchRoute
from penstock.process.commands.bodies import Body
from penstock.process.commands.outcome import from_row, http_status, outcome, refusal_problem
from penstock.process.commands.services import Services, spare_old_id, terms_of
from penstock.process.commands.translate import FIXES, kind_of, translate

_ID_HI: Final = struct.Struct("<q")
_REFUSED: Final = int(Status.REFUSED)
_REPLAYED: Final = int(Status.REPLAYED)


class Asked(NamedTuple):
    """One command as the lane is asked: the caller's id, the ``COMMAND`` record and its payload."""

    command_id: str
    record: bytes
    payload: bytes

    @property
    def id_hi(self) -> int:
        """The upper half of the id."""
        return _ID_HI.unpack_from(self.record, 8)[0]  # type: ignore[no-any-return]


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

    async def __call__(self, principal: Principal, named: str, body: bytes, media: Media = JSON) -> Answer:  # noqa: ARG002 - JSON alone
        """Carry the command out.

        :param named: the payment, account or customer that the path names, or empty.
        :raises Problem: when nothing was decided, or the outcome is unknown.
        """
        return await self._ask(self.prepare(principal, named, body))

    def prepare(self, principal: Principal, named: str, body: bytes) -> Asked:
        """What the lane is to be asked.

        :raises Problem: 400, 403 or 422.
        """
        item = self._decode(body, named)
        access.check(principal, [kind_of(item)])
        return self._translated(item, principal)

    def send(self, asked: Asked, told: Told) -> None:
        """Ask the lane; ``told`` hears what it replies.

        :raises Problem: 429 or 503.
        """
        spare_old_id(self._services, asked.id_hi)
        self._services.lane.ask_then(asked.record, asked.payload, told)

    def answer(self, reply: Reply, command_id: str) -> Answer:
        """The answer that a (completed) reply means.

        :raises Problem: when the lane has refused the id.
        """
        if reply.status == _REFUSED:
            raise refusal_problem(reply, command_id)
        return Answer(http_status(reply), msgspec.json.encode(outcome(reply, command_id, self._services.ids)))

    async def completed(self, reply: Reply) -> Reply:
        """A replayed reply, with the journal's row of the first time; any other as it is."""
        if reply.status != _REPLAYED:
            return reply
        services = self._services
        async with services.journal() as connection:
            found = await store.rows(connection, services.settings.lane, [reply.seq])
        return from_row(reply, found[reply.seq])

    def check(self, principal: Principal, named: str, body: bytes) -> None:
        """Refuse what could not be sent anyway, before a key is stored for it.

        :raises Problem: 400 or 422, as a call would.
        """
        translate(self._decode(body, named), self._services.ids, terms_of(self._services, principal))

    def _translated(self, item: Body, principal: Principal) -> Asked:
        return Asked(item.id, *translate(item, self._services.ids, terms_of(self._services, principal)))

    async def _ask(self, asked: Asked) -> Answer:
        spare_old_id(self._services, asked.id_hi)
        reply, _ = await self._services.lane.ask(asked.record, asked.payload)
        return self.answer(await self.completed(reply), asked.command_id)

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

    async def __call__(self, principal: Principal, named: str, body: bytes, media: Media = JSON) -> Answer:  # noqa: ARG002 - JSON alone
        """Carry the command out, or ask others to approve it.

        :raises Problem: when nothing was decided or asked for, or the outcome is unknown.
        """
        item = self._decode(body, named)
        kind = kind_of(item)
        access.may_ask(principal, kind)
        item = await self._complete(item)
        asked = self._translated(item, principal)
        if isinstance(item, control_bodies.DecideItem):
            await self._respect_claim(item.payment, principal)
        operation, needed = await self._approvers.needed(item)
        if needed == 0:
            return await self._ask(asked)
        about = approving.object_of(item)
        wish = Wish(
            operation, about.kind, about.id, uuid.UUID(item.id), principal.client, principal.person,
            asked.record, asked.payload, approving.summary(item, KINDS[kind]), needed,
        )  # fmt: skip
        office = self._services.office
        async with office.connection() as connection:
            wished = await request(connection, wish, office.now(), office.settings, office.ids)
        return Answer(202 if wished.ended is None else 200, msgspec.json.encode(wished))

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


HotRoute = CommandRoute | BatchRoute


def prompt_routes(routes: Mapping[str, HotRoute]) -> dict[str, CommandRoute]:
    """Those of the hot routes that need nobody but the lane."""
    return {path: route for path, route in routes.items() if type(route) is CommandRoute}


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
