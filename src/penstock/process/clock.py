"""Lane time: max(clock, last + 1 µs), and the business day that it falls in."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray


class ClockError(Exception):
    """The clock cannot be trusted; the lane stops rather than stamp wrong times."""


class LaneClock:
    """Stamps commands. The clock's reading is always an argument, in µs since 1970 UTC."""

    def __init__(self, last_us: int, now_us: int, jump_us: int) -> None:
        """Start after a journal that ends at ``last_us``.

        :raises ClockError: when the clock is further behind the journal than ``jump_us``.
        """
        if now_us < last_us - jump_us:
            behind_s = (last_us - now_us) // 1_000_000
            raise ClockError(
                f"the clock is {behind_s} s behind the journal's last row; set it before starting the lane"
            )
        self._last_us = last_us
        self._now_us = now_us
        self._jump_us = jump_us

    def stamp(self, now_us: int, count: int) -> NDArray[np.int64]:
        """The times of ``count`` commands, strictly increasing.

        :raises ClockError: when the clock has jumped forward.
        """
        if now_us - self._now_us > self._jump_us:
            jumped_s = (now_us - self._now_us) // 1_000_000
            raise ClockError(
                f"the clock jumped {jumped_s} s ahead since the last batch; check it, then start the lane again"
            )
        self._now_us = max(self._now_us, now_us)
        first = max(now_us, self._last_us + 1)
        times = np.arange(first, first + count, dtype=np.int64)
        if count:
            self._last_us = int(times[-1])
        return times


class BusinessCalendar:
    """Business days of a time zone, as days since 1970-01-01."""

    def __init__(self, time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        self._day = -1
        self._starts_us = 1
        self._ends_us = 0

    def day_of(self, time_us: int) -> tuple[int, int]:
        """The business day of a time, and when the next one begins (µs)."""
        if not self._starts_us <= time_us < self._ends_us:
            local = datetime.fromtimestamp(time_us / 1_000_000, self._zone).date()
            self._day = (local - date(1970, 1, 1)).days
            self._starts_us = self._midnight_us(local)
            self._ends_us = self._midnight_us(local + timedelta(days=1))
        return self._day, self._ends_us

    def moment_of(self, time_us: int) -> tuple[int, int]:
        """The local quarter of an hour since midnight, and the weekday (0 Monday)."""
        local = datetime.fromtimestamp(time_us // 1_000_000, self._zone)
        return local.hour * 4 + local.minute // 15, local.weekday()

    def _midnight_us(self, day: date) -> int:
        midnight = datetime(day.year, day.month, day.day, tzinfo=self._zone)
        return int((midnight - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1_000_000
