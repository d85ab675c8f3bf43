"""Uploaded models, and the row that put one in force: all SQL of the feature."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row

from penstock.prepare.models.rules import Checked

Connection = AsyncConnection[Any]


class Listed(NamedTuple):
    """A stored model without its bytes."""

    sha256: bytes
    name: str
    registry: int
    maturity_us: int
    onnx_bytes: int
    native_bytes: int
    uploaded_at: datetime
    uploaded_by: str


class Change(NamedTuple):
    """The row that put a model in force or withdrew the one before."""

    seq: int
    time_us: int
    model_version: int
    maker: str | None  # None = nobody is named
    approvers: list[str]  # in the order in which they approved
    side: bytes | None


_LISTED: Final = """
    sha256, model.name, registry, maturity_us, octet_length(onnx) AS onnx_bytes, octet_length(native) AS native_bytes,
    uploaded_at, person.name AS uploaded_by
    FROM model JOIN person ON person.person = uploaded_by
"""
#: Newest first; after a model, or from the newest on. Models are some hundreds, and uploaded by hand.
_PAGE: Final = f"""
    SELECT {_LISTED}
    WHERE %(after)s::bytea IS NULL
       OR (uploaded_at, sha256) < (SELECT uploaded_at, sha256 FROM model WHERE sha256 = %(after)s)
    ORDER BY uploaded_at DESC, sha256 DESC LIMIT %(limit)s
"""  # noqa: S608 - constants
_ONE: Final = f"SELECT {_LISTED} WHERE sha256 = %s"
_CARD: Final = "SELECT card FROM model WHERE sha256 = %s"
_COUNT: Final = "SELECT count(*) FROM model"
_ADD: Final = """
    INSERT INTO model (sha256, name, registry, maturity_us, onnx, native, card, uploaded_at, uploaded_by)
    VALUES (%(sha256)s, %(name)s, %(registry)s, %(maturity_us)s, %(onnx)b, %(native)b, %(card)s, %(now)s, %(person)s)
    ON CONFLICT (sha256) DO NOTHING
"""
_SAME: Final = """
    SELECT name = %(name)s AND card = %(card)s AND native = %(native)b FROM model WHERE sha256 = %(sha256)s
"""
_CHANGE: Final = """
    SELECT row.seq, row.time_us, row.model_version, maker.name AS maker,
           (SELECT coalesce(array_agg(person.name ORDER BY given.place), '{}')
            FROM unnest(ARRAY[row.approval_1, row.approval_2, row.approval_3]) WITH ORDINALITY AS given (person, place)
            JOIN person USING (person)) AS approvers,
           (SELECT body FROM journal_side AS side WHERE side.lane = row.lane AND side.seq = row.seq) AS side
    FROM journal_at(%s, %s) AS row LEFT JOIN person AS maker ON maker.person = row.maker
"""


async def add(connection: Connection, checked: Checked, now: datetime, person: int) -> bool:
    """Store a model; false when one with this hash is there already."""
    values = {**checked.model._asdict(), "sha256": checked.sha256, "now": now, "person": person}
    return (await connection.execute(_ADD, values)).rowcount == 1


async def is_same(connection: Connection, checked: Checked) -> bool | None:
    """Whether the model stored under this hash has this card and native form too; None when there is none."""
    row = await (await connection.execute(_SAME, {**checked.model._asdict(), "sha256": checked.sha256})).fetchone()
    return None if row is None else bool(row[0])


async def count(connection: Connection) -> int:
    """How many models are stored."""
    row = await (await connection.execute(_COUNT)).fetchone()
    return 0 if row is None else int(row[0])


async def page(connection: Connection, after: bytes | None, limit: int) -> list[Listed]:
    """Models, newest first, after the one with this hash."""
    async with connection.cursor(row_factory=class_row(Listed)) as cursor:
        return await (await cursor.execute(_PAGE, {"after": after, "limit": limit})).fetchall()


async def one(connection: Connection, sha256: bytes) -> Listed | None:
    """A model."""
    async with connection.cursor(row_factory=class_row(Listed)) as cursor:
        return await (await cursor.execute(_ONE, [sha256])).fetchone()


async def card(connection: Connection, sha256: bytes) -> str:
    """The card of a stored model, JSON."""
    row = await (await connection.execute(_CARD, [sha256])).fetchone()
    assert row is not None, "models are never deleted"
    return str(row[0])


async def change(connection: Connection, lane: int, seq: int) -> Change | None:
    """The row of a publication or withdrawal, with the names of those behind it."""
    async with connection.cursor(row_factory=class_row(Change)) as cursor:
        return await (await cursor.execute(_CHANGE, (lane, seq))).fetchone()
