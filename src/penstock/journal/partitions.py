"""The partitions of the journal: attached ahead, indexed when closed. All their SQL is here.

Run by the keeper as ``penstock_keeper``, who owns the tables. A partition is made apart and then
attached, because CREATE … PARTITION OF would stall the lane: ATTACH takes a lock that lets rows in.
"""

from __future__ import annotations

from typing import Any, Final, LiteralString, NamedTuple

import psycopg
from psycopg import Connection, sql

from penstock.journal.layout import TABLE, expression

_PARENTS: Final = (TABLE, "journal_side")

# No CHECK constraint: the table is empty when it is attached, and a constraint would be evaluated for
# each row afterwards. No autovacuum: it would analyse again and again what grows; a closed partition is analysed and
# frozen once, below. (PostgreSQL still vacuums any table whose transaction ids are about to wrap around.)
_MAKE: Final = """
    CREATE TABLE {child} (LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)
        WITH (autovacuum_enabled = false)
"""
_KEY: Final = "ALTER TABLE {child} ADD PRIMARY KEY (lane, seq)"
_ATTACH: Final = """
    ALTER TABLE {parent} ATTACH PARTITION {child} FOR VALUES FROM ({lane}, {first}) TO ({lane}, {end})
"""
_RECORD: Final = "INSERT INTO journal_partition (lane, first_seq, end_seq) VALUES (%s, %s, %s)"
_KNOWN: Final = "SELECT first_seq, end_seq FROM journal_partition WHERE lane = %s ORDER BY first_seq"
_CLOSED: Final = """
    SELECT first_seq, end_seq FROM journal_partition
    WHERE lane = %s AND end_seq - 1 <= %s AND NOT indexed ORDER BY first_seq
"""
# One session at a time: that of a keeper which has died may still be at work, and of two that make one index the later one
# breaks the uniqueness of its name.
_ALONE: Final = "LOCK TABLE {child} IN SHARE UPDATE EXCLUSIVE MODE"
# Of the id's halves and the client, and of (ref_seq) where it is above 0: of their expressions, because they are not stored.
# Whole numbers are sorted in 0.6 times what a uuid takes, and the upper half of an id, its time, lays new ids side by side.
_INDEX_ID: Final = "CREATE UNIQUE INDEX IF NOT EXISTS {index} ON {child} (({id_hi}), ({id_lo}), ({client}))"
_INDEX_REF: Final = "CREATE INDEX IF NOT EXISTS {index} ON {child} (({ref_seq})) WHERE {ref_seq} > 0"
_COLUMNS: Final = {name: sql.SQL(expression(name)) for name in ("id_hi", "id_lo", "client", "ref_seq")}
_ANALYZE: Final = "ANALYZE {child}"
_FREEZE: Final = "VACUUM (FREEZE) {child}"
_UNFROZEN: Final = "SELECT first_seq, end_seq FROM journal_partition WHERE lane = %s AND indexed AND NOT frozen ORDER BY first_seq"
_MARK_FROZEN: Final = "UPDATE journal_partition SET frozen = true WHERE lane = %s AND first_seq = %s"
_MARK: Final = """
    UPDATE journal_partition SET
        first_time_us = (SELECT time_us FROM journal WHERE lane = %(lane)s AND seq = %(first)s),
        last_time_us = (SELECT time_us FROM journal WHERE lane = %(lane)s AND seq = %(end)s - 1),
        indexed = true
    WHERE lane = %(lane)s AND first_seq = %(first)s
"""


class Partition(NamedTuple):
    """The rows ``first_seq`` up to, but not including, ``end_seq`` of a lane."""

    lane: int
    first_seq: int
    end_seq: int


class DuplicateIds(RuntimeError):
    """A closed partition holds one command id twice: the journal is not what the lane wrote."""


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


def close_and_index(connection: Connection[Any], lane: int, last_seq: int) -> list[Partition]:
    """Index and mark the partitions whose rows are all committed. Slow; may be broken off anywhere.

    :param connection: as penstock_keeper, in autocommit mode, without statement time-out.
    :param last_seq: the last committed row of the lane.
    :return: the partitions that were closed.
    :raises DuplicateIds: when a command id appears twice; the partition stays unmarked.
    :raises psycopg.errors.LockNotAvailable: when another session is at it; try again later.
    """
    found = closed(connection, lane, last_seq)
    for partition in found:
        _index(connection, partition)
        for parent in _PARENTS:
            connection.execute(_fill(_ANALYZE, child=_name(parent, partition)))
        connection.execute(_MARK, {"lane": lane, "first": partition.first_seq, "end": partition.end_seq})
    return found


def unfrozen(connection: Connection[Any], lane: int) -> list[Partition]:
    """The closed partitions that have not been frozen, in order."""
    return [Partition(lane, first, end) for first, end in connection.execute(_UNFROZEN, [lane]).fetchall()]


def freeze(connection: Connection[Any], partition: Partition) -> None:
    """Freeze a closed partition, once for all: no autovacuum will have to read it. As slow as writing it was.

    :param connection: as penstock_keeper, in autocommit mode (VACUUM), without statement time-out.
    """
    for parent in _PARENTS:
        connection.execute(_fill(_FREEZE, child=_name(parent, partition)))
    connection.execute(_MARK_FROZEN, [partition.lane, partition.first_seq])


def _make(connection: Connection[Any], partition: Partition) -> None:
    lane, first, end = partition
    for parent in _PARENTS:
        child = _name(parent, partition)
        connection.execute(_fill(_MAKE, child=child, parent=parent))
        connection.execute(_fill(_KEY, child=child))
        connection.execute(_fill(_ATTACH, child=child, parent=parent, lane=lane, first=first, end=end))
    connection.execute(_RECORD, partition)


def _index(connection: Connection[Any], partition: Partition) -> None:
    child = _name(TABLE, partition)
    try:
        _create(connection, _INDEX_ID, child, f"{child}_id")
    except psycopg.errors.UniqueViolation as error:
        _, _, twice = (error.diag.message_detail or "").rpartition("=")
        raise DuplicateIds(
            f"{child} holds a command id twice (its halves and the client: {twice}); stop the lane and run `penstock verify`"
        ) from error
    _create(connection, _INDEX_REF, child, f"{child}_ref")


def _create(connection: Connection[Any], statement: LiteralString, child: str, index: str) -> None:
    with connection.transaction():
        connection.execute(_fill(_ALONE, child=child))
        connection.execute(_fill(statement, child=child, index=index, **_COLUMNS))


def _name(parent: str, partition: Partition) -> str:
    return f"{parent}_{partition.lane}_{partition.first_seq}"


def _fill(template: LiteralString, **parts: str | int | sql.SQL) -> sql.Composed:
    """Fill a statement: texts are names, numbers are values."""
    return sql.SQL(template).format(**{key: sql.Identifier(part) if isinstance(part, str) else part for key, part in parts.items()})
