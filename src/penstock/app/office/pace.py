"""How fast the tails may go while the lane is busy: payments come first, and what a tail missed it makes up for later.

The common reader works at most its share of the time; the tails that have something to do share another such share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_WINDOW_S: Final = 0.5
_LONGEST_REST_S: Final = 5.0
#: So long after its last busy moment the lane counts as busy: its next burst may come, or it may be recovering from a fall.
_HOLD_S: Final = 30.0


@dataclass
class Pace:
    """Watches the lane's speed, and says how long to rest after each piece of work."""

    rows_per_second: float = 0.0  # the highest of late
    _peak_s: float = 0.0
    _seq: int = -1
    _since_s: float = 0.0
    _free_s: float = 0.0  # when the next of those that share may work

    def look(self, last_seq: int, now_s: float) -> None:
        """Note where the lane is; ``now_s`` is monotonic."""
        if self._seq < 0:
            self._seq, self._since_s = last_seq, now_s
        elif now_s - self._since_s >= _WINDOW_S:
            speed = (last_seq - self._seq) / (now_s - self._since_s)
            if speed >= self.rows_per_second or now_s - self._peak_s > _HOLD_S:
                self.rows_per_second, self._peak_s = speed, now_s
            self._seq, self._since_s = last_seq, now_s

    def rest_s(self, worked_s: float, busy_rows_per_second: float, share: float) -> float:
        """How long to rest after so much work: above that speed of the lane, so long that work is ``share`` of the time."""
        if self.rows_per_second <= busy_rows_per_second:
            return 0.0
        return min(worked_s * (1.0 / share - 1.0), _LONGEST_REST_S)

    def spend(self, worked_s: float, now_s: float, busy_rows_per_second: float, share: float) -> None:
        """Note the work of one of those that share: all of them rest for it."""
        self._free_s = max(self._free_s, now_s) + self.rest_s(worked_s, busy_rows_per_second, share)

    def wait_s(self, now_s: float) -> float:
        """How long one of those that share has to wait before it works."""
        return min(max(self._free_s - now_s, 0.0), _LONGEST_REST_S)
