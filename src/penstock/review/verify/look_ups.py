"""What lies beside closed partitions says what the rows say: the pages of their ids, and which rows follow which payment.

Each is compared as a sum of hashes, so that nothing of a partition need be kept. Each run has a secret of its own in the
hashes, so that nobody can prepare other entries with the same sum.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from penstock.review.verify.columns import IntArray, Rows
from penstock.review.verify.findings import Findings
from penstock.review.verify.ids import mix
from penstock.review.verify.read import Reader

_ID: Final = np.dtype([("id_hi", "<i8"), ("id_lo", "<i8"), ("client", "<i4"), ("seq", "<i8")])
_NAMES: Final = tuple(_ID.names or ())
_KEY: Final = _NAMES[:3]
_PAGE_IDS: Final = 280
Page = tuple[int, int, int, bytes]


class LookUps:
    """Adds up what the rows of one lane say, and compares it with what is stored beside them."""

    def __init__(self, lane: int, reader: Reader, findings: Findings) -> None:
        self._lane = lane
        self._reader = reader
        self._findings = findings
        self._closed = [partition for partition in reader.partitions(lane) if partition.closed]
        self._firsts = np.array([partition.first_seq for partition in self._closed], dtype=np.int64)
        self._ends = np.array([partition.end_seq for partition in self._closed], dtype=np.int64)
        self._secret = np.uint64(secrets.randbits(64))
        self._ids, self._follows = self._sums(), self._sums()

    def feed(self, rows: Rows) -> None:
        """Add rows up, as they were read."""
        place = self._place(rows["seq"])
        self._ids.add(place, self._hash(*(rows[name] for name in _NAMES)))
        later = (rows["ref_seq"] > 0) & (rows["ref_prev_seq"] > 0)
        self._follows.add(place[later], self._hash(rows["ref_seq"][later], rows["seq"][later]))

    def finish(self) -> None:
        """Compare with what is stored."""
        self._compare("journal_ids", self._ids, self._stored_ids())
        self._compare("journal_follow", self._follows, self._stored_follows())

    def _stored_ids(self) -> _Sums:
        sums = self._sums()
        for first_seq in self._reader.partitions_with_ids(self._lane):
            place = int(np.searchsorted(self._firsts, first_seq))
            closed = place < len(self._closed) and self._firsts[place] == first_seq
            self._add_pages(first_seq, place if closed else len(self._closed), sums)
        return sums

    def _add_pages(self, first_seq: int, place: int, sums: _Sums) -> None:
        """Add up the ids of a partition; they are found only in pages that are in order, named by their first."""
        before, right = np.zeros(0, _ID), True
        for pages in self._reader.id_pages(self._lane, first_seq):
            ids = np.frombuffer(b"".join([_whole_ids(octets) for *_, octets in pages]), _ID)
            sums.add(np.full(len(ids), place), self._hash(*(ids[name].astype(np.int64) for name in _NAMES)))
            right = right and _are_pages(pages, ids) and _rise(np.concatenate((before, ids)))
            before = ids[-1:]
        if not right:
            self._findings.add(
                "look_ups", first_seq, f"The pages of journal_ids for the partition that begins at row {first_seq} are not "
                f"sorted ids, 1 to {_PAGE_IDS} a page, each page named by its first: not every id is found in them.",
            )  # fmt: skip

    def _stored_follows(self) -> _Sums:
        sums = self._sums()
        for some in self._reader.follows(self._lane):
            refs, seqs = np.array(some, dtype=np.int64).T
            sums.add(self._place(seqs), self._hash(refs, seqs))
        return sums

    def _compare(self, table: str, expected: _Sums, found: _Sums) -> None:
        for partition, wanted, stored in zip(self._closed, expected.each(), found.each(), strict=False):
            if wanted != stored:
                self._findings.add(
                    "look_ups", partition.first_seq, f"The table {table} does not say what the rows {partition.first_seq} to "
                    f"{partition.end_seq - 1} say: it has {stored[0]} entries for this closed partition, and they have "
                    f"{wanted[0]}.", expected=wanted[0], found=stored[0], until_seq=partition.end_seq - 1,
                )  # fmt: skip
        if stray := found.each()[-1][0]:
            self._findings.add(
                "look_ups", 1, f"The table {table} has {stray} entries that belong to no closed partition.", expected=0,
                found=stray,
            )  # fmt: skip

    def _sums(self) -> _Sums:
        return _Sums(len(self._closed))

    def _place(self, seqs: IntArray) -> IntArray:
        """In which closed partition rows lie (n,); behind the last when in none."""
        place = np.searchsorted(self._ends, seqs, side="right")
        inside = seqs >= np.append(self._firsts, 2**63 - 1)[place]
        return np.where(inside, place, len(self._closed))

    def _hash(self, *columns: IntArray) -> NDArray[np.uint64]:
        return mix(np.full(len(columns[0]), self._secret), *columns)


class _Sums:
    """How many entries, and the sum of their hashes, for each of some places, and for all that lie in none of them."""

    def __init__(self, places: int) -> None:
        self._counts = np.zeros(places + 1, dtype=np.int64)
        self._sums = np.zeros(places + 1, dtype=np.uint64)

    def add(self, place: IntArray, hashes: NDArray[np.uint64]) -> None:
        """Add entries (n,) to their places (n,)."""
        self._counts += np.bincount(place, minlength=len(self._counts))
        np.add.at(self._sums, place, hashes)

    def each(self) -> list[tuple[int, int]]:
        """Number and sum of each place."""
        return list(zip(self._counts.tolist(), self._sums.tolist(), strict=True))


def _whole_ids(octets: bytes) -> bytes:
    return octets[: len(octets) // _ID.itemsize * _ID.itemsize]


def _are_pages(pages: Sequence[Page], ids: NDArray[np.void]) -> bool:
    """Whether each page has whole ids, not too many, and is named by the first of them."""
    sizes = np.array([len(octets) for *_, octets in pages], dtype=np.int64)
    counts = sizes // _ID.itemsize
    if (counts < 1).any() or (counts > _PAGE_IDS).any() or (sizes % _ID.itemsize).any():
        return False
    named, firsts = list(zip(*pages, strict=True)), ids[np.cumsum(counts) - counts]
    return all((firsts[name] == named[column]).all() for column, name in enumerate(_KEY))


def _rise(ids: NDArray[np.void]) -> bool:
    """Whether each id is above the one before."""
    rises: Any = False
    for name in reversed(_KEY):  # each decides where those in front of it are equal
        column = ids[name]
        rises = (column[1:] > column[:-1]) | (column[1:] == column[:-1]) & rises
    return bool(np.all(rises))
