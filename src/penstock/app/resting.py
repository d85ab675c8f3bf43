"""How long work rests after each piece of it, so that payments feel little of it.

Low priority alone is not enough: it lets whoever wakes up finish their slice first, and a processor that works on something,
however unimportant, does not take over what waits for the other one.
"""

from __future__ import annotations

import threading
import time
from typing import Final

#: Closed partitions that may wait while indexing stands back; for a fourth the lane has no room
#: (``GENERATIONS`` in ``state/layout.py``).
_MOST_WAITING: Final = 1
#: A rest lasts so many times what the piece before it took.
_RESTS: Final = 8.0
#: Never longer: a piece that took long had to wait for something.
_LONGEST_S: Final = 0.06


class Resting:
    """The rests of one thread. If too much is waiting for it, it takes none."""

    def __init__(self) -> None:
        self._stands_back = True
        self._over = threading.Event()
        self._since_s = time.monotonic()

    def suit(self, waiting: int) -> None:
        """Choose by the number of closed partitions that wait for their index."""
        self._stands_back = waiting <= _MOST_WAITING

    def begin(self) -> None:
        """Work begins now."""
        self._since_s = time.monotonic()

    def rest(self) -> None:
        """A piece of work is done."""
        if self._stands_back:
            self._over.wait(min(_RESTS * (time.monotonic() - self._since_s), _LONGEST_S))
        self.begin()

    def end(self) -> None:
        """Never rest again."""
        self._over.set()
