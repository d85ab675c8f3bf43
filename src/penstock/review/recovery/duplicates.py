"""The tail that finds payments that repeat one before.

Hardly any payment looks like another, so it first looks in memory (``recent.py``) for one before with the same numbers.
Only such pairs are kept in the database and compared there by their words, in lane time. It is enough to keep each payment with
the nearest before it that looks alike, and one with words also with the nearest before it that has words: whatever came
before those was kept with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import structlog
from numpy.typing import NDArray

from penstock.contracts.commands import Kind
from penstock.journal import stretches
from penstock.journal.stretches import Mask, Stretch
from penstock.journal.tails import Connection, Span, Tail
from penstock.kit.settings import Settings
from penstock.review.recovery import finding, rules, store
from penstock.review.recovery.finding import Cleared, Ended
from penstock.review.recovery.recent import Looks, Recent, Seqs
from penstock.review.recovery.store import Closing

log = structlog.get_logger()

DUPLICATES: Final = "recovery-duplicates"
_SECOND_US: Final = 1_000_000
#: Rows that are read at once to fill the memory.
_FILL_ROWS: Final = 20_000


def duplicates_tail(settings: Settings) -> Tail:
    """Finds payments that repeat one before: a window of what cleared is kept in memory, what looks alike in the database."""
    search = _Search(settings)
    return Tail(DUPLICATES, search.handle, search.look, search.warm)


class _Search:
    """The memory of a window, and the pairs found in it that have not been handled."""

    def __init__(self, settings: Settings) -> None:
        self._window_us = settings.duplicate_window_s * _SECOND_US
        self._bare_us = min(settings.duplicate_bare_window_s * _SECOND_US, self._window_us)
        self._recent = Recent(settings.duplicate_recent_rows)
        self._pairs: dict[int, tuple[int, ...]] = {}  # clearing row → the clearing rows before it that look alike
        self._cut = False

    async def warm(self, connection: Connection, lane: int, seq: int) -> None:
        """Read the window before the row after ``seq``."""
        await self._cover(connection, lane, seq, await finding.time_from(connection, lane, max(seq, 1)))

    async def look(self, connection: Connection, stretch: Stretch) -> Mask:
        """Rows that cleared a payment that looks like one before, or that gave one back."""
        wanted = finding.gives_back(stretch)
        if not len(stretch.rows):
            return wanted
        time_us = int(stretch.column("time_us")[0])
        await self._cover(connection, stretch.lane, stretch.after, time_us)
        looks = await self._learn(connection, stretch)
        if len(looks.seqs):
            repeats = self._pair(looks, time_us)
            wanted[np.searchsorted(stretch.column("seq"), repeats)] = True
        return wanted

    async def handle(self, connection: Connection, span: Span) -> None:
        """Compare what looks alike by its words, and close the cases of what was given back."""
        wanted = set(span.seqs)
        self._pairs = {seq: before for seq, before in self._pairs.items() if seq > span.after}
        earlier = {before for seq in wanted for before in self._pairs.get(seq, ())}
        cleared = await finding.cleared(connection, _reaching(span, sorted(wanted | earlier)))
        await finding.remember(connection, span.lane, [(found, *rules.sameness(found)) for found in cleared])
        back = await finding.given_back(connection, span)
        await finding.set_gone(connection, span.lane, back)
        new = [found.payment for found in cleared if found.cleared_seq in wanted]
        await finding.add_repeated(connection, span.lane, new, self._window_us, self._bare_us)
        await store.close_duplicates(connection, [_given_back(ended, span.lane) for ended in back])
        await finding.forget(connection, span.lane, await finding.last_time_us(connection, span) - self._window_us)

    def _pair(self, looks: Looks, time_us: int) -> Seqs:
        """Note which payments look like one before, and like which; their clearing rows."""
        full, bare = self._since(time_us - self._window_us), self._since(time_us - self._bare_us)
        nearest, worded = self._recent.nearest(looks.seqs, np.where(looks.wordless, bare, full))
        found = np.flatnonzero(nearest)
        for seq, *before in zip(looks.seqs[found].tolist(), nearest[found].tolist(), worded[found].tolist(), strict=True):
            self._pairs[seq] = tuple({one for one in before if one})
        return looks.seqs[found]

    def _since(self, time_us: int) -> int:
        since = self._recent.since(time_us)
        return self._recent.first if since is None else since

    async def _cover(self, connection: Connection, lane: int, after: int, time_us: int) -> None:
        """See that the memory knows the window before a time and reaches up to ``after``."""
        window_us = time_us - self._window_us
        known = self._recent.since(window_us) is not None or self._recent.full()
        if known and self._recent.first <= after <= self._recent.until:
            return
        begin = max(await finding.row_before_us(connection, lane, window_us, after) - 1, 0)
        if not known or not max(self._recent.first, begin) <= self._recent.until <= after:
            self._recent.reset(begin)
        for start in range(self._recent.until, after, _FILL_ROWS):
            await self._learn(connection, await stretches.read(connection, lane, start, min(start + _FILL_ROWS, after)))

    async def _learn(self, connection: Connection, stretch: Stretch) -> Looks:
        """Take what cleared in a stretch into the memory."""
        looks = await _looks(connection, stretch)
        if stretch.until > self._recent.until and len(stretch.rows):
            time_us = int(stretch.column("time_us")[0])
            await self._make_room(stretch, time_us)
            self._recent.add(stretch.after, stretch.until, time_us, looks)
        return looks

    async def _make_room(self, stretch: Stretch, time_us: int) -> None:
        rows = stretch.until - self._since(time_us - self._window_us)
        if not self._recent.room_for(rows):
            await asyncio.to_thread(self._recent.grow, rows)
        cut = self._recent.full() and not self._recent.holds(rows)
        if cut and not self._cut:
            log.warning("duplicate_window_cut", rows=rows, then="raise duplicate_recent_rows or shorten duplicate_window_s")
        self._cut = cut


async def _looks(connection: Connection, stretch: Stretch) -> Looks:
    """What the payments look like that cleared in a stretch."""
    mask, later = finding.at_once(stretch), finding.later(stretch)
    names = ("seq", "payer_account", "payee_account", "amount_minor", "currency", "payment_type")
    words = stretch.column("side_hash")
    wordless = (words[:, 0] | words[:, 1] | words[:, 2] | words[:, 3])[mask] == 0
    columns: list[NDArray[Any]] = [*(stretch.column(name)[mask] for name in names), wordless]
    if later.any():
        seqs = stretch.column("seq")[later].tolist()
        span = Span(stretch.lane, stretch.after, stretch.until, seqs)
        columns = list(_with(columns, await finding.cleared_later(connection, span)))
    return Looks(*columns)


def _with(columns: Sequence[NDArray[Any]], later: Sequence[Cleared]) -> Iterator[NDArray[Any]]:
    """Columns with those of payments that cleared later, in the order of the clearing rows."""
    more = [
        (one.cleared_seq, one.payer_account, one.payee_account, one.amount_minor, one.currency, one.payment_type, one.side is None)
        for one in later
    ]
    joined = [
        np.concatenate((column, np.array(values, column.dtype)))
        for column, values in zip(columns, zip(*more, strict=True) if more else [()] * len(columns), strict=True)
    ]
    order = np.argsort(joined[0], kind="stable")
    return (column[order] for column in joined)


def _reaching(span: Span, seqs: list[int]) -> Span:
    """The span, begun early enough for rows before it."""
    return Span(span.lane, min(span.after, seqs[0] - 1), span.until, seqs)


def _given_back(ended: Ended, lane: int) -> Closing:
    outcome = "corrected" if ended.kind == Kind.RECOVER else "given_back"
    return Closing(lane, ended.payment, ended.seq, ended.time_us, outcome)
