"""Tails: whatever follows from the journal is made behind the lane, in order, from a cursor of its own.

A tail is given spans of committed rows, one after another without gaps, and stores its cursor in the same
transaction as what it made of them: after any crash each row has had its effect exactly once. What a tail
does outside this database needs an id made of the tail's name and the sequence, so that a repetition shows.

Which rows of a span it is given, the tail says itself, by a look at whole columns: most rows are wanted by none, and
where a tail wants nothing only its cursor moves. One reader can so look for all tails at once; see
``app/office/following.py``.
Connections: role ``penstock_office``, autocommit; see ``app/office/database.py``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection, sql
from psycopg.rows import class_row

from penstock.journal import stretches
from penstock.journal.stretches import Mask, Stretch

Connection = AsyncConnection[Any]


class Span(NamedTuple):
    """The rows of a lane with ``after < seq <= until``, all of them committed; ``seqs``: those that the tail wants, in order."""

    lane: int
    after: int
    until: int
    seqs: Sequence[int] = ()

    def values(self) -> dict[str, Any]:
        """The span as parameters of a statement that holds ``IN_SPAN`` or ``WANTED``."""
        return {**self._asdict(), "seqs": list(self.seqs)}

    def parts(self, most_wanted: int) -> list[Span]:
        """The span as spans that follow one another, in each of which no more is wanted."""
        pieces = [self.seqs[first : first + most_wanted] for first in range(0, len(self.seqs), most_wanted)] or [()]
        ends = [*(piece[-1] for piece in pieces[:-1]), self.until]
        return [Span(self.lane, after, until, piece) for after, until, piece in zip([self.after, *ends], ends, pieces, strict=False)]


#: Where a statement has its ``row`` from that reads a span and nothing else.
IN_SPAN: Final = "journal_between(%(lane)s, %(after)s, %(until)s) AS row"
#: Where it has it from when it reads what a tail wants of a span.
WANTED: Final = "unnest(%(seqs)s::bigint[]) AS wanted (seq) CROSS JOIN LATERAL journal_at(%(lane)s, wanted.seq) AS row"
#: The side record of a span's row, as a column. A join could be planned as a scan of all side records, because
#: nothing is known of a hot partition's size; this is one look-up for each row that is wanted.
SIDE: Final = "(SELECT body FROM journal_side WHERE journal_side.lane = row.lane AND journal_side.seq = row.seq) AS side"

#: What a tail wants of a stretch. It must want each row that ``handle`` would do something with; it may want more.
Look = Callable[[Connection, Stretch], Awaitable[Mask]]
#: How a stretch is come by.
Read = Callable[[Connection, int, int, int], Awaitable[Stretch]]


def by_columns(wants: Callable[[Stretch], Mask]) -> Look:
    """A look that needs nothing but the rows."""

    async def look(_: Connection, stretch: Stretch) -> Mask:
        return wants(stretch)

    return look


def _everything(stretch: Stretch) -> Mask:
    return stretch.positive("seq")


_EVERYTHING: Final = by_columns(_everything)


@dataclass(frozen=True)
class Tail:
    """A name, unique for ever, and what is done with each span, inside the transaction that moves the cursor."""

    name: str
    handle: Callable[[Connection, Span], Awaitable[None]]
    wants: Look = _EVERYTHING
    #: Makes ready for looking from a sequence of a lane on, where that takes long; looking does it too if need be.
    warm: Callable[[Connection, int, int], Awaitable[None]] | None = None


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
    SELECT {_COLUMNS}, {SIDE} FROM {WANTED}
    WHERE {{condition}} ORDER BY row.seq
"""  # noqa: S608 - constants
_POSITION: Final = """
    SELECT coalesce((SELECT seq FROM tail_cursor WHERE tail = %(tail)s AND lane = %(lane)s), 0),
           coalesce((SELECT last_seq FROM lane WHERE lane = %(lane)s), 0)
"""
_LAST_SEQ: Final = "SELECT last_seq FROM lane WHERE lane = %s"
_BEGIN: Final = """
    INSERT INTO tail_cursor (tail, lane, seq) SELECT tail, %(lane)s, 0 FROM unnest(%(tails)s::text[]) AS tail
    ON CONFLICT DO NOTHING
"""
#: The row's lock lets one process at a time move a cursor.
_LOCK: Final = "SELECT seq FROM tail_cursor WHERE tail = %(tail)s AND lane = %(lane)s FOR UPDATE"
_MOVE: Final = "UPDATE tail_cursor SET seq = %(until)s WHERE tail = %(tail)s AND lane = %(lane)s"
#: A cursor that another process holds is left to that process.
_MOVE_ALL: Final = """
    UPDATE tail_cursor SET seq = %(until)s WHERE lane = %(lane)s AND tail IN (
        SELECT tail FROM tail_cursor WHERE lane = %(lane)s AND tail = ANY(%(tails)s) AND seq = %(after)s
        FOR UPDATE SKIP LOCKED
    ) RETURNING tail
"""
_POSITIONS: Final = """
    SELECT tail, tail_cursor.seq, lane.last_seq FROM tail_cursor JOIN lane USING (lane) WHERE lane = %s ORDER BY tail
"""
#: The time up to which a tail has seen everything: of the row at its cursor, or the given now when it has seen all.
_SEEN_UNTIL: Final = """
    SELECT CASE WHEN cursor.seq = lane.last_seq THEN greatest(%(now_us)s, lane.time_us) ELSE coalesce(
        (SELECT time_us FROM journal_at(cursor.lane, cursor.seq)), 0) END
    FROM tail_cursor AS cursor JOIN lane ON lane.lane = cursor.lane
    WHERE cursor.tail = %(tail)s AND cursor.lane = %(lane)s
"""


