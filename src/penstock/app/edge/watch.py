"""Watching the lane: its counters each second, rates from their differences, and the policy in force."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from penstock.app.edge.database import Database
from penstock.app.edge.lane_link import LaneLink
from penstock.contracts.commands import Query
from penstock.contracts.lane_port import StatusAnswer, query, status_answer
from penstock.contracts.policy import Policy, decode_policy
from penstock.kit.http.problem import Problem, unavailable

log = structlog.get_logger()

_PAUSE_S: Final = 1.0
_POLICY: Final = "SELECT body FROM journal_side WHERE lane = %s AND seq = %s"


class Watch:
    """What is known of the lane. Everything here is at most a second old while the lane is there."""

    def __init__(self, lane: LaneLink, database: Database, lane_number: int, monotonic_s: Callable[[], float]) -> None:
        self._lane = lane
        self._database = database
        self.lane_number = lane_number
        self._monotonic_s = monotonic_s
        self._wake = asyncio.Event()
        self._policy: Policy | None = None
        self._policy_key: tuple[int, int] = (0, 0)
        self._tiers: dict[str, int] = {}
        self._sampled_s = 0.0
        self.status: StatusAnswer | None = None
        self.rows_per_second = 0.0

    def policy(self) -> Policy:
        """The policy in force.

        :raises Problem: 503 before it is known.
        """
        if self._policy is None:
            raise unavailable("starting", "The edge is starting", "Nothing was sent; send the request again.")
        return self._policy

    def tiers(self) -> dict[str, int]:
        """The tiers of the policy in force, name → index.

        :raises Problem: 503 before it is known.
        """
        self.policy()
        return self._tiers

    @property
    def ready(self) -> bool:
        """Whether a policy is known."""
        return self._policy is not None

    def wake(self) -> None:
        """Look at once, as after a new connection."""
        self._wake.set()

    async def keep_watching(self) -> None:
        """Look each second; runs until it is cancelled."""
        while True:
            try:
                async with asyncio.timeout(_PAUSE_S):
                    await self._wake.wait()
            except TimeoutError:
                pass  # a second has passed
            self._wake.clear()
            if self._lane.connected:
                await self._look()

    async def ask(self) -> StatusAnswer:
        """The lane's status now.

        :raises Problem: 503 when the lane is away.
        """
        _, payload = await self._lane.ask(query(Query.STATUS, 0, 0, operates=True))
        return status_answer(payload)

    async def _look(self) -> None:
        try:
            status = await self.ask()
            await self._learn_policy(status)
        except Problem as problem:
            log.info("lane_not_seen", problem=problem.kind)
            return
        now_s = self._monotonic_s()
        before, self.status = self.status, status
        if before is not None and before.counters.epoch == status.counters.epoch:
            rows = status.counters.rows - before.counters.rows
            self.rows_per_second = max(rows, 0) / max(now_s - self._sampled_s, 1e-3)
        self._sampled_s = now_s

    async def _learn_policy(self, status: StatusAnswer) -> None:
        key = (status.counters.policy_version, status.policy_seq)
        if key == self._policy_key:
            return
        async with self._database.connection() as connection:
            found = await (await connection.execute(_POLICY, (self.lane_number, status.policy_seq))).fetchone()
        if found is None:
            log.error("policy_missing", seq=status.policy_seq, fix="run penstock verify")
            return
        self._policy = decode_policy(bytes(found[0]))
        self._tiers = {name: index for index, name in enumerate(self._policy.tiers)}
        self._policy_key = key
        log.info("policy_in_force", version=key[0], seq=key[1], name=self._policy.name)
