"""What the demonstration saw: answers by command and reason, latencies, and what nobody expected."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

_STEPS_PER_OCTAVE: Final = 16
_KEPT_SURPRISES: Final = 20


class Latencies:
    """Latencies in logarithmic buckets, 4 % wide: small, however long the run."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.count = 0
        self.longest_ms = 0.0

    def add(self, latency_ms: float) -> None:
        """Count one latency."""
        self._buckets[round(math.log2(max(latency_ms, 0.001)) * _STEPS_PER_OCTAVE)] += 1
        self.count += 1
        self.longest_ms = max(self.longest_ms, latency_ms)

    def quantile_ms(self, share: float) -> float:
        """The latency that ``share`` of all did not exceed, in ms; 0 when there are none."""
        left = share * self.count
        for bucket in sorted(self._buckets):
            left -= self._buckets[bucket]
            if left <= 0:
                return float(min(2 ** (bucket / _STEPS_PER_OCTAVE), self.longest_ms))
        return 0.0


@dataclass
class Figures:
    """The counts of one run. ``outcomes`` is by (command, state, reason)."""

    outcomes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    latencies: Latencies = field(default_factory=Latencies)
    recent: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=20_000))
    server_errors: int = 0
    shed: int = 0
    surprises: Counter[str] = field(default_factory=Counter)

    def answered(self, command: str, state: str, reason: str, now_s: float, latency_ms: float) -> None:
        """Count one decided command."""
        self.outcomes[command, state, reason] += 1
        self.latencies.add(latency_ms)
        self.recent.append((now_s, latency_ms))

    def surprised(self, what: str) -> None:
        """Count something that should not have happened."""
        if len(self.surprises) < _KEPT_SURPRISES or what in self.surprises:
            self.surprises[what] += 1
        else:
            self.surprises["others"] += 1

    def last_seconds(self, now_s: float, seconds: float) -> tuple[float, Latencies]:
        """Answers per second, and their latencies, in the last seconds."""
        latencies = Latencies()
        for at_s, latency_ms in reversed(self.recent):
            if at_s < now_s - seconds:
                break
            latencies.add(latency_ms)
        return latencies.count / seconds, latencies

    @property
    def reasons(self) -> Counter[str]:
        """Answers by reason."""
        counted: Counter[str] = Counter()
        for (_, _, reason), number in self.outcomes.items():
            counted[reason] += number
        return counted

    @property
    def good(self) -> bool:
        """Whether nothing unexpected happened."""
        return not self.server_errors and not self.surprises
