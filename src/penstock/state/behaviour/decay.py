"""Forgetting and logarithms in whole numbers, so that memory is byte-identical on every CPU. Kernels.

A counter with a half-life loses the factor 2^(-ticks / 4096), where a tick is the 4096th part of the
half-life and ticks are counted on the clock, not from the last payment: however often a counter is
touched, the same time makes the same loss but for the rounding down.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, NamedTuple

import numpy as np

from penstock.kit.kernels import kernel

#: One payment in a counter.
ONE: Final = 1 << 16
#: The most that a counter holds; times a factor it stays below 2^63.
MOST: Final = 1 << 38
_STEPS: Final = 4096
#: In how many steps payments wait for their maturity: each is an eighth of the time, seven make a maturity.
EIGHTHS: Final = 8
#: Tick lengths, µs, of the half-lives 1 hour, 1 day, 7 days, 30 days.
HOUR_TICK, DAY_TICK, WEEK_TICK, MONTH_TICK = (hours * 3_600_000_000 // _STEPS for hours in (1, 24, 168, 720))

#: As narrow as may be, for they share the nearest cache with the records.
_FACTORS = np.array(
    [int((Decimal(2) ** (24 - Decimal(i) / _STEPS)).to_integral_value()) for i in range(_STEPS)], dtype=np.int32
)
_LN2 = Decimal(2).ln()
_LOGS = np.array(
    [int(((1 + Decimal(i) / 1024).ln() / _LN2 * 1024).to_integral_value()) for i in range(1024)], dtype=np.int16
)
_SECOND_LOG = 20410  # log2_1024(1_000_000)


class Instant(NamedTuple):
    """A time, divided once for all records: in the ticks of each half-life, and in eighths of the maturity."""

    time_us: int
    hour: int
    day: int
    week: int
    month: int
    eighth: int
    eighth_us: int  # the length of one


@kernel
def instant(time_us: int, maturity_us: int) -> Instant:
    """A time as records need it."""
    eighth_us = maturity_us // 7
    return Instant(
        time_us, time_us // HOUR_TICK, time_us // DAY_TICK, time_us // WEEK_TICK, time_us // MONTH_TICK,
        time_us // eighth_us, eighth_us,
    )  # fmt: skip


@kernel
def decayed(value: int, tick_us: int, from_us: int, to_us: int) -> int:
    """What is left of a counter, |value| ≤ MOST, after a time; µs."""
    return after_ticks(value, to_us // tick_us - from_us // tick_us)


@kernel
def after_ticks(value: int, ticks: int) -> int:
    """What is left of a counter after ticks of its half-life."""
    halvings = ticks >> 12
    if halvings > 38:
        return 0
    factor: Any = np.int64(_FACTORS[ticks & 4095])
    return ((value * factor) >> 24) >> halvings


@kernel
def log2_1024(x: int) -> int:
    """1024 log2(x) of 1 ≤ x < 2^53, to within 2."""
    bits: Any = np.float64(x).view(np.int64)  # IEEE 754 binary64: sign, 11 bits of exponent, 52 of mantissa
    return ((bits >> 52) - 1023) * 1024 + np.int64(_LOGS[(bits >> 42) & 1023])


@kernel
def log2_count(counter: int) -> float:
    """log2(1 + x) of a counter of payments."""
    return (log2_1024(ONE + counter) - 16384) / 1024.0


@kernel
def log2_seconds(span_us: int) -> float:
    """log2(1 + s) of a span in µs."""
    return (log2_1024(1_000_000 + max(span_us, 0)) - _SECOND_LOG) / 1024.0
