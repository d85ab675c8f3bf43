"""Stretches of the journal as arrays: what the readers behind the lane look through, column by column.

One read serves all tails, so it must cost little: sheets come as they are stored and are looked at by numpy; neither here nor in
PostgreSQL does a row become an object.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection

from penstock.journal.sheets import READ_SHEETS, rows_of, within

Connection = AsyncConnection[Any]
#: Which rows of a stretch: bool (n,).
Mask = NDArray[np.bool_]



@dataclass(frozen=True)
class Stretch:
    """The rows (n,) of ``ROW`` of a lane with ``after < seq <= until``, in order; all of them are committed."""

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
        sheets = await (await cursor.execute(READ_SHEETS, {"lane": lane, "after": after, "until": until})).fetchall()
    rows = rows_of(sheets)
    return Stretch(lane, after, until, within(rows, after, until))
