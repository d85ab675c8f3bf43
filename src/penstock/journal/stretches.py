"""Stretches of the journal as arrays: what the readers behind the lane look through, column by column.

One read serves all tails, so it must cost little: stored records come as raw bytes, many in one value, and are looked at by
numpy; neither here nor in PostgreSQL does a row become an object.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection

from penstock.contracts.row import ROW
from penstock.journal.layout import BARE_BYTES

Connection = AsyncConnection[Any]
#: Which rows of a stretch: bool (n,).
Mask = NDArray[np.bool_]

#: A row without its feature vector: of one length, whatever its payment had.
BARE_ROW: Final = np.dtype([(name, ROW[name]) for name in ROW.names[:-1]])  # type: ignore[index]
assert BARE_ROW.itemsize == BARE_BYTES, "the vector is the last field of a row"

#: Rows in one value. Fewer cost more per value; many more are copied again and again while the value grows.
_PIECE_ROWS: Final = 500
_READ: Final = f"""
    SELECT (
        SELECT string_agg(substring(record, 1, {BARE_BYTES}), '') FROM (
            SELECT record FROM journal
            WHERE lane = %(lane)s AND seq > piece AND seq <= least(piece + {_PIECE_ROWS}, %(until)s) ORDER BY seq
        ) AS ordered
    ) FROM generate_series(%(after)s::bigint, %(until)s::bigint - 1, {_PIECE_ROWS}) AS piece
"""  # noqa: S608 - constants


@dataclass(frozen=True)
class Stretch:
    """The rows (n,) of ``BARE_ROW`` of a lane with ``after < seq <= until``, in order; all of them are committed."""

    lane: int
    after: int
    until: int
    rows: NDArray[Any]
    _columns: dict[str, NDArray[Any]] = field(default_factory=dict, repr=False, compare=False)

    def column(self, name: str) -> NDArray[Any]:
        """A column as an array of its own: taken out of the rows once, whoever asks."""
        found = self._columns.get(name)
        if found is None:
            found = self._columns[name] = np.ascontiguousarray(self.rows[name])
        return found

    def among(self, name: str, *values: int) -> Mask:
        """Where a column has one of a few values."""
        column = self.column(name)
        mask: Mask = column == values[0]
        for value in values[1:]:
            mask |= column == value
        return mask

    def positive(self, name: str) -> Mask:
        """Where a column is above 0."""
        mask: Mask = self.column(name) > 0
        return mask

    def flagged(self, flag: int) -> Mask:
        """Where a flag is set."""
        mask: Mask = self.column("flags") & flag > 0
        return mask

    def part(self, after: int, until: int) -> Stretch:
        """The rows of a part of this stretch."""
        first, end = np.searchsorted(self.column("seq"), (after, until), side="right")
        return Stretch(self.lane, after, until, self.rows[first:end])


async def read(connection: Connection, lane: int, after: int, until: int) -> Stretch:
    """Read a stretch, all of whose rows are committed.

    :raises psycopg.OperationalError: when the database does not answer.
    """
    async with connection.cursor(binary=True) as cursor:
        pieces = await (await cursor.execute(_READ, {"lane": lane, "after": after, "until": until})).fetchall()
    records = b"".join([piece for (piece,) in pieces if piece is not None])
    return Stretch(lane, after, until, np.frombuffer(records, BARE_ROW))
