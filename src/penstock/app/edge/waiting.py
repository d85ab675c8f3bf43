"""How long commands may wait for the lane: a burst waits in the ring, more than the lane can do is refused at once.

The idea is that of controlled delay (K. Nichols, V. Jacobson, "Controlling Queue Delay", ACM Queue 10(5), 2012): it
is not the length of a queue that tells a burst from overload but its *least* waiting time. After a burst the
queue soon gets short again; a queue that stays long only makes everybody late. How much may then be under way follows
from Little's law (J. D. C. Little, Operations Research 9(3), 1961): what waits = what is answered in a second × how
long it waits.
"""

from __future__ import annotations

from collections import deque
from typing import Final

#: Of so many measured stretches of time the fastest counts: while the disk stands still a lane is not a slow one.
_STRETCHES: Final = 4
#: As much may always be under way: a lane that has just answered nothing must be given something to do.
_LEAST: Final = 1_024
#: Batches may fill this part of what may be under way. The rest is for single requests, which would else find
#: it taken each time: a batch takes more room at once than they all need.
_FOR_BATCHES: Final = 0.8


class WaitingLimit:
    """Decides whether new commands are refused; one for each connection to a lane.

    Overload begins when no answer of ``patience_s`` seconds came within ``target_s``, and ends when nothing
    had to be refused for as long. Meanwhile no more is let in than the lane answers in ``target_s``.
    Times are monotonic seconds. It is asked and told once for each sending and receiving, not for each command.
    """

    def __init__(self, target_s: float, patience_s: float) -> None:
        self._target_s, self._patience_s = target_s, patience_s
        self._sent = self._answered = 0
        self._sendings: deque[tuple[int, float]] = deque()  # not wholly answered: number of the last command, when
        self._late_since_s: float | None = None
        self._refused_s: float | None = None  # None = no overload
        self._rates: deque[float] = deque(maxlen=_STRETCHES)  # answers/s
        self._stretch = (0, 0.0)  # answers and time at the begin of the stretch that is measured now

    @property
    def overloaded(self) -> bool:
        """Whether commands may be refused now."""
        return self._refused_s is not None

    @property
    def most(self) -> float:
        """So many commands may be under way in overload."""
        return max(max(self._rates, default=0.0) * self._target_s, _LEAST)

    def refuses(self, under_way: int, now_s: float, *, batch: bool) -> bool:
        """Whether a request must be refused while so many commands are under way; all of a request is let in, or nothing."""
        if self._refused_s is None:
            return False
        if under_way < self.most * (_FOR_BATCHES if batch else 1.0):
            return False
        self._refused_s = now_s
        return True

    def sent(self, count: int, now_s: float) -> None:
        """Note that so many commands were sent."""
        if not self._sendings:
            self._begin(now_s)
        self._sent += count
        self._sendings.append((self._sent, now_s))

    def answered(self, count: int, now_s: float) -> None:
        """Note that so many commands were answered, in the order in which they were sent; at least one."""
        self._answered += count
        last_s = self._sendings[0][1]
        while self._sendings and self._sendings[0][0] <= self._answered:
            last_s = self._sendings.popleft()[1]
        self._measure(now_s)
        self._judge(now_s - last_s, now_s)

    def _begin(self, now_s: float) -> None:
        """From nothing under way: what was before says nothing about what comes."""
        self._late_since_s = None
        self._stretch = (self._answered, now_s)

    def _measure(self, now_s: float) -> None:
        """Measure how fast the lane answers, from answer to answer, over half the patience and more."""
        answered, since_s = self._stretch
        if now_s - since_s >= self._patience_s / 2:
            self._rates.append((self._answered - answered) / (now_s - since_s))
            self._stretch = (self._answered, now_s)

    def _judge(self, waited_s: float, now_s: float) -> None:
        """Begin or end overload."""
        if waited_s <= self._target_s:
            self._late_since_s = None
        elif self._late_since_s is None:
            self._late_since_s = now_s
        if self._refused_s is not None:
            if now_s - self._refused_s >= self._patience_s:
                self._refused_s, self._late_since_s = None, None
        elif self._late_since_s is not None and now_s - self._late_since_s >= self._patience_s:
            self._refused_s = now_s
