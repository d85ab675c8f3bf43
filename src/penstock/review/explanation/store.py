"""The row that is explained, and what was in force for it. All SQL of this feature."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row

from penstock.contracts.commands import Kind
from penstock.contracts.states import State
from penstock.journal.tails import WANTED, Span

Connection = AsyncConnection[Any]


class Row(NamedTuple):
    """What an explanation is made of; the last five only say whether something came with the payment."""

    seq: int
    time_us: int
    kind: int
    state: int
    reason: int
    payer_account: int
    payee_account: int
    amount_minor: int
    payment_type: int
    currency: int
    policy_version: int
    model_version: int
    score: float
    verification: int
    factors: int
    channel: int
    option: int
    feature_registry: int
    features: bytes | None
    instrument: bool
    device: bool
    network: bool
    place: bool
    category: bool


class Native(NamedTuple):
    """A model that explains."""

    name: str
    native: bytes


_MARKED: Final = ("instrument", "device", "network", "place", "category")
_COLUMNS: Final = ", ".join(f"{name} <> 0 AS {name}" if name in _MARKED else name for name in Row._fields)
_ROW: Final = f"SELECT {_COLUMNS} FROM journal_at(%s, %s)"  # noqa: S608 - constants
_PUBLISHED: Final = "SELECT seq FROM publication WHERE lane = %s AND kind = %s AND version = %s"
_SIDE: Final = "SELECT body FROM journal_side WHERE lane = %s AND seq = %s"
_NATIVE: Final = "SELECT name, native FROM model WHERE sha256 = %s"
#: A withdrawal puts nothing in force, so it has no version.
_REMEMBER: Final = f"""
    INSERT INTO publication (lane, kind, version, seq)
    SELECT row.lane, row.kind, CASE row.kind WHEN {int(Kind.PUBLISH)} THEN row.policy_version ELSE row.model_version END, row.seq
    FROM {WANTED}
    WHERE row.state = {int(State.DONE)}
      AND (row.kind = {int(Kind.PUBLISH)} OR row.kind = {int(Kind.PUBLISH_MODEL)} AND row.model_version > 0)
"""  # noqa: S608 - constants


async def row(connection: Connection, lane: int, seq: int) -> Row | None:
    """One row, None = there is none yet."""
    async with connection.cursor(row_factory=class_row(Row)) as cursor:
        return await (await cursor.execute(_ROW, (lane, seq))).fetchone()


async def published(connection: Connection, lane: int, kind: Kind, version: int) -> int | None:
    """The row that put a version of the policy or model in force, None = not seen yet."""
    found = await (await connection.execute(_PUBLISHED, (lane, int(kind), version))).fetchone()
    return None if found is None else int(found[0])


async def side(connection: Connection, lane: int, seq: int) -> bytes | None:
    """The side record of a row."""
    found = await (await connection.execute(_SIDE, (lane, seq))).fetchone()
    return None if found is None else bytes(found[0])


async def native(connection: Connection, sha256: bytes) -> Native | None:
    """The model that is stored under the hash (32 bytes) of its ONNX file."""
    async with connection.cursor(row_factory=class_row(Native), binary=True) as cursor:
        return await (await cursor.execute(_NATIVE, [sha256])).fetchone()


async def remember(connection: Connection, span: Span) -> None:
    """Note which rows of a span put something in force."""
    await connection.execute(_REMEMBER, span.values())
