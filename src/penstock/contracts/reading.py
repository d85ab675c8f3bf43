"""What every reading route is given: the lane for what is true now, the journal for what happened."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from penstock.contracts import ids as public
from penstock.contracts.commands import Query, Status
from penstock.contracts.ids import BadPublicId, PublicIds
from penstock.contracts.lane_port import Lane, query
from penstock.contracts.policy import Policy
from penstock.contracts.principal import Principal
from penstock.kit.http.problem import wrong_field


@dataclass(frozen=True)
class Reading:
    """The services of reading routes."""

    lane: Lane
    lane_number: int
    ids: PublicIds
    #: A connection that reads the journal.
    journal: Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]]
    #: The policy in force.
    policy: Callable[[], Policy]
    page_entries: int
    #: The time of now, µs since 1970.
    time_us: Callable[[], int]

    async def ask(self, kind: Query, principal: Principal, number: int) -> tuple[bytes | None, int]:
        """Ask the lane: the answer's numbers, None when it is unknown or not the caller's; and as of which sequence."""
        command = query(kind, principal.client, number, operates=principal.operates)
        reply, payload = await self.lane.ask(command)
        return (payload if reply.status == Status.ANSWERED else None), reply.as_of_seq

    def decode(self, kind: public.Kind, field: str, text: str) -> int:
        """The index of a public id in a path.

        :raises Problem: 422, naming the field.
        """
        try:
            return self.ids.decode(kind, text)
        except BadPublicId as error:
            raise wrong_field(field, str(error), f"send the {kind.name.lower()} id as it was given to you") from error

    def account(self, index: int) -> str:
        """An account's public id, empty for 0."""
        return self.ids.encode(public.Kind.ACCOUNT, index) if index else ""
