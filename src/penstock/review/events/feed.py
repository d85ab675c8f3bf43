"""Waiting for events: one look at the database for all who wait, a bound on how many do, and scans one at a time.

Nobody holds a connection while waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import structlog
from psycopg import AsyncConnection

from penstock.kit.http.problem import Problem, too_many
from penstock.review.events import store

log = structlog.get_logger()

#: Scans of one edge that run at the same time; the others wait their turn, so that reading events starves nobody.
_SCANS: Final = 2


class Feed:
    """How far events can be read, for those who wait. Owned by one event loop."""

    def __init__(
        self,
        journal: Callable[[], AbstractAsyncContextManager[AsyncConnection[Any]]],
        lane: int,
        look_s: float,
        polls: int,
        stopping: Callable[[], bool],
        monotonic_s: Callable[[], float],
    ) -> None:
        """``polls``: requests of one client that may wait; ``stopping``: whether the server wants to end."""
        self.journal = journal
        self.lane = lane
        self.monotonic_s = monotonic_s
        self.scans = asyncio.Semaphore(_SCANS)
        self._look_s = look_s
        self._most_polls = polls
        self._stopping = stopping
        self._waiting: Counter[int] = Counter()
        self._known = 0
        self._moved = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Requests that wait now."""
        return self._waiting.total()

    @contextlib.contextmanager
    def place(self, client: int) -> Iterator[None]:
        """A place among those of a client who may wait.

        :raises Problem: 429 when the client has no place left.
        """
        if self._waiting[client] >= self._most_polls:
            detail = f"At most {self._most_polls} requests of one client wait for events at one edge. Let one end first."
            raise too_many("polls_exceeded", "Too many requests wait for events", detail)
        self._waiting[client] += 1
        try:
            yield
        finally:
            self._waiting[client] -= 1
            self._waiting += Counter()  # forgets clients of whom nobody waits

    async def known_until(self) -> int:
        """The sequence up to which events can be read now."""
        async with self.journal() as connection:
            return await store.known_until(connection, self.lane)

    async def beyond(self, seq: int, timeout_s: float) -> bool:
        """Wait until events can be read beyond ``seq``; false when that took too long, or the server ends."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._known <= seq:
                    if self._stopping():
                        return False
                    if self._watch is None or self._watch.done():
                        self._watch = asyncio.create_task(self._look())
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True

    async def _look(self) -> None:
        """Look again and again while anybody waits; wake all after each change."""
        while self.waiting and not self._stopping():
            try:
                known = await self.known_until()
            except Problem as problem:  # those who wait go on waiting, within their time
                log.info("events_not_seen", problem=problem.kind)
                known = self._known
            if known != self._known:
                self._known = known
                self._wake()
            await asyncio.sleep(self._look_s)
        self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    def close(self) -> None:
        """Stop looking."""
        if self._watch is not None:
            self._watch.cancel()
