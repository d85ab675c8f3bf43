"""Counting what comes back: rates, latencies whole and by second, reasons, scores, pauses."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from penstock.app.bench import bodies, columns
from penstock.contracts.reasons import Reason

_PUSHED_BACK: Final = 429
_REASON: Final = b'"reason":"'
Floats = NDArray[np.float64]


class LoadResult(msgspec.Struct, kw_only=True):
    """What came of a load within its measured time, after the warm-up. Latencies in ms, of a request.

    ``pushed_back`` payments were answered 429, ``unsent`` ones found no connection in time, ``errors`` anything else
    without an outcome; these three also count the warm-up. ``by_second`` has a list for each figure.
    """

    seconds: float
    payments: int
    payments_per_second: float
    latency_ms: dict[str, float]
    errors: int
    pushed_back: int
    unsent: int
    reasons: dict[str, int]
    scored: int
    model_version: int
    cpu_s: float
    draws: int
    ended_unix_s: float
    longest_pause: dict[str, float]
    by_second: dict[str, list[Any]]


class Tally:
    """Takes the answers of one load."""

    def __init__(self, form: str, batch: int, from_s: float, until_s: float, *, by_due: bool) -> None:
        """``by_due``: latencies belong to the second in which a request was due, else to that of its answer."""
        self._form, self._batch = form, batch
        self._from_s, self._until_s, self._by_due = from_s, until_s, by_due
        self.errors = self.pushed_back = self.unsent = 0
        self._answered: list[tuple[float, float]] = []  # due and done, in s
        self._pushed_s: list[float] = []
        self._draws = self._scored = self._model_version = 0
        self._codes = np.zeros(max(Reason) + 1, np.int64)
        self._names: Counter[str] = Counter()

    def take(self, status: int, body: bytes, due_s: float, done_s: float) -> None:
        """Count one answer; ``status`` 0 means that there was none."""
        self._draws += self._batch
        if status == _PUSHED_BACK:
            self.pushed_back += self._batch
            self._pushed_s.append(done_s)
        elif not self._is_outcome(status, body):
            self.errors += self._batch
        elif self._from_s <= (due_s if self._by_due else done_s):
            self._answered.append((due_s, done_s))
            self._count(body)

    def _is_outcome(self, status: int, body: bytes) -> bool:
        """A declined single payment has an HTTP status of its own, and is an outcome."""
        return 200 <= status < 300 or (self._form == "single" and _REASON in body)

    def _count(self, body: bytes) -> None:
        if self._form == "arrow":
            counted = columns.count_outcomes(body)
            self._codes[: len(counted.reasons)] += counted.reasons
            self._scored += counted.scored
            self._model_version = max(self._model_version, counted.model_version)
            return
        for said in bodies.read_outcomes(body):
            self._names[said.reason] += 1
            self._scored += said.score is not None
            self._model_version = max(self._model_version, said.model_version)

    def result(self, cpu_s: float, ended_unix_s: float) -> LoadResult:
        """All figures; ``ended_unix_s`` is when the last request left."""
        found = np.array(self._answered or np.empty((0, 2)), np.float64).reshape(-1, 2)
        seconds = self._until_s - self._from_s
        payments = self._batch * int(np.count_nonzero(found[:, 1] <= self._until_s))
        codes = {Reason(code).name.lower(): count for code, count in enumerate(self._codes.tolist()) if count}
        return LoadResult(
            seconds=round(seconds, 3), payments=payments, payments_per_second=round(payments / seconds, 1),
            latency_ms=latency_ms(1000 * (found[:, 1] - found[:, 0])),
            errors=self.errors, pushed_back=self.pushed_back, unsent=self.unsent,
            reasons=dict(self._names + Counter(codes)), scored=self._scored, model_version=self._model_version,
            cpu_s=round(cpu_s, 3), draws=self._draws, ended_unix_s=ended_unix_s,
            longest_pause=longest_pause(found[:, 1], self._from_s, self._until_s),
            by_second=self._by_second(found),
        )  # fmt: skip

    def _by_second(self, found: Floats) -> dict[str, list[Any]]:
        """Lists with an entry for each second of the measured time."""
        seconds = max(1, int(np.ceil(self._until_s - self._from_s - 1e-6)))
        done = _second(found[:, 1], self._from_s)
        own = _second(found[:, 0], self._from_s) if self._by_due else done
        pushed = _second(np.array(self._pushed_s, np.float64), self._from_s)
        latencies = 1000 * (found[:, 1] - found[:, 0])
        each = [latency_ms(latencies[own == second]) for second in range(seconds)]
        return {
            "payments": [self._batch * int(np.count_nonzero(done == second)) for second in range(seconds)],
            "pushed_back": [self._batch * int(np.count_nonzero(pushed == second)) for second in range(seconds)],
            **{name: [latency[name] for latency in each] for name in ("p50", "p99", "max")},
        }


def latency_ms(found: Floats) -> dict[str, float]:
    """Median, 99th percentile and maximum in ms; all 0 where there is none."""
    if not len(found):
        return {"p50": 0.0, "p99": 0.0, "max": 0.0}
    values = {"p50": np.quantile(found, 0.5), "p99": np.quantile(found, 0.99), "max": found.max()}
    return {name: round(float(value), 2) for name, value in values.items()}


def longest_pause(done_s: Floats, from_s: float, until_s: float) -> dict[str, float]:
    """The longest time without an answer, and when it began, in seconds since the measured time did."""
    inside = np.sort(done_s[(done_s >= from_s) & (done_s <= until_s)])
    if len(inside) < 2:
        return {"ms": round(1000 * (until_s - from_s), 1), "at_s": 0.0}
    gaps = np.diff(inside)
    longest = int(gaps.argmax())
    return {"ms": round(1000 * float(gaps[longest]), 1), "at_s": round(float(inside[longest] - from_s), 2)}


def _second(times_s: Floats, from_s: float) -> NDArray[np.int64]:
    return np.floor(times_s - from_s).astype(np.int64)
