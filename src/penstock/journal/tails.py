"""Tails: whatever follows from the journal is made behind the lane, in order, from a cursor of its own.

A tail is given spans of committed rows, one after another without gaps, and stores its cursor in the same
transaction as what it made of them: after any crash each row has had its effect exactly once. What a tail
does outside this database needs an id made of the tail's name and the sequence, so that a repetition shows.
Connections: role ``penstock_office``, autocommit; see ``app/office/database.py``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection, sql
from psycopg.rows import class_row

Connection = AsyncConnection[Any]


class Span(NamedTuple):
    """The rows of a lane with ``after < seq <= until``: all of them are committed."""

    lane: int
    after: int
    until: int

    def values(self) -> dict[str, int]:
        """The span as parameters of a statement that holds ``IN_SPAN``."""
        return self._asdict()


#: The condition of a statement over ``journal AS row`` that reads a span and nothing else.
IN_SPAN: Final = "row.lane = %(lane)s AND row.seq > %(after)s AND row.seq <= %(until)s"
#: The side record of a span's row, as a column. A join could be planned as a scan of all side records, because
#: nothing is known of a hot partition's size; this is one look-up for each row that is wanted.
SIDE: Final = "(SELECT body FROM journal_side WHERE journal_side.lane = row.lane AND journal_side.seq = row.seq) AS side"


@dataclass(frozen=True)
class Tail:
    """A name, unique for ever, and what is done with each span, inside the transaction that moves the cursor."""

    name: str
    handle: Callable[[Connection, Span], Awaitable[None]]


class Progress(NamedTuple):
    """Where a tail stands, and where the lane stood when it looked."""

    seq: int
    last_seq: int

    @property
    def lag(self) -> int:
        """Rows that the tail has still to see."""
        return self.last_seq - self.seq


class TailRow(NamedTuple):
    """What most tails want of a journal row; see ``contracts/row.py``."""

    seq: int
    time_us: int
    command_id: UUID
    payer_account: int
    payee_account: int
    amount_minor: int
    held_minor: int
    moved_minor: int
    fee_minor: int
    ref_seq: int
    ref_prev_seq: int
    expires_us: int
    client: int
    customer: int
    policy_version: int
    model_version: int
    score: float
    approval_1: int
    approval_2: int
    approval_3: int
    kind: int
    state: int
    reason: int
    payment_type: int
    currency: int
    flags: int
    from_us: int
    left_minor: int
    maker: int
    option: int
    side: bytes | None  # the side record's bytes


_COLUMNS: Final = ", ".join(f"row.{name}" for name in TailRow._fields[:-1])
_ROWS: Final = f"""
    SELECT {_COLUMNS}, {SIDE} FROM journal AS row
    WHERE {IN_SPAN} AND ({{condition}}) ORDER BY row.seq
"""  # noqa: S608 - constants
_POSITION: Final = """
    SELECT coalesce((SELECT seq FROM tail_cursor WHERE tail = %(tail)s AND lane = %(lane)s), 0),
           coalesce((SELECT last_seq FROM lane WHERE lane = %(lane)s), 0)
"""
_BEGIN: Final = "INSERT INTO tail_cursor (tail, lane, seq) VALUES (%(tail)s, %(lane)s, 0) ON CONFLICT DO NOTHING"
#: The row's lock lets one process at a time move a cursor; the lane's position is read after the lock is held.
_LOCK: Final = "SELECT seq FROM tail_cursor WHERE tail = %(tail)s AND lane = %(lane)s FOR UPDATE"
_MOVE: Final = "UPDATE tail_cursor SET seq = %(seq)s WHERE tail = %(tail)s AND lane = %(lane)s"
_POSITIONS: Final = """
    SELECT tail, tail_cursor.seq, lane.last_seq FROM tail_cursor JOIN lane USING (lane) WHERE lane = %s ORDER BY tail
"""
#: The time up to which a tail has seen everything: of the row at its cursor, or the given now when it has seen all.
_SEEN_UNTIL: Final = """
    SELECT CASE WHEN cursor.seq = lane.last_seq THEN greatest(%(now_us)s, lane.time_us) ELSE coalesce(
        (SELECT time_us FROM journal WHERE journal.lane = cursor.lane AND journal.seq = cursor.seq), 0) END
    FROM tail_cursor AS cursor JOIN lane ON lane.lane = cursor.lane
    WHERE cursor.tail = %(tail)s AND cursor.lane = %(lane)s
"""


async def advance(connection: Connection, tail: Tail, lane: int, most_rows: int) -> Progress:
    """Let a tail handle the next rows, at most ``most_rows``, in one transaction, and say where it stands then.

    What ``handle`` raises undoes all of it; the same rows come again.
    """
    named = {"tail": tail.name, "lane": lane}
    progress = await position(connection, tail.name, lane)
    if progress.lag <= 0:
        return progress
    async with connection.transaction():
        await connection.execute(_BEGIN, named)
        await connection.execute(_LOCK, named)
        progress = await position(connection, tail.name, lane)  # another process may have moved it
        if progress.lag <= 0:
            return progress
        until = min(progress.seq + most_rows, progress.last_seq)
        await tail.handle(connection, Span(lane, progress.seq, until))
        await connection.execute(_MOVE, {**named, "seq": until})
    return Progress(until, progress.last_seq)


async def position(connection: Connection, name: str, lane: int) -> Progress:
    """Where a tail stands."""
    found = await (await connection.execute(_POSITION, {"tail": name, "lane": lane})).fetchone()
    assert found is not None  # a select without a table has one row
    return Progress(*found)


async def positions(connection: Connection, lane: int) -> dict[str, Progress]:
    """Where all tails of a lane stand, by name."""
    found = await (await connection.execute(_POSITIONS, [lane])).fetchall()
    return {name: Progress(seq, last_seq) for name, seq, last_seq in found}


async def seen_until_us(connection: Connection, name: str, lane: int, now_us: int) -> int:
    """The lane time up to which a tail has seen every row; 0 before its first. What is missing by then is missing."""
    found = await (await connection.execute(_SEEN_UNTIL, {"tail": name, "lane": lane, "now_us": now_us})).fetchone()
    return 0 if found is None else int(found[0])


async def read_span(connection: Connection, span: Span, condition: str = "true") -> list[TailRow]:
    """The rows of a span in order, with their side records.

    :param condition: SQL over ``row``, a constant of the program: what the tail does not need is not fetched.
    """
    statement = sql.SQL(_ROWS).format(condition=sql.SQL(condition))
    async with connection.cursor(row_factory=class_row(TailRow)) as cursor:
        return await (await cursor.execute(statement, span.values())).fetchall()
