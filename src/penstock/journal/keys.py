"""What closing a partition needs of each row, apart from the rows: their ids, and which payment they follow.

The table ``journal_key`` holds it for the partitions that are not closed yet: with 28 bytes of a row instead of all of them, a partition
is closed in a quarter of the time. When it is closed they are dropped. See docs/journal-format.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from penstock.journal.layout import within_partitions

#: What is kept of a row: the id's halves, the client that sent it, and the first row of the payment that it follows, 0 = none.
KEY: Final = np.dtype([("id_hi", "<i8"), ("id_lo", "<i8"), ("client", "<i4"), ("follows", "<i8")])
#: Keys for which a page of the database has room.
PAGE_KEYS: Final = 280


class Keys(NamedTuple):
    """The keys of rows from ``first_seq`` on, as bytes."""

    first_seq: int
    keys: bytes


def keys_of(rows: NDArray[Any], ends: Sequence[int] = ()) -> list[Keys]:
    """The keys of consecutive rows (n > 0,) of ``ROW``, in pages that cross no end of a partition.

    :param ends: in order, the first sequence behind each partition that the rows may reach.
    """
    first_seq = int(rows["seq"][0])
    keys = np.empty(len(rows), KEY)
    for name in ("id_hi", "id_lo", "client"):
        keys[name] = rows[name]
    keys["follows"] = np.where(rows["ref_prev_seq"] > 0, rows["ref_seq"], 0)
    octets = keys.tobytes()
    return [
        Keys(first_seq + place, octets[place * KEY.itemsize : min(place + PAGE_KEYS, end) * KEY.itemsize])
        for start, end in within_partitions(first_seq, len(rows), ends)
        for place in range(start, end, PAGE_KEYS)
    ]
