"""A process that is watched: started again when it ends, later each time, until that is hopeless."""

from __future__ import annotations

import signal
import subprocess
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

log = structlog.get_logger()

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0
#: A process that lived so long was well: the next pause is short again.
WELL_AFTER_S: Final = 10.0
#: More ends of its own than this within a minute: give up. A process that was killed from outside may be started
#: again as often as that happens.
MOST_ENDS_A_MINUTE: Final = 8
#: A process without which payments go on is never given up: it is started again after this pause.
GIVEN_UP_PAUSE_S: Final = 60.0
#: The exit status (EX_CONFIG of sysexits.h) with which a process says that it would only fail again.
EXIT_OPERATOR: Final = 78


class GaveUp(RuntimeError):
    """A process ends again and again, or says that starting it again is useless."""


@dataclass
class Endings:
    """When a process ended, and what follows: how long to wait, or giving up."""

    name: str
    pause_s: float = FIRST_PAUSE_S
    _times: deque[float] = field(default_factory=deque)

    def note(self, now: float, lived_s: float, *, killed: bool = False) -> float:
        """Note an end; the pause before the next start, in seconds.

        :param killed: whether it was ended by SIGKILL, which it cannot have done by itself.
        :raises GaveUp: when there were too many within a minute.
        """
        if not killed:
            self._times.append(now)
        while self._times and self._times[0] < now - 60:
            self._times.popleft()
        if len(self._times) > MOST_ENDS_A_MINUTE:
            raise GaveUp(f"{self.name} ended {len(self._times)} times within a minute; its last lines above say why")
        self.pause_s = FIRST_PAUSE_S if lived_s > WELL_AFTER_S else min(2 * self.pause_s, LONGEST_PAUSE_S)
        return self.pause_s


class Child:
    """One watched process; owns it from start to stop.

    ``vital``: whether everything else is worthless without it; if not, it is tried again however often it ends.
    """

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], *, vital: bool = True) -> None:
        self.name = name
        self._vital = vital
        self._command = command
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._endings = Endings(name)
        self._started_at = 0.0
        self._next_start = 0.0

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it. Its own session keeps Ctrl-C away: the supervisor stops all in order."""
        self._process = subprocess.Popen(
            self._command, env=self._environment, stdin=subprocess.DEVNULL, start_new_session=True
        )
        self._started_at = time.monotonic()
        log.info("started", child=self.name, pid=self._process.pid)

    def watch(self) -> bool:
        """Note its end, and start it again when its pause is over; whether its process id changed.

        :raises GaveUp: when that is hopeless.
        """
        if self._process is not None:
            status = self._process.poll()
            if status is None:
                return False
            self._ended(status)
            return True
        if time.monotonic() < self._next_start:
            return False
        self.start()
        return True

    def stop(self, timeout_s: float) -> None:
        """Ask it to end, and kill it when it does not in time."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            log.warning("did not stop in time; killed", child=self.name, pid=self._process.pid)
            self._process.kill()
            self._process.wait()
        self._process = None

    def _ended(self, status: int) -> None:
        self._process = None
        now = time.monotonic()
        try:
            pause_s = self._pause_after(status, now)
        except GaveUp as hopeless:
            if self._vital:
                raise
            log.error("ends again and again; payments go on without it", child=self.name, why=str(hopeless))  # noqa: TRY400
            pause_s = GIVEN_UP_PAUSE_S
        self._next_start = now + pause_s
        log.warning("ended; starting it again", child=self.name, status=status, pause_s=pause_s)

    def _pause_after(self, status: int, now: float) -> float:
        if status == EXIT_OPERATOR:
            raise GaveUp(f"{self.name} says that it cannot run as things are; its last lines above say why")
        return self._endings.note(now, now - self._started_at, killed=status == -signal.SIGKILL)
