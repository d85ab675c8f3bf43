"""What the journal says of commands sent again, and of payments that commands are about. All SQL of this feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from psycopg import AsyncConnection

from penstock.contracts.states import STARTS
from penstock.process.commands.outcome import ROW_FIELDS

_ROWS: Final = f"""
    SELECT {", ".join(f"row.{name}" for name in ROW_FIELDS)}
    FROM unnest(%(seqs)s::bigint[]) AS wanted (seq) CROSS JOIN LATERAL journal_at(%(lane)s, wanted.seq) AS row
"""  # noqa: S608 - constants
_MODEL_NAME: Final = "SELECT name FROM model WHERE sha256 = %s"
_AMOUNT: Final = "SELECT amount_minor FROM journal_at(%s, %s) WHERE kind = ANY(%s)"


async def rows(connection: AsyncConnection[Any], lane: int, seqs: Sequence[int]) -> dict[int, tuple[Any, ...]]:
    """The rows at the given sequences, by sequence, in the order of ``ROW_FIELDS``."""
    found = await connection.execute(_ROWS, {"lane": lane, "seqs": list(seqs)})
    return {row[0]: row for row in await found.fetchall()}


async def model_name(connection: AsyncConnection[Any], sha256: str) -> str | None:
    """The name under which a model was uploaded, None when none was with this hash."""
    found = await (await connection.execute(_MODEL_NAME, [bytes.fromhex(sha256)])).fetchone()
    return None if found is None else str(found[0])


async def amount_minor(connection: AsyncConnection[Any], lane: int, seq: int) -> int | None:
    """The amount of the payment that starts at ``seq``, None when none does."""
    found = await (await connection.execute(_AMOUNT, (lane, seq, list(map(int, STARTS))))).fetchone()
    return None if found is None else int(found[0])
