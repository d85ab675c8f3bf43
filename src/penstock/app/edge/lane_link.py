"""The link to the lane: who waits for which reply, and what they are told when none comes.

A request that was sent and not answered has an unknown outcome: its caller hears so at once when
the lane goes, or after the reply time-out, and retries with the same id. A request that the lane cannot take in time is
refused whole, before anything of it is sent; of a batch that is let in everything is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import structlog
from numpy.typing import NDArray

from penstock.app.edge.waiting import WaitingLimit
from penstock.contracts.commands import COMMAND, REPLY
from penstock.contracts.lane_port import Reply, Told
from penstock.kit.http.problem import Problem, too_many, unavailable
from penstock.kit.ring import LaneAway, RingClient, whole
from penstock.kit.settings import Settings

log = structlog.get_logger()

#: A token is the request's number and, in its lower bits, the command's place in the request.
_PLACE_BITS: Final = 20
_PLACES: Final = (1 << _PLACE_BITS) - 1
_FIRST_PAUSE_S: Final = 0.02
_LONGEST_PAUSE_S: Final = 0.5
#: Pause before the rest of a batch is offered again to a full ring.
_FULL_PAUSE_S: Final = 0.001
#: Most single requests that travel together: the lane works on the first of them while the next are read.
_TOGETHER: Final = 8
#: Up to so many replies are handed out one by one, unless they begin with a batch's: numpy is dearer for these.
_FEW: Final = 128
#: How exactly the reply time-out is kept. One look at all that wait is cheaper than a timer for each.
_TIMEKEEPING_S: Final = 0.1
#: How often is looked whether a newer lane has taken the socket's path.
_TAKEOVER_LOOK_S: Final = 0.25


class _One:
    """A request with one command: its future gets the reply and its payload."""

    __slots__ = ("deadline_s", "future")

    def __init__(self, future: asyncio.Future[tuple[Reply, bytes]], deadline_s: float) -> None:
        self.future = future
        self.deadline_s = deadline_s

    def hear(self, reply: Reply, payload: bytes) -> None:
        if not self.future.done():
            self.future.set_result((reply, payload))

    def fail(self, problem: Problem) -> None:
        if not self.future.done():
            self.future.set_exception(problem)


class _Then:
    """A request with one command, of somebody who is told at once instead of waiting."""

    __slots__ = ("deadline_s", "fail", "hear")

    def __init__(self, told: Told, deadline_s: float) -> None:
        self.hear, self.fail = told.hear, told.fail
        self.deadline_s = deadline_s


class _Many:
    """A request with many commands: its future gets all replies, in the order of the commands."""

    __slots__ = ("deadline_s", "future", "left", "replies")

    def __init__(self, future: asyncio.Future[NDArray[Any]], deadline_s: float, count: int) -> None:
        self.future = future
        self.deadline_s = deadline_s
        self.replies: NDArray[Any] = np.zeros(count, dtype=REPLY)
        self.left = count

    def take(self, replies: NDArray[Any]) -> None:
        whole(self.replies)[replies["token"] & _PLACES] = whole(replies)
        self.left -= len(replies)
        if self.left == 0 and not self.future.done():
            self.future.set_result(self.replies)

    def fail(self, problem: Problem) -> None:
        if not self.future.done():
            self.future.set_exception(problem)


class LaneLink:
    """Implements ``contracts.lane_port.Lane`` on a ring; use it from one event loop only."""

    def __init__(self, settings: Settings, socket_path: Path) -> None:
        self._settings = settings
        self._path = socket_path
        self._ring: RingClient | None = None
        self._limit = self._new_limit()
        self._to_follow = 0  # commands of the batch that the ring has not wholly taken yet
        self._waiters: dict[int, _One | _Then | _Many] = {}
        self._number = 0
        self._singles: list[tuple[bytes, bytes, int]] = []
        self._broken = asyncio.Event()
        self._connected_to: tuple[int, int] | None = None
        #: Called after each connection, before requests are let through.
        self.on_connected: Callable[[], Any] = _nothing
        self.late_replies = 0
        self.refused = 0
        self.unknown_outcomes = 0

    @property
    def connected(self) -> bool:
        """Whether a lane is there."""
        return self._ring is not None

    @property
    def waiting(self) -> int:
        """Requests that wait for the lane."""
        return len(self._waiters)

    # --- asking

    async def ask(self, command: bytes, payload: bytes = b"") -> tuple[Reply, bytes]:
        """Send one ``COMMAND`` record; requests of one turn of the event loop travel together.

        :raises Problem: 429 or 503, see ``contracts.lane_port.Lane``.
        """
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        self._let_in(now_s, batch=False)
        waiter = _One(loop.create_future(), now_s + self._settings.reply_timeout_s)
        number = self._put(waiter, command, payload, loop)
        try:
            return await waiter.future
        finally:
            self._waiters.pop(number, None)

    def ask_then(self, command: bytes, payload: bytes, told: Told) -> None:
        """Send one ``COMMAND`` record, which travels as those of ``ask`` do.

        :raises Problem: 429 or 503, nothing was sent; whatever comes later, ``told`` hears.
        """
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        self._let_in(now_s, batch=False)
        self._put(_Then(told, now_s + self._settings.reply_timeout_s), command, payload, loop)

    def _put(self, waiter: _One | _Then, command: bytes, payload: bytes, loop: asyncio.AbstractEventLoop) -> int:
        number = self._next_number()
        self._waiters[number] = waiter
        if not self._singles:
            loop.call_soon(self._flush)
        self._singles.append(((number << _PLACE_BITS).to_bytes(8, "little") + command[8:], payload, number))
        if len(self._singles) >= _TOGETHER:
            self._flush()
        return number

    async def ask_many(self, commands: NDArray[Any], payloads: Sequence[bytes] | None) -> NDArray[Any]:
        """Send many records in slices, as the ring takes them; their tokens are set in place.

        :raises Problem: 429 or 503, see ``contracts.lane_port.Lane``.
        """
        number, loop = self._next_number(), asyncio.get_running_loop()
        self._let_in(loop.time(), batch=True)
        commands["token"] = (number << _PLACE_BITS) + np.arange(len(commands))
        sent = self._send(commands, payloads)
        if sent == 0:
            raise self._refuse()
        deadline_s = loop.time() + self._settings.reply_timeout_s
        waiter = self._waiters[number] = _Many(loop.create_future(), deadline_s, len(commands))
        try:
            await self._send_rest(number, commands, payloads, sent)
            return await waiter.future
        finally:
            self._waiters.pop(number, None)
            if waiter.future.done() and not waiter.future.cancelled():
                waiter.future.exception()  # may have been told twice; asyncio wants it to be looked at

    def let_in_batch(self) -> None:
        """Refuse a batch before it is read, if ``ask_many`` would refuse it now.

        :raises Problem: 429 or 503; nothing was done.
        """
        self._let_in(asyncio.get_running_loop().time(), batch=True)

    def _let_in(self, now_s: float, *, batch: bool) -> None:
        under_way = self._need_ring().in_flight + self._to_follow
        if self._to_follow and batch:
            raise self._refuse()  # the ring is full, and another batch's rest comes first
        if self._limit.refuses(under_way, now_s, batch=batch):
            raise self._refuse()

    def _refuse(self) -> Problem:
        self.refused += 1
        return too_many("ring_full", "The lane is busy", "Nothing was done; send the request again after Retry-After.")

    def _new_limit(self) -> WaitingLimit:
        return WaitingLimit(self._settings.lane_wait_s, self._settings.lane_patience_s)

    def _need_ring(self) -> RingClient:
        if self._ring is None:
            raise unavailable("lane_away", "The lane is away", "Nothing was sent; send the request again.")
        return self._ring

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    async def keep_time(self) -> None:
        """Tell those whose lane does not answer in time; runs until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(_TIMEKEEPING_S, self._settings.reply_timeout_s / 2))
            now_s = loop.time()
            late = [number for number, waiter in self._waiters.items() if waiter.deadline_s < now_s]
            self.unknown_outcomes += len(late)
            for number in late:
                self._fail(number, _unknown())

    def _send(self, commands: NDArray[Any], payloads: Sequence[bytes] | None) -> int:
        try:
            sent = self._need_ring().send(commands, payloads)
        except LaneAway:
            self._lose()
            raise _unknown() from None
        if sent:
            self._limit.sent(sent, asyncio.get_running_loop().time())
        return sent

    async def _send_rest(
        self, number: int, commands: NDArray[Any], payloads: Sequence[bytes] | None, sent: int
    ) -> None:
        try:
            while sent < len(commands):
                self._to_follow = len(commands) - sent
                await asyncio.sleep(_FULL_PAUSE_S)
                if number not in self._waiters:
                    return  # the lane went, or the time is over: the waiter has been told
                sent += self._send(commands[sent:], payloads[sent:] if payloads is not None else None)
        finally:
            self._to_follow = 0

    def _flush(self) -> None:
        """Send what single requests have gathered in this turn."""
        singles, self._singles = self._singles, []
        if self._ring is None or not singles:
            return  # their waiters were told when the lane went, or they have been sent
        records, payloads, _ = zip(*singles, strict=True)
        try:
            sent = self._ring.send_few(records, payloads)
        except LaneAway:
            self._lose()
            return
        if sent:
            self._limit.sent(sent, asyncio.get_running_loop().time())
        for _, _, number in singles[sent:]:
            self._fail(number, self._refuse())

    # --- hearing

    def _hear(self) -> None:
        assert self._ring is not None
        try:
            replies, payloads = self._ring.receive()
        except LaneAway:
            self._lose()
            return
        if not len(replies):
            return
        self._limit.answered(len(replies), asyncio.get_running_loop().time())
        if len(replies) <= _FEW and not isinstance(self._waiter_of(replies), _Many):
            self._hear_each(replies, payloads)
        else:
            self._hear_runs(replies, payloads)

    def _waiter_of(self, replies: NDArray[Any]) -> _One | _Then | _Many | None:
        """Who waits for the first of some replies."""
        return self._waiters.get(int(replies["token"][0]) >> _PLACE_BITS)

    def _hear_each(self, replies: NDArray[Any], payloads: list[bytes]) -> None:
        for place, record in enumerate(replies.tolist()):
            number = record[0] >> _PLACE_BITS
            waiter = self._waiters.get(number)
            if isinstance(waiter, _Many):
                waiter.take(replies[place : place + 1])
            else:
                self._tell(number, record, payloads[place])

    def _hear_runs(self, replies: NDArray[Any], payloads: list[bytes]) -> None:
        """Replies of a batch come one after another, and are copied as one."""
        numbers = replies["token"] >> _PLACE_BITS
        starts = np.flatnonzero(np.diff(numbers, prepend=-1)).tolist()
        owners = numbers[starts].tolist()
        for start, end, number in zip(starts, [*starts[1:], len(replies)], owners, strict=True):
            waiter = self._waiters.get(number)
            if isinstance(waiter, _Many):
                waiter.take(replies[start:end])
            elif waiter is None:
                self.late_replies += end - start
            else:
                self._tell(number, replies[start].item(), payloads[start])

    def _tell(self, number: int, record: tuple[Any, ...], payload: bytes) -> None:
        """Tell whom a single reply is for, who then waits no more."""
        waiter = self._waiters.pop(number, None)
        if waiter is None:
            self.late_replies += 1
            return
        assert not isinstance(waiter, _Many), "those take their replies themselves"
        waiter.hear(Reply._make(record), payload)

    def _fail(self, number: int, problem: Problem) -> None:
        waiter = self._waiters.pop(number, None)
        if waiter is not None:
            waiter.fail(problem)

    def _lose(self) -> None:
        """The lane has gone: tell everybody who waits, and start to look for the next one."""
        if self._ring is None:
            return
        asyncio.get_running_loop().remove_reader(self._ring.fileno())
        self._ring.close()
        self._ring = None
        self.unknown_outcomes += len(self._waiters)
        for number in list(self._waiters):
            self._fail(number, _unknown())
        self._broken.set()
        log.warning("lane_lost", lane=self._settings.lane)

    # --- staying connected

    async def keep_connected(self) -> None:
        """Connect, and connect again whenever the lane has gone; runs until it is cancelled."""
        pause_s = _FIRST_PAUSE_S
        while True:
            if not self._connect():
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                continue
            pause_s = _FIRST_PAUSE_S
            log.info("lane_connected", lane=self._settings.lane)
            self.on_connected()
            await self._stay()
            await asyncio.sleep(pause_s)

    async def _stay(self) -> None:
        """Return when the lane has gone, or has been taken over.

        A lane that hangs keeps its socket open, so it is the path that tells of a newer one, which has fenced it.
        """
        while not self._broken.is_set():
            try:
                async with asyncio.timeout(_TAKEOVER_LOOK_S):
                    await self._broken.wait()
            except TimeoutError:
                found = _identity(self._path)
                if found is not None and found != self._connected_to:
                    log.warning("lane_taken_over", lane=self._settings.lane)
                    self._hear()  # what it has answered counts
                    self._lose()

    def _connect(self) -> bool:
        settings = self._settings
        self._connected_to = _identity(self._path)  # before connecting: a lane that comes in between is noticed later
        try:
            ring = RingClient.connect(
                self._path,
                slots=settings.ring_slots,
                payload_bytes=settings.payload_bytes,
                command=COMMAND,
                reply=REPLY,
            )
        except LaneAway:
            return False
        self._ring, self._limit = ring, self._new_limit()
        self._broken.clear()
        asyncio.get_running_loop().add_reader(ring.fileno(), self._hear)
        return True

    def close(self) -> None:
        """Leave the lane."""
        self._lose()


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells one lane's socket from the next one's at the same path, None = there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_ctime_ns


def _nothing() -> None:
    return


def _unknown() -> Problem:
    detail = "The lane did not answer. Retry with the same id: the command takes effect once, and you get its outcome."
    return unavailable("outcome_unknown", "The outcome is unknown", detail)
