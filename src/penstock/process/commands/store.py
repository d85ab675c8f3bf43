"""What the journal says of a command that was sent again. All SQL of this feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from psycopg import AsyncConnection

from penstock.process.commands.outcome import ROW_FIELDS

_ROWS: Final = f"SELECT {', '.join(ROW_FIELDS)} FROM journal WHERE lane = %s AND seq = ANY(%s)"  # noqa: S608 - constants


async def rows(connection: AsyncConnection[Any], lane: int, seqs: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """The rows at the given sequences, by sequence, in the order of ``ROW_FIELDS``."""
    found = await connection.execute(_ROWS, (lane, list(seqs)))
    return {row[0]: row for row in await found.fetchall()}
