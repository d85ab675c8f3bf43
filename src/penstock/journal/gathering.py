"""The keys of a partition, read while it is being filled, so that little is left to do when it is closed.

Reading and sorting millions of keys at once takes the processors from payments for a quarter of a minute; a few each second are not felt.
And a page that is read soon after it was written need not be logged whole: the first reader marks its rows as committed (hint
bits), which after a checkpoint of PostgreSQL costs a copy of the page in its log.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from penstock.journal import ids
from penstock.journal.keys import KEY
from penstock.journal.partitions import Partition

#: Keys that are sorted together as soon as they are there.
RUN_KEYS: Final = 1 << 16
#: Pages of keys that are read at once: about a millisecond of work.
_PAGES_AT_ONCE: Final = 64
_KEYS: Final = """
    SELECT first_seq, keys FROM journal_key WHERE lane = %s AND first_seq BETWEEN %s AND %s ORDER BY first_seq LIMIT %s
"""
#: In place of pages where there are none: no row has this number.
_NO_PAGE: Final = [(0, b"")]

Rest = Callable[[], None]


def never() -> None:
    """Take no rest."""
    return


class Gathered:
    """What is known of a partition's keys: its ids, in sorted runs, and which of its rows follow a payment."""

    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.next_seq = partition.first_seq
        self._ids = np.empty(partition.end_seq - partition.first_seq, ids.ID)
        self._in_order = 0
        self._follows = array("q")  # two numbers for each row, whatever the size of the pages that they came in

    def gather(self, connection: Connection[Any], last_seq: int, rest: Rest = never) -> None:
        """Read the keys up to a row that is committed, or to the partition's end.

        :raises WrongPartition: when a key is missing.
        """
        last_seq = min(last_seq, self.partition.end_seq - 1)
        while self.next_seq <= last_seq:
            values = (self.partition.lane, self.next_seq, last_seq, _PAGES_AT_ONCE)
            pages = connection.execute(_KEYS, values, prepare=True, binary=True).fetchall()
            for first_seq, octets in pages or _NO_PAGE:
                if first_seq != self.next_seq:
                    raise ids.WrongPartition(
                        f"the key of row {self.next_seq} is missing in journal_key; stop the lane and run `penstock verify`"
                    )
                self._take(np.frombuffer(octets, KEY))
            rest()
            self._sort(RUN_KEYS, rest)

    def in_order(self, rest: Rest = never) -> Iterator[NDArray[Any]]:
        """All ids of the whole partition, of ``ID``, in the order of the pages, in pieces.

        :raises WrongPartition: when a client's id is there twice.
        """
        assert self.next_seq == self.partition.end_seq, "gather all keys first"
        self._sort(1, rest)
        return ids.merged([self._ids[start : start + RUN_KEYS] for start in range(0, len(self._ids), RUN_KEYS)])

    def follows(self) -> NDArray[np.int64]:
        """The rows that follow others of their payment (m, 2): its first one, and they; in order."""
        follows = np.array(self._follows, np.int64).reshape(-1, 2)
        return follows[np.lexsort((follows[:, 1], follows[:, 0]))]

    def _take(self, keys: NDArray[Any]) -> None:
        place = self.next_seq - self.partition.first_seq
        taken = self._ids[place : place + len(keys)]
        for name in ("id_hi", "id_lo", "client"):
            taken[name] = keys[name]
        taken["seq"] = np.arange(self.next_seq, self.next_seq + len(keys))
        later = np.flatnonzero(keys["follows"])
        if len(later):
            self._follows.frombytes(np.stack((keys["follows"][later], later + self.next_seq), axis=1).tobytes())
        self.next_seq += len(keys)

    def _sort(self, least: int, rest: Rest) -> None:
        """Bring runs into order that have all of their keys, or so many as ``least``."""
        known = self.next_seq - self.partition.first_seq
        while known - self._in_order >= least:
            end = min(self._in_order + RUN_KEYS, known)
            ids.sort(self._ids[self._in_order : end])
            self._in_order = end
            rest()


class Gathering:
    """What one keeper has gathered of its lane: the keys of the partition that is being filled, or closed."""

    def __init__(self, lane: int) -> None:
        self.lane = lane
        self._gathered: Gathered | None = None

    def of(self, partition: Partition) -> Gathered:
        """What is known of a partition; whatever was known of another is forgotten."""
        if self._gathered is None or self._gathered.partition != partition:
            self._gathered = Gathered(partition)
        return self._gathered
