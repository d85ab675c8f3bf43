"""Walking the journal's links by primary key. All SQL of this feature.

The edge's connections forbid sequential scans and hash joins (``app/edge/database.py``), so each step
of a walk is one look-up in one partition, whatever the planner knows of a hot partition's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row

Connection = AsyncConnection[Any]


class Row(NamedTuple):
    """What a history shows of a journal row, with its side record."""

    seq: int
    time_us: int
    client: int
    kind: int
    state: int
    reason: int
    payer_account: int
    payee_account: int
    amount_minor: int
    held_minor: int
    moved_minor: int
    fee_minor: int
    limit_minor: int
    ref_seq: int
    ref_prev_seq: int
    payer_prev_seq: int
    payee_prev_seq: int
    fee_prev_seq: int
    expires_us: int
    payment_type: int
    currency: int
    flags: int
    option: int
    left_minor: int
    maker: int
    approval_1: int
    approval_2: int
    approval_3: int
    latitude_e4: int
    longitude_e4: int
    channel: int
    factors: int
    verification: int
    model_version: int
    score: float
    side: bytes | None


_NAMES: Final = Row._fields[:-1]
_COLUMNS: Final = ", ".join(f"row.{name}" for name in _NAMES)
_FROM_WALK: Final = f"""
    SELECT {", ".join(f"walk.{name}" for name in _NAMES)}, side.body AS side
    FROM walk LEFT JOIN journal_side AS side ON side.lane = %(lane)s AND side.seq = walk.seq
    ORDER BY walk.seq DESC
"""  # noqa: S608 - constants
_ROW: Final = f"""
    WITH walk AS (SELECT {_COLUMNS} FROM journal_at(%(lane)s, %(seq)s) AS row)
    {_FROM_WALK}
"""  # noqa: S608 - constants
#: Newest first: from row to row by the link of the role that the account has in it.
_ACCOUNT: Final = f"""
    WITH RECURSIVE walk AS (
        SELECT {_COLUMNS}, 1 AS place FROM journal_at(%(lane)s, %(from)s) AS row
        UNION ALL
        SELECT {_COLUMNS}, walk.place + 1
        FROM walk CROSS JOIN LATERAL journal_at(%(lane)s, CASE
            WHEN walk.payer_account = %(account)s THEN walk.payer_prev_seq
            WHEN walk.payee_account = %(account)s THEN walk.payee_prev_seq
            ELSE walk.fee_prev_seq END) AS row
        WHERE walk.place < %(most)s
    )
    {_FROM_WALK}
"""  # noqa: S608 - constants
#: A payment's events from its newest follow-up back to its first row.
_PAYMENT: Final = f"""
    WITH RECURSIVE walk AS (
        SELECT {_COLUMNS}, 1 AS place FROM journal_at(%(lane)s, %(from)s) AS row
        UNION ALL
        SELECT {_COLUMNS}, walk.place + 1
        FROM walk CROSS JOIN LATERAL journal_at(%(lane)s, walk.ref_prev_seq) AS row
        WHERE walk.ref_prev_seq > 0 AND walk.place < %(most)s
    )
    {_FROM_WALK}
"""  # noqa: S608 - constants
#: The newest follow-up in closed partitions.
_LAST_CLOSED: Final = """
    SELECT max(seq) FROM journal_follow WHERE lane = %(lane)s AND ref_seq = %(seq)s AND seq < %(hot)s
"""
_HOT_FROM: Final = """
    SELECT coalesce(min(first_seq) FILTER (WHERE NOT indexed), max(end_seq), 0)
    FROM journal_partition WHERE lane = %(lane)s
"""


_PEOPLE: Final = "SELECT person, name FROM person WHERE person = ANY(%s)"


async def row(connection: Connection, lane: int, seq: int) -> Row | None:
    """One row, None = there is none yet."""
    async with connection.cursor(row_factory=class_row(Row)) as cursor:
        return await (await cursor.execute(_ROW, {"lane": lane, "seq": seq})).fetchone()


async def account_rows(connection: Connection, lane: int, account: int, from_seq: int, most: int) -> list[Row]:
    """Up to ``most`` rows of an account's history from ``from_seq`` back, newest first."""
    wanted = {"lane": lane, "account": account, "from": from_seq, "most": most}
    async with connection.cursor(row_factory=class_row(Row)) as cursor:
        return await (await cursor.execute(_ACCOUNT, wanted)).fetchall()


async def payment_rows(connection: Connection, lane: int, last_seq: int, most: int) -> list[Row]:
    """A payment's rows from ``last_seq`` back, newest first, at most ``most``."""
    async with connection.cursor(row_factory=class_row(Row)) as cursor:
        return await (await cursor.execute(_PAYMENT, {"lane": lane, "from": last_seq, "most": most})).fetchall()


async def last_closed(connection: Connection, lane: int, payment_seq: int) -> int:
    """The last row of a payment that lies in closed partitions; its first row when nothing followed."""
    found = await (await connection.execute(_HOT_FROM, {"lane": lane})).fetchone()
    assert found is not None  # an aggregate has one row
    wanted = {"lane": lane, "seq": payment_seq, "hot": found[0]}
    newest = await (await connection.execute(_LAST_CLOSED, wanted)).fetchone()
    return payment_seq if newest is None or newest[0] is None else int(newest[0])


async def people(connection: Connection, rows: Sequence[Row]) -> dict[int, str]:
    """The names of those who asked for rows and approved them, by their numbers."""
    numbers = {number for row in rows for number in (row.maker, row.approval_1, row.approval_2, row.approval_3)} - {0}
    if not numbers:
        return {}
    found = await connection.execute(_PEOPLE, (sorted(numbers),))
    return dict(await found.fetchall())
