"""Memory that is in place before it is needed.

Ids lie scattered: the first few hundred of a generation touch all its pages, and a page of 2 MiB can take milliseconds to
come by. Asked for one by one while the generation before is being filled, they make nobody wait.
"""

from __future__ import annotations

import mmap
import sys
from typing import Final

from penstock.state import layout as at
from penstock.state.tables import State, mapping_of

#: ``MADV_POPULATE_WRITE`` of Linux 5.14, which Python does not name: pages are made, their content stays.
_POPULATE: Final = 23
_PIECE: Final = 2 << 20


class NextGeneration:
    """The ids' generation that comes after the one being filled."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._size = state.ids[0].nbytes
        self._partition = -1
        self._asked = 0  # bytes of it, from its beginning
        self._possible = sys.platform == "linux" and self._size % mmap.PAGESIZE == 0

    def step(self) -> None:
        """Ask for one piece, if this generation is fuller than half of what has been asked for of the next."""
        seq, rows = (int(self._state.scalars[0, column]) for column in (at.LAST_SEQ, at.PARTITION_ROWS))
        partition, filled = divmod(max(seq - 1, 0), rows)
        if partition != self._partition:
            self._partition, self._asked = partition, 0
        if self._possible and self._asked < min(2 * filled * self._size // rows, self._size):
            piece = min(_PIECE, self._size - self._asked)
            self._ask((partition + 1) % at.GENERATIONS * self._size + self._asked, piece)
            self._asked += piece

    def _ask(self, first: int, size: int) -> None:
        try:
            mapping_of(self._state.ids).madvise(_POPULATE, first, size)
        except OSError:  # an older kernel: the pages come when they are touched
            self._possible = False
