"""The partitions of the journal: attached ahead, frozen when closed. What else is done when one closes is in ``closing.py``.

Run by the keeper as ``penstock_keeper``, who owns the tables. A partition is made apart and then
attached, because CREATE … PARTITION OF would stall the lane: ATTACH takes a lock that lets rows in.
"""

from __future__ import annotations

from typing import Any, Final, LiteralString, NamedTuple

from psycopg import Connection, sql

from penstock.journal.layout import TABLE

#: The partitioned tables, and what their keys count beside the lane.
PARENTS: Final = {TABLE: "first_seq", "journal_side": "seq"}
#: The third one is emptied when a partition is closed.
KEYS: Final = "journal_key"
_ALL: Final = {**PARENTS, KEYS: "first_seq"}

# No CHECK constraint: the table is empty when it is attached, and a constraint would be evaluated for
# each row afterwards. No autovacuum: it would analyse again and again what grows; a closed partition is analysed and
# frozen once, below. (PostgreSQL still vacuums any table whose transaction ids are about to wrap around.)
_MAKE: Final = """
    CREATE TABLE {child} (LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)
        WITH (autovacuum_enabled = false)
"""
_KEY: Final = "ALTER TABLE {child} ADD PRIMARY KEY (lane, {key})"
_ATTACH: Final = """
    ALTER TABLE {parent} ATTACH PARTITION {child} FOR VALUES FROM ({lane}, {first}) TO ({lane}, {end})
"""
_RECORD: Final = "INSERT INTO journal_partition (lane, first_seq, end_seq) VALUES (%s, %s, %s)"
_KNOWN: Final = "SELECT first_seq, end_seq FROM journal_partition WHERE lane = %s ORDER BY first_seq"
_CLOSED: Final = """
    SELECT first_seq, end_seq FROM journal_partition
    WHERE lane = %s AND end_seq - 1 <= %s AND NOT indexed ORDER BY first_seq
"""
_FREEZE: Final = "VACUUM (FREEZE) {child}"
_FILLED: Final = """
    SELECT first_seq, end_seq FROM journal_partition
    WHERE lane = %(lane)s AND first_seq <= %(last_seq)s AND %(last_seq)s < end_seq AND NOT indexed
"""
_UNFROZEN: Final = "SELECT first_seq, end_seq FROM journal_partition WHERE lane = %s AND indexed AND NOT frozen ORDER BY first_seq"
_MARK_FROZEN: Final = "UPDATE journal_partition SET frozen = true WHERE lane = %s AND first_seq = %s"


class Partition(NamedTuple):
    """The rows ``first_seq`` up to, but not including, ``end_seq`` of a lane."""

    lane: int
    first_seq: int
    end_seq: int


def ensure_ahead(
    connection: Connection[Any], lane: int, last_seq: int, partition_rows: int, ahead: int
) -> list[Partition]:
    """Attach partitions until ``ahead`` of them lie wholly beyond the one that takes the next row.

    :param connection: as penstock_keeper, with a lock time-out, not inside a transaction.
    :param last_seq: the last committed row of the lane, 0 = none.
    :param partition_rows: rows of each partition of a new journal; all partitions of a journal have one size, so
        one that exists keeps its own.
    :return: the partitions that were made, none when there was nothing to do.
    :raises psycopg.errors.LockNotAvailable: when a lock was not free in time; try again later.
    """
    known = connection.execute(_KNOWN, [lane]).fetchall()
    connection.commit()
    rows = known[0][1] - known[0][0] if known else partition_rows
    next_first = known[-1][1] if known else 1
    missing = ahead + 1 - sum(end > last_seq + 1 for _, end in known)
    made = []
    for first in range(next_first, next_first + missing * rows, rows):
        partition = Partition(lane, first, first + rows)
        with connection.transaction():
            _make(connection, partition)
        made.append(partition)
    return made


def closed(connection: Connection[Any], lane: int, last_seq: int) -> list[Partition]:
    """The partitions whose rows are all committed and that have no index yet, in order.

    :param last_seq: the last committed row of the lane.
    """
    return [Partition(lane, first, end) for first, end in connection.execute(_CLOSED, [lane, last_seq]).fetchall()]


def filled(connection: Connection[Any], lane: int, last_seq: int) -> Partition | None:
    """The partition that the lane fills, None = it has just left one and there is no row in the next."""
    found = connection.execute(_FILLED, {"lane": lane, "last_seq": last_seq}).fetchone()
    return None if found is None else Partition(lane, *found)


def unfrozen(connection: Connection[Any], lane: int) -> list[Partition]:
    """The closed partitions that have not been frozen, in order."""
    return [Partition(lane, first, end) for first, end in connection.execute(_UNFROZEN, [lane]).fetchall()]


def freeze(connection: Connection[Any], partition: Partition) -> None:
    """Freeze a closed partition, once for all: no autovacuum will have to read it. As slow as writing it was.

    :param connection: as penstock_keeper, in autocommit mode (VACUUM), without statement time-out.
    """
    for table in (*(table_of(parent, partition) for parent in PARENTS), "journal_ids", "journal_follow"):
        connection.execute(fill(_FREEZE, child=table))
    connection.execute(_MARK_FROZEN, [partition.lane, partition.first_seq])


def _make(connection: Connection[Any], partition: Partition) -> None:
    lane, first, end = partition
    for parent, key in _ALL.items():
        child = table_of(parent, partition)
        connection.execute(fill(_MAKE, child=child, parent=parent))
        connection.execute(fill(_KEY, child=child, key=key))
        connection.execute(fill(_ATTACH, child=child, parent=parent, lane=lane, first=first, end=end))
    connection.execute(_RECORD, partition)


def table_of(parent: str, partition: Partition) -> str:
    """The name of a partition of one of the partitioned tables."""
    return f"{parent}_{partition.lane}_{partition.first_seq}"


def fill(template: LiteralString, **parts: str | int) -> sql.Composed:
    """Fill a statement: texts are names, numbers are values."""
    return sql.SQL(template).format(**{key: sql.Identifier(part) if isinstance(part, str) else part for key, part in parts.items()})
