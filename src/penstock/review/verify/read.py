"""All that the auditor asks of the database: one snapshot, read by several connections at once.

Sheets of rows come by ranges of the primary key as binary COPY. Ranges are fetched ahead on ``READERS`` connections that share
the snapshot.
"""

from __future__ import annotations

import uuid
from array import array
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Final, LiteralString

import numpy as np
import psycopg
from psycopg import Connection, sql

from penstock.kit import db
from penstock.review.verify.columns import BARE_ROWS, SELECTED, IntArray, Rows, Sheets, Unreadable, parse_sheets

AnyConnection = Connection[tuple[Any, ...]]
READERS: Final = 2
_HEADER_BYTES: Final = 19
_TRAILER: Final = b"\xff\xff"
_BATCHES_AT_ONCE: Final = 10_000
_ROWS_AT_ONCE: Final = 10_000
_PAGES_AT_ONCE: Final = 1_000
_FOLLOWS_AT_ONCE: Final = 50_000


class CannotVerify(RuntimeError):
    """The verification could not be carried out; the message says why and what to do."""


@dataclass(frozen=True)
class LaneEnd:
    """What the table ``lane`` says of a lane; None when the lane has rows but no record there."""

    epoch: int
    last_seq: int
    digest: bytes
    time_us: int


@dataclass(frozen=True)
class Batch:
    """One record of ``journal_batch``."""

    first_seq: int
    last_seq: int
    epoch: int
    encoding: int
    digest: bytes


@dataclass(frozen=True)
class Partition:
    """One record of ``journal_partition``: the rows ``first_seq`` up to, but not including, ``end_seq``."""

    first_seq: int
    end_seq: int
    closed: bool


@dataclass(frozen=True)
class Sides:
    """Side records in order: ``seqs`` int64 (n,) and their bodies."""

    seqs: IntArray
    bodies: list[bytes]

    def body_of(self, seq: int) -> bytes:
        """The body of one record; empty when there is none."""
        place = int(np.searchsorted(self.seqs, seq))
        return self.bodies[place] if place < len(self.seqs) and self.seqs[place] == seq else b""


@dataclass(frozen=True)
class Chunk:
    """Rows ``first`` to ``last`` of a lane with their side records, and the sheets in which they, or some in front of them, lie."""

    first: int
    last: int
    sheets: Sheets
    rows: Rows
    sides: Sides


