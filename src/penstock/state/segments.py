"""The pieces in which the lane's tables are copied for a checkpoint, each true at the sequence at which it was caught.

A table whose records say which row touched them last can be caught piece by piece: replay skips what a piece has seen.
The id tables only ever gain entries, so that of a piece which was caught before, the entries since are enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from penstock.kit.kernels import kernel
from penstock.state import layout as at
from penstock.state.spare import Spare
from penstock.state.tables import Int64, State

#: Tables whose records carry the sequence of the last row that touched them, and where; caught piece by piece.
_STAMPED: Final = {
    "accounts": at.ACCOUNT_LAST_SEQ, "customers": at.CUSTOMER_LAST_SEQ, "purses": at.PURSE_LAST_SEQ,
    "payers": at.STAMP_US, "payees": at.STAMP_US,
}  # fmt: skip
_COUNTS: Final = {
    "accounts": at.ACCOUNTS, "customers": at.CUSTOMERS, "purses": at.PURSES, "payers": at.ACCOUNTS, "payees": at.ACCOUNTS,
}  # fmt: skip
#: Tables of which only the occupied places are written, and the column that says when they were, not 0 in those.
_PACKED: Final = {
    "ids": at.ID_SEQ, "refs": at.REF_LAST_SEQ, "entities": at.SET_STAMP_US, "pairs": at.SET_STAMP_US,
}  # fmt: skip
#: Packed tables whose entries are never moved or taken away while their partition is remembered.
GROWING: Final = frozenset({"ids", "refs"})
#: Into how many pieces a table of sets is cut at most.
_MOST_PIECES: Final = 256
#: Tables whose stamps are times, not sequences.
_TIMED: Final = frozenset({"payers", "payees", "entities", "pairs"})
_SEQ_MASK: Final = (1 << at.SEQ_BITS) - 1


@dataclass(frozen=True)
class Segment:
    """A piece of a table: ``count`` records from ``first``, or, packed, the occupied places among ``count``."""

    table: str
    first: int
    count: int
    packed: bool

    @property
    def clock(self) -> str:
        """What the stamps of its records are: ``seq`` or ``time_us``."""
        return "time_us" if self.table in _TIMED else "seq"


def flat(state: State, table: str) -> Int64:
    """A table as (records, columns); generations of the id tables follow one another."""
    array: Int64 = getattr(state, table)
    return array.reshape(-1, array.shape[-1])


def plan(state: State, step_bytes: int) -> Iterator[Segment]:
    """The pieces of the large tables, each about ``step_bytes`` of memory."""
    for table in _STAMPED:
        records = flat(state, table)
        used = int(state.scalars[0, _COUNTS[table]]) + 1
        step = max(step_bytes // (records.shape[1] * 8), 1)
        for first in range(0, used, step):
            yield Segment(table, first, min(step, used - first), packed=False)
    for table in sorted(GROWING):
        places = getattr(state, table).shape[1]
        step = max(min(step_bytes // 32, places), 1)
        for generation in np.flatnonzero(state.generations[:, at.GENERATION_PARTITION]):
            for first in range(int(generation) * places, (int(generation) + 1) * places, step):
                yield Segment(table, first, min(step, (int(generation) + 1) * places - first), packed=True)
    for table in ("entities", "pairs"):
        sets, width = getattr(state, table).shape
        step = max(step_bytes // (width * 8), sets // _MOST_PIECES, 1)
        for first in range(0, sets, step):
            yield Segment(table, first, min(step, sets - first), packed=True)


def newest_change(state: State, segment: Segment) -> int:
    """The sequence (or the time, see ``Segment.clock``) of the last row that touched a piece, or a bound above it."""
    if segment.table in GROWING:
        return int(state.generations[_generation_of(state, segment), at.GENERATION_LAST_SEQ])
    records = flat(state, segment.table)[segment.first : segment.first + segment.count]
    return int(records[:, _STAMPED.get(segment.table, at.SET_STAMP_US)].max(initial=0))


def first_seq_of(state: State, segment: Segment) -> int:
    """The first row of the partition whose entries a piece of an id table holds: what is older than that is forgotten."""
    begun = int(state.generations[_generation_of(state, segment), at.GENERATION_PARTITION])
    return (begun - 1) * int(state.scalars[0, at.PARTITION_ROWS]) + 1


def copy(state: State, segment: Segment, since: int, spare: Spare) -> Int64:
    """A piece as it is now; packed: rows of (place, record) for the places occupied after ``since``, 0 = for all."""
    records = flat(state, segment.table)[segment.first : segment.first + segment.count]
    if not segment.packed:
        return copy_whole(records, spare)
    room = spare.take(len(records), records.shape[1] + 1)
    mask = _SEQ_MASK if segment.table in GROWING else -1
    return room[: pack(records, _PACKED[segment.table], mask, since, segment.first, room)]


def copy_whole(records: Int64, spare: Spare) -> Int64:
    """All records of a table or piece."""
    room = spare.take(*records.shape)
    room[:] = records
    return room


def small_tables(state: State) -> dict[str, Int64]:
    """The tables that are caught together, at the manifest's sequence, as far as they are used."""
    return {
        "overrides": state.overrides[: len(state.overrides) if state.scalars[0, at.OVERRIDES] else 0],
        "labels": state.labels[: len(state.labels) if state.scalars[0, at.LABELS] else 0],
        "holds": state.holds[: int(state.scalars[0, at.HOLDS_HIGH]) + 1],
        "holds_free": state.holds_free[: int(state.scalars[0, at.HOLDS_FREE])],
        "generations": state.generations, "totals": state.totals, "scalars": state.scalars,
    }  # fmt: skip


def _generation_of(state: State, segment: Segment) -> int:
    return segment.first // int(getattr(state, segment.table).shape[1])


@kernel
def pack(records: Any, stamp: int, mask: int, since: int, first: int, out: Any) -> int:
    """Copy the records (n, w) stamped after ``since`` to ``out`` (n, w + 1), each after its place; their number.

    A record's stamp is the bits ``mask`` of its column ``stamp``; a free place has 0 there.
    """
    count = 0
    for i in range(records.shape[0]):
        if records[i, stamp] & mask > since:
            out[count, 0] = first + i
            for column in range(records.shape[1]):
                out[count, 1 + column] = records[i, column]
            count += 1
    return count
