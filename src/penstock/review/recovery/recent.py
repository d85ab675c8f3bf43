"""What cleared of late, in memory: which payment before a payment has the same parties, amount, currency and type.

It is a copy of what the journal says of a window of time, made by reading it, and can be made again at any moment. It
answers with candidates: what two payments have in words is in their side records, and is compared afterwards.

A ring over the rows' sequences holds a 64-bit number of each cleared payment's looks, and how far back the one before
is that fell into the same slot of a table of the newest: 20 bytes for each row of the window.
"""

from __future__ import annotations

import bisect
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_FEWEST: Final = 1 << 16
_STEP: Final = 1 << 16
_MOST_MARKS: Final = 100_000
_FURTHEST: Final = 2**32 - 1
_ODD: Final = (0x9E37_79B9_7F4A_7C15, 0xC2B2_AE3D_27D4_EB4F)
_SHIFT: Final = np.uint64(29)

Numbers = NDArray[np.uint64]
Seqs = NDArray[np.int64]


class Looks(NamedTuple):
    """Payments that cleared, in the order of the rows that cleared them: arrays (n,)."""

    seqs: Seqs  # of the clearing rows
    payer: NDArray[Any]
    payee: NDArray[Any]
    amount_minor: NDArray[Any]
    currency: NDArray[Any]
    payment_type: NDArray[Any]
    wordless: NDArray[np.bool_]  # without a side record

    def numbers(self, wordless: NDArray[np.bool_]) -> Numbers:
        """A number of each payment's looks, never 0, were it ``wordless``: equal looks have equal numbers."""
        kinds = self.currency.astype(np.int64) << 20 | self.payment_type.astype(np.int64) << 4 | wordless
        number = np.full(len(self.seqs), _ODD[1], np.uint64)
        for column in (self.payer, self.payee, self.amount_minor, kinds):
            number = (number ^ column.astype(np.int64).view(np.uint64)) * np.uint64(_ODD[0])
            number ^= number >> _SHIFT
        number *= np.uint64(_ODD[1])
        number[number == 0] = 1
        return number


class Recent:
    """The cleared payments among the rows ``first < seq <= until``; grows as more rows fall into the window."""

    def __init__(self, most_rows: int) -> None:
        """``most_rows``: of the window, at most; of a longer one the newest are kept."""
        self._most = 1 << (most_rows.bit_length() - 1)
        self.reset(0)

    def reset(self, first: int) -> None:
        """Forget all, and begin after a row."""
        self.first = self.until = first
        self._marks: list[tuple[int, int]] = []  # (time, sequence) of the first row of what was added at once
        self._make_room(_FEWEST)

    def _make_room(self, capacity: int) -> None:
        self._capacity = capacity
        self._shift = np.uint64(64 - (capacity.bit_length() - 1))
        self._numbers = np.zeros(capacity, np.uint64)
        self._back = np.zeros(capacity, np.uint32)
        self._newest = np.zeros(capacity, np.int64)

    def since(self, time_us: int) -> int | None:
        """A row before all that are not older than a time; None = such rows may be missing here."""
        place = bisect.bisect_left(self._marks, (time_us, 0)) - 1
        if place >= 0:
            return self._marks[place][1] - 1
        return 0 if self.first == 0 else None

    def full(self) -> bool:
        """Whether it can grow no more."""
        return self._capacity >= self._most

    def holds(self, rows: int) -> bool:
        """Whether so many rows of a window are kept."""
        return rows <= self._capacity

    def room_for(self, rows: int) -> bool:
        """Whether so many rows of a window can be kept, now or never."""
        return self.holds(rows) or self.full()

    def grow(self, rows: int) -> None:
        """Make room for so many rows, as far as is allowed."""
        first, until, numbers, mask = self.first, self.until, self._numbers, self._capacity - 1
        self._make_room(min(max(1 << (rows - 1).bit_length(), self._capacity), self._most))
        for start in range(first, until, _STEP):
            seqs = np.arange(start + 1, min(start + _STEP, until) + 1)
            found = numbers[seqs & mask]
            there = found != 0
            self._chain(seqs[there], found[there])

    def add(self, after: int, until: int, time_us: int, seqs: Seqs, numbers: Numbers) -> None:
        """Take in what cleared in the next rows, the first of which was at ``time_us``; what is known already is left out."""
        assert after <= self.until, "rows in between are missing"
        assert until - after <= self._capacity, "make room first"
        if until <= self.until:
            return
        new = seqs > self.until
        if after == self.until:
            self._marks.append((time_us, after + 1))
        self._wipe(self.until, until)
        self._chain(seqs[new], numbers[new])
        self.until = until
        self._drop_old()

    def _wipe(self, after: int, until: int) -> None:
        first, end = (after + 1) & (self._capacity - 1), (until & (self._capacity - 1)) + 1
        if first < end:
            self._numbers[first:end] = 0
        else:
            self._numbers[first:] = 0
            self._numbers[:end] = 0

    def _chain(self, seqs: Seqs, numbers: Numbers) -> None:
        slots = (numbers >> self._shift).astype(np.int64)
        order = np.argsort(slots, kind="stable")
        slots, ordered = slots[order], seqs[order]
        before = self._newest[slots]
        again = np.flatnonzero(slots[1:] == slots[:-1]) + 1
        before[again] = ordered[again - 1]
        places = ordered & (self._capacity - 1)
        distance = ordered - before
        self._back[places] = np.where((before > 0) & (distance <= _FURTHEST), distance, 0)
        self._numbers[places] = numbers[order]
        self._newest[slots] = ordered  # of several in a slot the last one stays

    def _drop_old(self) -> None:
        """Leave out what the ring has overwritten, and marks that are too many."""
        if self.until - self._capacity > self.first:
            self.first = self.until - self._capacity
            del self._marks[: bisect.bisect_right(self._marks, self.first, key=lambda mark: mark[1])]
        if len(self._marks) > _MOST_MARKS:
            del self._marks[1::2]

    def nearest(self, seqs: Seqs, numbers: Numbers, since: Seqs) -> Seqs:
        """For each the newest row before it, but after ``since``, that cleared a payment of that number; 0 = none."""
        found = np.zeros(len(seqs), np.int64)
        left = np.arange(len(seqs))
        since = np.maximum(since, self.first)
        at = self._newest[(numbers >> self._shift).astype(np.int64)]
        while True:
            live = at > since[left]
            left, at = left[live], at[live]
            if not len(left):
                return found
            places = at & (self._capacity - 1)
            hit = (self._numbers[places] == numbers[left]) & (at < seqs[left])
            found[left[hit]] = at[hit]
            back = self._back[places][~hit].astype(np.int64)
            left, at = left[~hit], at[~hit]
            at = np.where(back > 0, at - back, 0)
