"""Rooms for the rows of batches: while the rows in one become durable, the next batch is posted into the other."""

from __future__ import annotations

from concurrent.futures import Future
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.row import ROW


class Room:
    """Space for the rows of one batch."""

    def __init__(self, rows: int) -> None:
        self.rows: NDArray[Any] = np.zeros(rows, ROW)
        self._used = 0
        self._durable: Future[None] | None = None

    def clear(self) -> NDArray[Any]:
        """The rows (n,) of ``ROW``, zeroed, once those that were here before are durable.

        :raises Exception: what their commit has raised.
        """
        if self._durable is not None:
            self._durable.result()
        self.rows.view(np.uint8)[: self._used * ROW.itemsize] = 0
        self._used, self._durable = 0, None
        return self.rows

    def keep(self, used: int, durable: Future[None]) -> None:
        """Leave the first ``used`` rows alone until ``durable``."""
        self._used, self._durable = used, durable


class Rooms:
    """Two rooms that take turns."""

    def __init__(self, rows: int) -> None:
        self._rooms = cycle((Room(rows), Room(rows)))

    def next(self) -> Room:
        """The room whose rows are the older ones."""
        return next(self._rooms)
