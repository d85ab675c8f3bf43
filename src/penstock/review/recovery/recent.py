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
_FURTHEST: Final = 0xFFFF_FFFF
_ODD: Final = (np.uint64(0x9E37_79B9_7F4A_7C15), np.uint64(0xC2B2_AE3D_27D4_EB4F))
_WORDLESS: Final = np.uint64(1)
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

    def numbers(self) -> Numbers:
        """A number of each payment's looks, never 0: equal looks have numbers that differ in the lowest bit at most, ``wordless``."""
        kinds = self.currency.astype(np.int64) << 16 | self.payment_type.astype(np.int64)
        number = np.full(len(self.seqs), _ODD[1], np.uint64)
        for column in (self.payer, self.payee, self.amount_minor, kinds):
            number ^= column.astype(np.int64).view(np.uint64)
            number *= _ODD[0]
            number ^= number >> _SHIFT
        number *= _ODD[1]
        number[number <= 1] = 2  # 0 stands for a row that cleared nothing
        return (number & ~_WORDLESS) | self.wordless


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
        self._shift = np.uint64(64 - capacity.bit_length())  # twice as many slots as rows
        self._numbers = np.zeros(capacity, np.uint64)
        self._back = np.zeros(capacity, np.uint32)
        self._newest = np.zeros(2 * capacity, np.uint32)  # the lower half of a sequence

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

    def add(self, after: int, until: int, time_us: int, looks: Looks) -> None:
        """Take in what cleared in the next rows, the first of which was at ``time_us``; what is known already is left out."""
        assert after <= self.until, "rows in between are missing"
        assert until - after <= self._capacity, "make room first"
        if until <= self.until:
            return
        if after == self.until:
            self._marks.append((time_us, after + 1))
        new = looks.seqs > self.until
        self._wipe(self.until, until)
        self._chain(looks.seqs[new], looks.numbers()[new])
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
        """Put rows into the table of the newest, each with the way back to the one that was there."""
        slots, low = (numbers >> self._shift).astype(np.int64), seqs.astype(np.uint32)
        back = low - self._newest[slots]  # wraps around, as it should
        self._newest[slots] = low  # of several in a slot the last one stays
        newest = self._newest[slots]
        passed = np.flatnonzero(newest != low)
        if len(passed):
            by_slot = passed[np.argsort(slots[passed], kind="stable")]
            slot = slots[by_slot]
            last = np.append(slot[1:] != slot[:-1], True)  # behind it comes the one that stayed
            stayed = np.searchsorted(seqs, seqs[by_slot[last]] + (newest[by_slot[last]] - low[by_slot[last]]))
            back[by_slot[1:]] = np.where(last[:-1], back[by_slot[1:]], low[by_slot[1:]] - low[by_slot[:-1]])
            back[stayed] = low[stayed] - low[by_slot[last]]
        back[back == 0] = _FURTHEST  # it was there so long ago that the lower halves are the same
        places = seqs & (self._capacity - 1)
        self._back[places], self._numbers[places] = back, numbers

    def _drop_old(self) -> None:
        """Leave out what the ring has overwritten, and marks that are too many."""
        if self.until - self._capacity > self.first:
            self.first = self.until - self._capacity
            del self._marks[: bisect.bisect_right(self._marks, self.first, key=lambda mark: mark[1])]
        if len(self._marks) > _MOST_MARKS:
            del self._marks[1::2]

    def nearest(self, seqs: Seqs, since: Seqs) -> tuple[Seqs, Seqs]:
        """For each clearing row the nearest before it, but after ``since``, of a payment that looks the same; 0 = none.

        The second result is the nearest with words, for payments that have words themselves.
        """
        nearest, worded = np.zeros((2, len(seqs)), np.int64)
        left, since = np.arange(len(seqs)), np.maximum(since, self.first)
        places = seqs & (self._capacity - 1)
        own, at = self._numbers[places], seqs - self._back[places]
        while True:
            live = (at > since[left]) & (at < seqs[left])
            left, at = left[live], at[live]
            if not len(left):
                return nearest, worded
            places = at & (self._capacity - 1)
            numbers = self._numbers[places]
            hit = (numbers ^ own[left]) <= _WORDLESS
            first = hit & (nearest[left] == 0)
            nearest[left[first]] = at[first]
            with_words = hit & (numbers & _WORDLESS == 0)
            worded[left[with_words]] = at[with_words]
            more = ~(with_words | (hit & (own[left] & _WORDLESS == 1)))
            left, at = left[more], (at - self._back[places])[more]
