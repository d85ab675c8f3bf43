"""A time limit that moves with every request, on a single timer of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

_NEVER: Final = float("inf")
#: A loop that counts in milliseconds may ring so much too early.
_EXACT_S: Final = 0.001


class Alarm:
    """Calls ``then`` once the limit has passed.

    A timer for each request would be set and cancelled without ever ringing. This one is set anew only when it rings
    before the limit, or would ring after it.
    """

    __slots__ = ("_limit_s", "_loop", "_rings_s", "_then", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, then: Callable[[], None]) -> None:
        self._loop, self._then = loop, then
        self._timer: asyncio.TimerHandle | None = None
        self._limit_s = self._rings_s = _NEVER

    def set(self, after_s: float) -> None:
        """Ring after so many seconds, and not before."""
        self._limit_s = self._loop.time() + after_s
        if self._limit_s < self._rings_s:
            self._wind()

    def clear(self) -> None:
        """There is no limit for now."""
        self._limit_s = _NEVER

    def stop(self) -> None:
        """Take the timer away."""
        self.clear()
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._rings_s = None, _NEVER

    def _wind(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_s = self._limit_s
        self._timer = self._loop.call_at(self._rings_s, self._ring)

    def _ring(self) -> None:
        self._timer, self._rings_s = None, _NEVER
        if self._limit_s - self._loop.time() < _EXACT_S:
            self.clear()
            self._then()
        elif self._limit_s < _NEVER:
            self._wind()