async def advance(
    connection: Connection, tail: Tail, lane: int, most_rows: int, *, read: Read = stretches.read, end: int | None = None
) -> Progress:
    """Let a tail look at the next rows, at most ``most_rows``, and handle what it wants; say where it stands then.

    What ``handle`` raises undoes all of it; the same rows come again.

    :param read: where the rows come from; it may give fewer.
    :param end: go no further than this sequence.
    """
    await begin(connection, lane, [tail.name])
    progress = await position(connection, tail.name, lane)
    until = min(progress.seq + most_rows, progress.last_seq if end is None else min(end, progress.last_seq))
    if until <= progress.seq:
        return progress
    span = await choose(connection, tail, await read(connection, lane, progress.seq, until))
    if await follow(connection, tail, span):
        return Progress(span.until, progress.last_seq)
    return await position(connection, tail.name, lane)  # another process has moved it


async def begin(connection: Connection, lane: int, names: Sequence[str]) -> None:
    """See that tails have cursors."""
    await connection.execute(_BEGIN, {"lane": lane, "tails": list(names)})


async def choose(connection: Connection, tail: Tail, stretch: Stretch) -> Span:
    """The span of a stretch, with what the tail wants of it."""
    mask = await tail.wants(connection, stretch)
    seqs = stretch.column("seq")[mask].tolist() if mask.any() else ()
    return Span(stretch.lane, stretch.after, stretch.until, seqs)


async def follow(connection: Connection, tail: Tail, span: Span) -> bool:
    """Let a tail handle a span, and move its cursor, in one transaction; false when the cursor is not where the span begins."""
    if not span.seqs:
        return bool(await move(connection, [tail.name], span))
    named = {"tail": tail.name, "lane": span.lane}
    async with connection.transaction():
        found = await (await connection.execute(_LOCK, named)).fetchone()
        if found is None or found[0] != span.after:
            return False
        await tail.handle(connection, span)
        await connection.execute(_MOVE, {**named, "until": span.until})
    return True


async def move(connection: Connection, names: Sequence[str], span: Span) -> set[str]:
    """Move the cursors of tails that want nothing of a span, all at once; the names of those that stood where it begins."""
    values = {"tails": list(names), "lane": span.lane, "after": span.after, "until": span.until}
    return {name for (name,) in await (await connection.execute(_MOVE_ALL, values)).fetchall()}


async def position(connection: Connection, name: str, lane: int) -> Progress:
    """Where a tail stands."""
    found = await (await connection.execute(_POSITION, {"tail": name, "lane": lane})).fetchone()
    assert found is not None  # a select without a table has one row
    return Progress(*found)


async def last_seq(connection: Connection, lane: int) -> int:
    """Where the lane stands; 0 before its first row."""
    found = await (await connection.execute(_LAST_SEQ, [lane])).fetchone()
    return 0 if found is None else int(found[0])


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
