"""Memory for copies that is used again: fresh memory costs a fault for each of its pages, several times what copying costs."""

from __future__ import annotations

from collections import deque

import numpy as np

from penstock.state.tables import Int64


class Spare:
    """A few buffers that go back and forth between the one who copies and the one who has written the copy."""

    def __init__(self) -> None:
        self._free: deque[Int64] = deque()

    def take(self, records: int, columns: int) -> Int64:
        """An array (records, columns) with anything in it."""
        buffer = self._free.popleft() if self._free else np.empty(0, np.int64)
        if len(buffer) < records * columns:
            buffer = np.empty(records * columns, np.int64)
        return buffer[: records * columns].reshape(records, columns)

    def give(self, array: Int64) -> None:
        """Give back what ``take`` gave, or any part of it from its beginning."""
        whole = array
        while isinstance(whole.base, np.ndarray):
            whole = whole.base
        self._free.append(whole)
