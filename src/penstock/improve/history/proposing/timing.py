"""What the numbers of a time column count, and how long a step is where they are no clock."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penstock.improve.history.mapping import SECONDS_PER_DAY, TimeUnit
from penstock.improve.history.proposing.naming import words_of

#: Epochs between 1990 and 2100, by unit.
_EPOCH: Final = {
    TimeUnit.SECONDS: 1.0,
    TimeUnit.MILLISECONDS: 1e3,
    TimeUnit.MICROSECONDS: 1e6,
    TimeUnit.NANOSECONDS: 1e9,
}
_FROM_S, _TO_S = 631_152_000.0, 4_102_444_800.0
#: Steps tried for a daily rhythm, in seconds.
_RHYTHMS: Final = (1, 60, 900, 3_600)
_MOST_RHYTHM_DAYS: Final = 5_000
#: How alike the hours of a file's first and second half must be (correlation) for a daily rhythm.
_LEAST_LIKENESS: Final = 0.5
#: Payments per step from which a step is a stretch of time rather than a counter.
_CROWDED: Final = 20.0
_DEFAULT_DAYS, _FEWEST_DAYS, _MOST_DAYS = 90.0, 30.0, 730.0
_LEAST_GAPS: Final = 100


class Timing(NamedTuple):
    """A unit, and of steps their length, whether hours mean something, and why it was taken."""

    unit: TimeUnit
    step_seconds: float | None
    clock: bool | None
    why: str
    certain: bool


def time_of_numbers(name: str, times: pl.Series, payers: pl.Series | None) -> Timing:
    """What the numbers of a time column count.

    :param times: numbers (n,), in the file's order.
    :param payers: who paid, (n,): the typical gap between two payments of one payer gives a step's length.
    """
    numbers = times.cast(pl.Float64, strict=False)
    low, high = float(numbers.min() or 0.0), float(numbers.max() or 0.0)  # type: ignore[arg-type]  # a number or null
    for unit, per_second in _EPOCH.items():
        if low >= _FROM_S * per_second and high <= _TO_S * per_second:
            return Timing(unit, None, None, f"an epoch in {unit}", True)
    seconds = _rhythm(numbers)
    if seconds is not None:
        why = f"payments come and go with the hours of the day if a step is {seconds:,} s"
        if seconds == 1:
            return Timing(TimeUnit.SECONDS, None, None, why, False)
        return Timing(TimeUnit.STEP, float(seconds), True, why, False)
    if {"second", "seconds", "sec", "secs", "dt"} & set(words_of(name)):
        return Timing(TimeUnit.SECONDS, None, None, "seconds by its name", False)
    return _steps(numbers, payers, high - low)


def _rhythm(numbers: pl.Series) -> int | None:
    """The step, in seconds, at which payments follow the hours of the day; None if there is no such rhythm.

    A multiple of the day shows the rhythm too, and a part of it an echo: the clearest counts, and of equals the
    shortest period.
    """
    steps = numbers.drop_nulls().to_numpy().astype(np.int64)
    steps = steps - steps.min(initial=0)
    clearness: dict[int, float] = {}
    for seconds in _RHYTHMS:
        per_day = SECONDS_PER_DAY // seconds
        days = (int(steps.max(initial=0)) + 1) // per_day
        if 2 <= days <= _MOST_RHYTHM_DAYS and days * 24 <= len(steps):
            clearness[seconds] = _contrast(steps, per_day, days)
    best = max(clearness.values(), default=0.0)
    return max((seconds for seconds, clear in clearness.items() if clear >= 0.9 * best), default=None) if best else None


def _contrast(steps: NDArray[np.int64], per_day: int, days: int) -> float:
    """How far the hours of a day differ, against their mean; 0 where the two halves of the file do not agree on it."""
    whole = steps[steps < days * per_day]
    hours = (whole % per_day) * 24 // per_day
    early = whole < (days // 2) * per_day
    counts = [np.bincount(hours[part], minlength=24).astype(np.float64) for part in (early, ~early)]
    # Growth is no rhythm, and chance alone spreads counts by their square root: a rhythm must spread them clearly more.
    rhythms = [half - np.polyval(np.polyfit(np.arange(24), half, 1), np.arange(24)) for half in counts]
    spreads = [float(rhythm.std()) / max(float(half.mean()), 1.0) for rhythm, half in zip(rhythms, counts, strict=True)]
    if any(spread * np.sqrt(max(half.mean(), 1.0)) <= 3 for spread, half in zip(spreads, counts, strict=True)):
        return 0.0
    return min(spreads) if np.corrcoef(rhythms[0], rhythms[1])[0, 1] >= _LEAST_LIKENESS else 0.0


def _steps(numbers: pl.Series, payers: pl.Series | None, span: float) -> Timing:
    distinct = numbers.n_unique()
    if distinct and len(numbers) / distinct >= _CROWDED and distinct <= 20_000:
        seconds = SECONDS_PER_DAY if distinct <= 400 else 3_600
        why = f"{distinct:,} steps of {len(numbers) / distinct:,.0f} payments: taken for {'days' if distinct <= 400 else 'hours'}"
        return Timing(TimeUnit.STEP, float(seconds), False, why, False)
    gap = _typical_gap(numbers, payers)
    days = _DEFAULT_DAYS if gap is None else min(max(span / gap, _FEWEST_DAYS), _MOST_DAYS)
    why = f"no clock; a step so long that the file spans {days:,.0f} days"
    if gap is not None:
        why += f", as {gap:,.0f} steps, the typical gap between two payments of one payer, are taken for a day"
    return Timing(TimeUnit.STEP, _rounded(days * SECONDS_PER_DAY / max(span, 1.0)), False, why, False)


def _typical_gap(numbers: pl.Series, payers: pl.Series | None) -> float | None:
    """The median of the gaps between consecutive payments of one payer, in steps; None where too few pay twice."""
    if payers is None:
        return None
    frame = pl.DataFrame({"at": numbers, "who": payers.cast(pl.String)}).drop_nulls().sort("at")
    gaps = frame.select(gap=pl.col("at").diff().over("who")).drop_nulls().filter(pl.col("gap") > 0)["gap"]
    return float(gaps.median()) if len(gaps) >= _LEAST_GAPS else None  # type: ignore[arg-type]  # of numbers it is one


def _rounded(seconds: float) -> float:
    """Two digits, which is more than such a guess deserves."""
    return float(f"{seconds:.2g}")
