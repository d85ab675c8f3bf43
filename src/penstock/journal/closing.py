"""Closing a partition: what is asked of its rows from then on, by id and by payment, is written down beside it.

Run by the keeper as ``penstock_keeper``. The lane forgets the ids of a partition when it is marked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, LiteralString

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import Connection

from penstock.journal import ids
from penstock.journal.gathering import Gathered, Gathering, Rest, never
from penstock.journal.partitions import KEYS, PARENTS, Partition, closed, fill, table_of
from penstock.journal.sheets import COPY_BEGIN, COPY_END

# One session at a time; another one waits, and finds it done.
_INDEXED: Final = "SELECT indexed FROM journal_partition WHERE lane = %s AND first_seq = %s"
_MINE: Final = f"{_INDEXED} FOR UPDATE"
_COPY_FOLLOWS: Final = "COPY journal_follow (lane, ref_seq, seq) FROM STDIN (FORMAT BINARY)"
_MARK: Final = """
    UPDATE journal_partition SET
        first_time_us = (SELECT time_us FROM journal_at(%(lane)s, %(first)s)),
        last_time_us = (SELECT time_us FROM journal_at(%(lane)s, %(end)s - 1)),
        indexed = true
    WHERE lane = %(lane)s AND first_seq = %(first)s
"""
# What is planned by, without the rows themselves. Keys lie evenly: a tenth of the usual sample says as much, and takes 0.1 s instead of 1 s.
_SAMPLE: Final = "SET LOCAL default_statistics_target = 10"
_ANALYZE: Final = "ANALYZE {child} (lane, {key})"
_EMPTY: Final = "TRUNCATE {child}"
#: A tuple of ``_COPY_FOLLOWS``: the number of columns, and each column's size before its value.
_FOLLOW: Final = struct.Struct(">hihiqiq")
#: Tuples, most of them a page of ids, that are written at once: about a millisecond of work.
_TUPLES_AT_ONCE: Final = 64


def close_and_index(connection: Connection[Any], gathering: Gathering, last_seq: int, rest: Rest = never) -> list[Partition]:
    """Index and mark the partitions whose rows are all committed. Slow; may be broken off anywhere.

    :param connection: as penstock_keeper, in autocommit mode, without statement time-out.
    :param gathering: what is known of the keys; what is not is read now.
    :param last_seq: the last committed row of the lane.
    :param rest: called after each piece of work: others may have more urgent things to do.
    :return: the partitions that were closed.
    :raises WrongPartition: when rows are missing or a command id is there twice; the partition stays unmarked.
    """
    return [
        partition for partition in closed(connection, gathering.lane, last_seq) if _close(connection, gathering.of(partition), rest)
    ]


def _close(connection: Connection[Any], gathered: Gathered, rest: Rest) -> bool:
    """Index a partition and mark it; false when another session has done so meanwhile."""
    lane, first, end = partition = gathered.partition
    try:
        gathered.gather(connection, end - 1, rest)
    except ids.WrongPartition:
        if _is_indexed(connection, partition):  # and so emptied
            return False
        raise
    _analyze(connection, partition)
    with connection.transaction(), connection.cursor() as cursor:
        if cursor.execute(_MINE, [lane, first]).fetchone() != (False,):
            return False
        _copy(cursor, ids.COPY_PAGES, ids.pages(lane, first, gathered.in_order(rest)), rest)
        _copy(cursor, _COPY_FOLLOWS, _follow_tuples(lane, gathered.follows()), rest)
        cursor.execute(_MARK, {"lane": lane, "first": first, "end": end})
        cursor.execute(fill(_EMPTY, child=table_of(KEYS, partition)))
    return True


def _analyze(connection: Connection[Any], partition: Partition) -> None:
    with connection.transaction():
        connection.execute(_SAMPLE)
        for parent, key in PARENTS.items():
            connection.execute(fill(_ANALYZE, child=table_of(parent, partition), key=key))


def _is_indexed(connection: Connection[Any], partition: Partition) -> bool:
    return connection.execute(_INDEXED, [partition.lane, partition.first_seq]).fetchone() == (True,)


def _follow_tuples(lane: int, follows: NDArray[np.int64]) -> Iterator[bytes]:
    return (_FOLLOW.pack(3, 2, lane, 8, ref_seq, 8, seq) for ref_seq, seq in follows.tolist())


def _copy(cursor: psycopg.Cursor[Any], statement: LiteralString, tuples: Iterator[bytes], rest: Rest) -> None:
    """Give tuples to a binary COPY, many at once."""
    with cursor.copy(statement) as copy:
        copy.write(COPY_BEGIN)
        while piece := b"".join(islice(tuples, _TUPLES_AT_ONCE)):
            copy.write(piece)
            rest()
        copy.write(COPY_END)