class Reader:
    """Reads one snapshot of the journal on several connections; made by :func:`open_reader`."""

    def __init__(self, main: AnyConnection, others: Sequence[AnyConnection], pool: ThreadPoolExecutor) -> None:
        self._main = main
        self._pool = pool
        self._free: SimpleQueue[AnyConnection] = SimpleQueue()
        for connection in others:
            self._free.put(connection)

    def lanes(self) -> list[int]:
        """Every lane that has a record, a batch or a row."""
        lanes = {lane for (lane,) in self._main.execute("SELECT lane FROM lane UNION SELECT lane FROM journal_batch")}
        for table in ("journal_sheet", "journal_side"):
            least = -(2**15) - 1
            query = sql.SQL("SELECT min(lane) FROM {} WHERE lane > %s").format(sql.Identifier(table))
            while (least := self._number(query, least)) is not None:
                lanes.add(least)
        return sorted(lanes)

    def lane_end(self, lane: int) -> LaneEnd | None:
        """The lane's record."""
        query = "SELECT epoch, last_seq, digest, time_us FROM lane WHERE lane = %s"
        record = self._main.execute(query, [lane]).fetchone()
        return LaneEnd(*record) if record else None

    def partitions(self, lane: int) -> list[Partition]:
        """The lane's partitions in order."""
        query = "SELECT first_seq, end_seq, indexed FROM journal_partition WHERE lane = %s ORDER BY first_seq"
        return [Partition(*record) for record in self._main.execute(query, [lane])]

    def last_row(self, lane: int, at_most: int) -> int:
        """The highest sequence of a row, not above ``at_most``; 0 = none."""
        query = sql.SQL(
            "SELECT max(first_seq + greatest(rows, 0) - 1) FROM (SELECT first_seq, rows FROM journal_sheet "
            "WHERE lane = %s AND first_seq BETWEEN 1 AND %s ORDER BY first_seq DESC LIMIT %s) AS newest"
        )
        return min(self._number(query, lane, at_most, BARE_ROWS) or 0, at_most)

    def rows_outside(self, lane: int, last_seq: int, most: int) -> list[int]:
        """At most ``most`` sheets with rows before 1 or after ``last_seq``: the first such row of each."""
        query = (
            "SELECT CASE WHEN first_seq < 1 THEN first_seq ELSE greatest(first_seq, %(last)s + 1) END FROM journal_sheet "
            "WHERE lane = %(lane)s AND (first_seq < 1 OR first_seq > %(last)s - %(rows)s) "
            "AND (first_seq < 1 OR first_seq > %(last)s + 1 - greatest(rows, 1)) ORDER BY first_seq LIMIT %(most)s"
        )
        values = {"lane": lane, "last": last_seq, "rows": BARE_ROWS, "most": most}
        return [seq for (seq,) in self._main.execute(query, values)]

    def sides_outside(self, lane: int, last_seq: int, most: int) -> list[int]:
        """At most ``most`` sequences of side records that lie before 1 or after ``last_seq``."""
        query = "SELECT seq FROM journal_side WHERE lane = %s AND (seq < 1 OR seq > %s) ORDER BY seq LIMIT %s"
        return [seq for (seq,) in self._main.execute(query, [lane, last_seq, most])]

    def batches(self, lane: int) -> Iterator[Batch]:
        """The batches of a lane in order of ``last_seq``."""
        query = (
            "SELECT first_seq, last_seq, epoch, encoding, digest FROM journal_batch "
            "WHERE lane = %s AND last_seq > %s ORDER BY last_seq LIMIT %s"
        )
        after = -(2**63)
        while found := self._main.execute(query, [lane, after, _BATCHES_AT_ONCE]).fetchall():
            yield from (Batch(*record) for record in found)
            after = found[-1][1]

    def ids_at(self, lane: int, seqs: Sequence[int]) -> dict[int, tuple[int, str]]:
        """Client and command id of single rows."""
        found: dict[int, tuple[int, str]] = {}
        for rows in self.rows_at(lane, seqs):
            numbers = zip(*(rows[name].tolist() for name in ("seq", "client", "id_hi", "id_lo")), strict=True)
            found |= {seq: (client, _uuid(upper, lower)) for seq, client, upper, lower in numbers}
        return found

    def rows_at(self, lane: int, seqs: Sequence[int]) -> Iterator[Rows]:
        """Single rows in order of ``seq``, in runs; those that do not exist are left out."""
        wanted = sorted(set(seqs))
        for start in range(0, len(wanted), _ROWS_AT_ONCE):
            some = wanted[start : start + _ROWS_AT_ONCE]
            yield _read_sheets(self._main, _single_rows(lane, some), some[0], some[-1])[1]

    def id_pages(self, lane: int, partition: int) -> Iterator[list[tuple[int, int, int, bytes]]]:
        """The pages of ``journal_ids`` of a partition in order, many at a time: upper and lower half, client, and all ids."""
        query = (
            "SELECT first_hi, first_lo, first_client, ids FROM journal_ids WHERE lane = %s AND partition = %s "
            "ORDER BY first_hi, first_lo, first_client"
        )
        yield from self._pieces(query, [lane, partition], _PAGES_AT_ONCE)

    def partitions_with_ids(self, lane: int) -> list[int]:
        """The partitions of which ``journal_ids`` has pages."""
        query = "SELECT DISTINCT partition FROM journal_ids WHERE lane = %s ORDER BY partition"
        return [partition for (partition,) in self._main.execute(query, [lane])]

    def follows(self, lane: int) -> Iterator[list[tuple[int, int]]]:
        """What ``journal_follow`` has, many at a time: a payment's first row, and one that follows it."""
        yield from self._pieces("SELECT ref_seq, seq FROM journal_follow WHERE lane = %s", [lane], _FOLLOWS_AT_ONCE)

    def fetch(self, lane: int, first: int, last: int) -> Future[Chunk]:
        """Begin to read rows ``first`` to ``last``."""
        return self._pool.submit(self._fetch, lane, first, last)

    def _fetch(self, lane: int, first: int, last: int) -> Chunk:
        connection = self._free.get()
        try:
            sheets, rows = _read_sheets(connection, _sheets_with(lane, first, last), first, last)
            return Chunk(first, last, sheets, rows, _read_sides(connection, lane, first, last))
        finally:
            self._free.put(connection)

    def _pieces(self, query: LiteralString, values: Sequence[Any], most: int) -> Iterator[list[Any]]:
        with self._main.cursor("verify", binary=True) as cursor:
            cursor.execute(query, values)
            while found := cursor.fetchmany(most):
                yield found

    def _number(self, query: sql.SQL | sql.Composed, *values: Any) -> Any:
        record = self._main.execute(query, values).fetchone()
        assert record is not None  # an aggregate always has one row
        return record[0]


