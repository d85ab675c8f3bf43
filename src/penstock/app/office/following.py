"""How the tails follow the journal together: it is read once, and each tail is told which rows are for it.

One job reads stretch after stretch and lets every tail that is in step look at it. Those that want nothing of it are
moved on together, in one transaction. For the others the span is put down, and the tail's own job handles it, in a
transaction that moves the tail's cursor: a tail that is slow, or fails, holds up nobody, and what it has to do stays
put down. A tail that is not in step (the process began, too much is put down, its look failed, another process moved its
cursor) reads for itself from its cursor until it has come to where the common reader is.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog

from penstock.app.office.jobs import Job, Services
from penstock.app.office.pace import Pace
from penstock.journal import stretches, tails
from penstock.journal.stretches import Stretch
from penstock.journal.tails import Connection, Span, Tail

log = structlog.get_logger()

READER: Final = "tails"
#: Between two looks for new rows: at 100,000 rows/s one look finds a full stretch.
_PAUSE_S: Final = 0.2
#: How long a tail's job waits for something to do before it says that it is well.
_WAIT_S: Final = 2.0
#: Stretches that are kept for tails close behind the reader.
_KEPT: Final = 3
#: What may be put down for one tail; beyond, it reads for itself again.
_MOST_SPANS: Final = 2_000
_MOST_WANTED: Final = 1_000_000


@dataclass
class _Place:
    """Where a tail is: ``seen`` = up to where the reader has looked for it, -1 = it is not in step; what is put down for it."""

    tail: Tail
    seen: int = -1
    warm: bool = False
    todo: deque[Span] = field(default_factory=deque)
    wanted: int = 0
    called: asyncio.Event = field(default_factory=asyncio.Event)

    def put_down(self, span: Span, most_wanted: int) -> None:
        """Note a span that the tail has to handle, or to pass over after what it has to handle."""
        self.todo += span.parts(most_wanted)
        self.wanted += len(span.seqs)
        self.seen = span.until
        if len(self.todo) > _MOST_SPANS or self.wanted > _MOST_WANTED:
            log.warning("tail_far_behind", tail=self.tail.name, rows=span.until - self.todo[0].after)
            self.out_of_step()

    def next_span(self, most_wanted: int) -> Span:
        """The spans put down, as one, as far as not too much is wanted of them."""
        first = self.todo[0]
        seqs, until = list(first.seqs), first.until
        for span in list(self.todo)[1:]:
            if len(seqs) + len(span.seqs) > most_wanted:
                break
            seqs += span.seqs
            until = span.until
        return Span(first.lane, first.after, until, seqs)

    async def is_called(self) -> bool:
        """Wait until there is something to do, for a while; whether there is."""
        self.called.clear()
        try:
            await asyncio.wait_for(self.called.wait(), _WAIT_S)
        except TimeoutError:
            return False
        return True

    def handled(self, done: Span) -> None:
        """Take away what was handled."""
        while self.todo and self.todo[0].until <= done.until:
            self.wanted -= len(self.todo.popleft().seqs)

    def out_of_step(self) -> None:
        """Let the tail read for itself, from its cursor."""
        self.seen, self.wanted = -1, 0
        self.todo.clear()
        self.called.set()


class Following:
    """The common reader and its tails; owned by one event loop."""

    def __init__(self, followers: Sequence[Tail]) -> None:
        self._places = [_Place(tail) for tail in followers]
        self._seq = -1  # where the reader is
        self._kept: deque[Stretch] = deque(maxlen=_KEPT)
        self._pace = Pace()

    def jobs(self) -> list[Job]:
        """The job of the reader, and one for each tail."""
        own = [Job(f"tail:{place.tail.name}", partial(self._work, place), _PAUSE_S) for place in self._places]
        return [Job(READER, self._read_on, _PAUSE_S), *own]

    def _in_step(self, place: _Place) -> bool:
        return place.seen == self._seq >= 0

    async def _read_on(self, services: Services) -> bool:
        """Read the next stretch for all that are in step; true when there is more at once."""
        begun_s, settings = time.monotonic(), services.office.settings
        async with services.office.connection() as connection:
            last_seq = await tails.last_seq(connection, services.lane)
            self._pace.look(last_seq, begun_s)
            in_step = [place for place in self._places if self._in_step(place)]
            until = min(self._seq + settings.tail_rows, last_seq)
            if not in_step or until <= self._seq:
                return False
            stretch = await self._stretch(connection, services.lane, self._seq, until)
            await self._let_look(connection, in_step, stretch, settings.tail_handled_rows)
        self._seq = stretch.until
        for place in self._places:
            if place.todo or not self._in_step(place):
                place.called.set()
        worked_s = time.monotonic() - begun_s
        await asyncio.sleep(self._pace.rest_s(worked_s, settings.tail_busy_rows_per_second, settings.tail_share))
        return last_seq - self._seq >= settings.tail_rows

    async def _stretch(self, connection: Connection, lane: int, after: int, until: int) -> Stretch:
        """A stretch, from those that are kept if it begins in one; it may then end before ``until``."""
        for kept in self._kept:
            if kept.after <= after < kept.until:
                return kept.part(after, min(until, kept.until))
        found = await stretches.read(connection, lane, after, until)
        if after == self._seq:
            self._kept.append(found)
        return found

    async def _let_look(self, connection: Connection, in_step: Sequence[_Place], stretch: Stretch, most_wanted: int) -> None:
        """Let tails look at a stretch: put the span down for those that want some of it, and move the others on."""
        idle = []
        for place in in_step:
            try:
                span = await tails.choose(connection, place.tail, stretch)
            except Exception:
                log.exception("tail_cannot_look", tail=place.tail.name)
                place.out_of_step()
                continue
            if span.seqs or place.todo:
                place.put_down(span, most_wanted)
            else:
                idle.append(place)
        await self._move(connection, idle, Span(stretch.lane, stretch.after, stretch.until))

    async def _move(self, connection: Connection, idle: Sequence[_Place], span: Span) -> None:
        if not idle:
            return
        moved = await tails.move(connection, [place.tail.name for place in idle], span)
        for place in idle:
            if place.tail.name in moved:
                place.seen = span.until
            else:
                place.out_of_step()

    async def _work(self, place: _Place, services: Services) -> bool:
        """A step of a tail's own job: what is put down for it, or reading for itself, or waiting for either."""
        if self._in_step(place) and not place.todo and not await place.is_called():
            return True
        settings = services.office.settings
        await asyncio.sleep(self._pace.wait_s(time.monotonic()))
        begun_s = time.monotonic()
        async with services.office.connection() as connection:
            moved = await (self._handle if place.todo else self._catch_up)(connection, place, services)
        now_s = time.monotonic()
        self._pace.spend(now_s - begun_s, now_s, settings.tail_busy_rows_per_second, settings.tail_share)
        return moved

    async def _handle(self, connection: Connection, place: _Place, services: Services) -> bool:
        """Handle what is put down; false when the cursor is not where that begins."""
        span = place.next_span(services.office.settings.tail_handled_rows)
        if await tails.follow(connection, place.tail, span):
            place.handled(span)
            return True
        log.warning("tail_moved_by_another", tail=place.tail.name)
        place.out_of_step()
        return False

    async def _catch_up(self, connection: Connection, place: _Place, services: Services) -> bool:
        """Read for itself up to where the reader is, and fall into step there; whether it came on."""
        lane, tail = services.lane, place.tail
        await tails.begin(connection, lane, [tail.name])
        if self._seq < 0:
            await self._find_place(connection, lane)
        before = await tails.position(connection, tail.name, lane)
        if not place.warm and tail.warm is not None:
            await tail.warm(connection, lane, before.seq)
        place.warm = True
        rows = services.office.settings.tail_rows
        now = await tails.advance(connection, tail, lane, rows, read=self._stretch, end=self._seq)
        if now.seq > self._seq and not any(map(self._in_step, self._places)):
            self._seq = now.seq  # another process has taken all tails further
        if now.seq == self._seq:
            place.seen = now.seq
        return self._in_step(place) or now.seq > before.seq

    async def _find_place(self, connection: Connection, lane: int) -> None:
        """Begin to read where the tail is that is furthest."""
        found = await tails.positions(connection, lane)
        cursors = [found[place.tail.name].seq for place in self._places if place.tail.name in found]
        if self._seq < 0:
            self._seq = max(cursors, default=0)
