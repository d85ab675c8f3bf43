"""How the server's end of the indexing connection gives way to payments, where the server is ours and this is Linux.

Two things: it runs only when nobody else wants to (SCHED_IDLE, where we may undo it), and it is stopped most of the
time, a few milliseconds at once. Either alone is not enough. Low priority lets whoever wakes up finish their slice first, and a
processor that works on something, however unimportant, does not take over what waits for the other one.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from typing import Final

#: The priority of the keeper and of what it asks the server to do.
NICE: Final = 10
#: Closed partitions that may wait while indexing stands back; for a fourth the lane has no room
#: (``GENERATIONS`` in ``state/layout.py``).
_MOST_WAITING: Final = 1
#: A turn of work and the rest after it. The rest is short because others wait that long for a lock that the stopped one holds.
_WORK_S: Final = 0.001
_REST_S: Final = 0.006


class GivingWay:
    """Charge of one process of the server. If too much is waiting for it, it takes part as others of its priority do."""

    def __init__(self) -> None:
        self._pid = 0
        self._handle: int | None = None  # names this very process, not a later one of the same number
        self._stands_back = False
        self._idles = False
        self._over = False
        self._one_signal = threading.Lock()

    def begin(self, pid: int) -> None:
        """Take charge of a process."""
        self._forget()
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it has gone, or runs as another user and we are not root
            os.setpriority(os.PRIO_PROCESS, pid, NICE)
            if hasattr(os, "pidfd_open"):
                self._pid, self._handle = pid, os.pidfd_open(pid)
        self.suit(0)

    def suit(self, waiting: int) -> None:
        """Choose by the number of closed partitions that wait for their index."""
        self._stands_back = waiting <= _MOST_WAITING
        if self._stands_back == self._idles or not _may_idle_for_a_while() or not self._send(0):
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):  # as above
            os.sched_setscheduler(self._pid, os.SCHED_IDLE if self._stands_back else os.SCHED_OTHER, os.sched_param(0))
            self._idles = self._stands_back

    @contextlib.contextmanager
    def in_turns(self) -> Iterator[None]:
        """While this lasts, the process works and rests by turns, as long as it stands back."""
        done = threading.Event()
        thread = threading.Thread(target=self._take_turns, args=(done,), name="turns", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def end(self) -> None:
        """Never stop it again, and leave it running."""
        with self._one_signal:
            self._over = True
        self._send(signal.SIGCONT)

    def _take_turns(self, done: threading.Event) -> None:
        try:
            while not done.is_set():
                time.sleep(_WORK_S)
                if self._stands_back:
                    self._send(signal.SIGSTOP)
                time.sleep(_REST_S)
                self._send(signal.SIGCONT)
        finally:
            self._send(signal.SIGCONT)

    def _send(self, number: int) -> bool:
        """Send a signal, 0 = none; whether there was somebody to get it. At the end nobody is stopped any more."""
        with self._one_signal:
            if self._handle is None or (number == signal.SIGSTOP and self._over):
                return False
            try:
                signal.pidfd_send_signal(self._handle, number)
            except (ProcessLookupError, PermissionError):
                return False
            return True

    def _forget(self) -> None:
        with self._one_signal:
            if self._handle is not None:
                os.close(self._handle)
            self._handle, self._idles = None, False


def _may_idle_for_a_while() -> bool:
    """Whether a process may be made idle here and take part again; who may not raise priorities could never undo it (sched(7))."""
    return hasattr(os, "SCHED_IDLE") and (os.geteuid() == 0 or resource.getrlimit(resource.RLIMIT_NICE)[0] >= 20 - NICE)


def go_on(pid: int) -> None:
    """Continue a process that a keeper stopped which has died since."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGCONT)