@contextmanager
def open_reader(connect: Callable[[], AnyConnection]) -> Iterator[Reader]:
    """Open the connections on one snapshot.

    :param connect: makes a connection that has the journal's schema in its search path.
    :raises psycopg.OperationalError: when the database cannot be reached.
    """
    connections: list[AnyConnection] = []
    with ThreadPoolExecutor(READERS) as pool:
        try:
            connections.append(connect())
            _begin(connections[0])
            snapshot = connections[0].execute("SELECT pg_export_snapshot()").fetchone()
            assert snapshot is not None
            for _ in range(READERS):
                connections.append(connect())
                _begin(connections[-1], snapshot[0])
            yield Reader(connections[0], connections[1:], pool)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            for connection in connections:
                connection.close()


def _begin(connection: AnyConnection, snapshot: str | None = None) -> None:
    connection.autocommit = True  # the transaction is our own, with its own isolation
    for setting in ("statement_timeout", "idle_in_transaction_session_timeout", "jit"):  # 0 = off
        connection.execute(sql.SQL("SET {} = 0").format(sql.Identifier(setting)))
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    if snapshot is not None:
        connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))


def _read_sheets(connection: AnyConnection, query: str, first: int, last: int) -> tuple[Sheets, Rows]:
    try:
        return parse_sheets(*_copy_body(connection, query), first, last)
    except Unreadable as error:
        raise CannotVerify(
            "the table journal_sheet has not the columns of docs/journal-format.md (a column is NULL or has another "
            "type); compare it with src/penstock/journal/migrations/versions/0012_sheets.sql"
        ) from error


def _sheets_with(lane: int, first: int, last: int) -> str:
    """The sheets in which rows ``first`` to ``last`` lie: none that may be begins further in front of them."""
    since = int(first) - BARE_ROWS
    where = f"lane = {int(lane)} AND first_seq > {since} AND first_seq <= {int(last)}"
    return f"SELECT {SELECTED} FROM journal_sheet WHERE {where} ORDER BY first_seq"  # noqa: S608 - our words and ints


def _single_rows(lane: int, seqs: Sequence[int]) -> str:
    """Rows of which there may be some, each as a sheet of its own."""
    named = ",".join(str(int(seq)) for seq in seqs)
    return f"""
        SELECT seq AS first_seq, 1::smallint AS rows, substring(records, (seq - first_seq)::integer * row_bytes + 1, row_bytes)
        FROM unnest('{{{named}}}'::bigint[]) AS wanted (seq) CROSS JOIN LATERAL (
            SELECT first_seq, records, octet_length(records) / rows AS row_bytes FROM journal_sheet
            WHERE lane = {int(lane)} AND first_seq > seq - {BARE_ROWS} AND first_seq <= seq AND rows > seq - first_seq
        ) AS sheet ORDER BY seq, sheet.first_seq
    """  # noqa: S608 - our words and ints


def _read_sides(connection: AnyConnection, lane: int, first: int, last: int) -> Sides:
    where = f"lane = {int(lane)} AND seq BETWEEN {int(first)} AND {int(last)}"
    query = f"SELECT seq, body FROM journal_side WHERE {where} ORDER BY seq"  # noqa: S608 - our words and ints
    messages = _copy_messages(connection, query)
    seqs = np.frombuffer(b"".join(message[6:14] for message in messages), dtype=">i8")
    return Sides(seqs.astype(np.int64), [message[18:] for message in messages])


def _copy_messages(connection: AnyConnection, query: str) -> list[bytes]:
    """Each row of a binary COPY of a query."""
    messages: list[bytes] = []
    _copy(connection, query, lambda message: messages.append(bytes(message)))
    if messages:  # the header and the trailer may be messages of their own
        messages[0] = messages[0][_HEADER_BYTES:]
        messages[-1] = messages[-1][: -len(_TRAILER)]
    return [message for message in messages if message]


def _copy_body(connection: AnyConnection, query: str) -> tuple[memoryview, IntArray]:
    """All rows of a binary COPY of a query, one after another, and the bytes of each (n,)."""
    body, sizes = bytearray(), array("q")

    def keep(message: memoryview) -> None:
        body.extend(message)
        sizes.append(len(message))

    _copy(connection, query, keep)
    sizes[0] -= _HEADER_BYTES  # the header and the trailer may be messages of their own
    sizes[-1] -= len(_TRAILER)
    lengths = np.array(sizes, dtype=np.int64)
    return memoryview(body)[_HEADER_BYTES : -len(_TRAILER)], lengths[lengths > 0]


def _copy(connection: AnyConnection, query: str, keep: Callable[[memoryview], object]) -> None:
    """Hand over each message of a binary COPY of a query."""
    try:
        db.copy_out(connection, sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(sql.SQL(query)), keep)
    except psycopg.Error as error:
        raise CannotVerify(f"the journal cannot be read: {error}") from error


def _uuid(upper: int, lower: int) -> str:
    return str(uuid.UUID(int=(upper & 2**64 - 1) << 64 | lower & 2**64 - 1))
