"""Dangerous commands: how many people must approve one before the lane is asked at all.

The lane counts approvals itself, whoever sends the command. What is decided here is only the way: at once when the
operation needs nobody else, and otherwise as a request that others approve (``office/approvals``).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, NamedTuple

import msgspec
from psycopg import AsyncConnection

from penstock.contracts import ids as public
from penstock.contracts.commands import Operation, Query, Status
from penstock.contracts.ids import PublicIds
from penstock.contracts.lane_port import Lane, approvals_answer, query
from penstock.contracts.office import MODEL_IN_FORCE
from penstock.contracts.policy import Policy
from penstock.kit.http.problem import not_found
from penstock.process.commands import control_bodies, store
from penstock.process.commands.bodies import Body

#: How long it is remembered how many approvers an operation needs.
_FRESH_S: Final = 1.0


class Object(NamedTuple):
    """What a request for approval concerns: ``payment``, ``account``, ``customer``, ``model`` or ``operation``, and which."""

    kind: str
    id: str


#: The operation that each dangerous body is, as far as the body alone tells.
_OPERATIONS: Final[dict[type[Body], Operation]] = {
    control_bodies.UnfreezeItem: Operation.UNFREEZE,
    control_bodies.SetTierItem: Operation.LIMITS,
    control_bodies.SetLimitItem: Operation.LIMITS,
    control_bodies.RecoverItem: Operation.RECOVER,
    control_bodies.MoveSuspense: Operation.RECOVER,
    control_bodies.DecideItem: Operation.REVIEW,
    control_bodies.SetApprovals: Operation.APPROVALS,
    control_bodies.PublishModelItem: Operation.PUBLISH,
    control_bodies.WithdrawModel: Operation.PUBLISH,
}
_OF_MODELS: Final = (control_bodies.PublishModelItem, control_bodies.WithdrawModel)


def object_of(item: Body) -> Object:
    """What a dangerous command is about."""
    if isinstance(item, control_bodies.SetApprovals):
        return Object("operation", item.operation)
    if isinstance(item, control_bodies.PublishModelItem):
        return Object("model", item.sha256)
    if isinstance(item, control_bodies.WithdrawModel):
        return Object("model", MODEL_IN_FORCE)
    for kind in ("payment", "account", "customer"):
        if (found := getattr(item, kind, None)) is not None:
            return Object(kind, found)
    raise AssertionError(f"{type(item).__name__} names nothing that could be shown to those who approve")


class Approvers:
    """How many people must approve a command. What the lane says is remembered for a second."""

    def __init__(
        self,
        lane: Lane,
        lane_number: int,
        ids: PublicIds,
        policy: Callable[[], Policy],
        journal: Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._lane = lane
        self._lane_number = lane_number
        self._ids = ids
        self._policy = policy
        self._journal = journal
        self._monotonic_s = monotonic_s
        self._needed: dict[Operation, int] = {}
        self._asked_s = float("-inf")

    async def needed(self, item: Body) -> tuple[Operation, int]:
        """The operation that a command is, and how many approvers it needs now.

        :raises Problem: 404 when what it is about does not exist.
        """
        operation = _OPERATIONS[type(item)]
        most = (await self._counts())[operation]
        if most == 0:
            return operation, 0
        if isinstance(item, control_bodies.SetApprovals):
            lowers = item.approvers < (await self._counts())[Operation[item.operation.upper()]]
            return operation, most if lowers else 0
        if isinstance(item, control_bodies.DecideItem):
            amount_minor = await self._amount_minor(item.payment)
            return operation, most if amount_minor > self._policy().review_approval_above else 0
        if not isinstance(item, _OF_MODELS):  # those have been looked up, or name none
            await self._find(item)
        return operation, most

    async def _counts(self) -> dict[Operation, int]:
        now_s = self._monotonic_s()
        if now_s - self._asked_s > _FRESH_S:
            _, payload = await self._lane.ask(query(Query.APPROVALS, 0, 0, operates=True))
            self._needed, self._asked_s = approvals_answer(payload), now_s
        return self._needed

    async def _find(self, item: Body) -> None:
        """Nobody shall be asked to approve something about what does not exist."""
        if isinstance(item, control_bodies.RecoverItem):
            await self._amount_minor(item.payment)
            return
        about = object_of(item)
        kind = {"account": Query.ACCOUNT, "customer": Query.CUSTOMER}[about.kind]
        index = self._ids.decode(public.Kind[about.kind.upper()], about.id)
        reply, _ = await self._lane.ask(query(kind, 0, index, operates=True))
        if reply.status != Status.ANSWERED:
            raise not_found(about.kind)

    async def _amount_minor(self, payment: str) -> int:
        """The amount that a payment was made for."""
        seq = self._ids.decode(public.Kind.PAYMENT, payment)
        async with self._journal() as connection:
            amount_minor = await store.amount_minor(connection, self._lane_number, seq)
        if amount_minor is None:
            raise not_found("payment")
        return amount_minor


def summary(item: Body, command: str) -> dict[str, Any]:
    """The command as people read it before they approve."""
    fields: dict[str, Any] = msgspec.to_builtins(item)
    if isinstance(item, control_bodies.WithdrawModel):
        fields["withdraw"] = True  # the same kind of command as putting one in force
    return {"command": command, **{name: value for name, value in fields.items() if name != "id" and value is not None}}
