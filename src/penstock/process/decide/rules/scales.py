"""Numbers as analysts say them, and as vectors store them.

A vector stores half precision, so a column has fewer than 65,536 values, and each has a *rank*: the half's bits
as a whole number, negative for negative values, so that ranks are ordered as the values are. A score's rank is
its millionths. What is not known has the rank ``NONE``, below all others.

Whoever compares a column with a number compares ranks: the number takes the way that the value took, logarithm
and rounding included, so ``payer.seen >= 6`` is true of exactly six. Where a column is part of arithmetic, its
rank is turned back into a number.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.features import UNKNOWN_SIGNED
from penstock.process.decide.rules.columns import Column, Scale
from penstock.state.behaviour.decay import ONE, log2_count, log2_seconds

#: The rank of what is not known.
NONE: Final = -32_768
#: Added to a rank to find its place in a decoding table.
OFFSET: Final = 32_768
#: Ranks of a score: 0 to this.
MILLION: Final = 1_000_000

_GREATEST_HALF: Final = 65_504.0
_GREATEST_LOG: Final = 64.0  # 2^64 of anything is not a payment
_FIRST_TABLES: Final = (Scale.PLAIN, Scale.LOG, Scale.SIGNED_LOG, Scale.RATIO)
_MOST_IN_MEMORY: Final = 1e12  # beyond it, 2^63 is near
#: The error of logarithms in the memory (``state.behaviour.decay.log2_1024``).
_LOG_ERROR: Final = 2 / 1024


def rank_of_half(value: float) -> int:
    """The rank of the half-precision number nearest to a value within ± 65,504."""
    bits = int(np.float16(abs(value)).view(np.uint16))
    return -bits if value < 0 else bits


def bounds(column: Column) -> tuple[int, int]:
    """The ranks that true values have: above the first, up to the second."""
    if column.scale is Scale.SCORE:
        return -1, MILLION
    floor = rank_of_half(UNKNOWN_SIGNED) if column.signed else -1
    return floor, rank_of_half(_GREATEST_HALF if column.scale is Scale.PLAIN else _GREATEST_LOG)


def threshold(column: Column, number: float, *, raw: bool) -> int:
    """The rank with which a column is compared when a rule compares it with a number.

    ``raw``: the number is on the stored scale. What lies outside of the column's values gets a rank just outside.
    """
    floor, ceiling = bounds(column)
    if column.scale is Scale.SCORE:
        return round(min(max(number, -1e-6), 1.000001) * MILLION)
    stored = number if raw else _store(column.scale, number)
    if stored < -_GREATEST_HALF:
        return floor
    if stored > _GREATEST_HALF:
        return ceiling + 1
    return min(max(rank_of_half(stored), floor), ceiling + 1)


def _store(scale: Scale, number: float) -> float:
    """A number on the scale that vectors use."""
    if scale is Scale.PLAIN:
        return number
    if scale is Scale.SIGNED_LOG:
        return math.copysign(math.log2(1.0 + abs(number)), number)
    if scale is Scale.RATIO:
        return math.log2(number) if number > 0 else -math.inf
    return _store_log(scale, number) if number >= 0 else -math.inf


def _store_log(scale: Scale, number: float) -> float:
    """As the memory computes it, so that a count or a time meets its own value; beyond its range nothing must meet."""
    if number > _MOST_IN_MEMORY:
        return math.log2(1.0 + number)
    if scale is Scale.SECONDS:
        return float(log2_seconds(round(number * 1_000_000)))
    return float(log2_count(round(number * ONE)))


@lru_cache(maxsize=1)
def decoding_tables() -> NDArray[np.float64]:
    """Rank → number, (4, 65536): a row for each of PLAIN, LOG, SIGNED_LOG and RATIO, at ``OFFSET`` + rank.

    Ranks that no true value has hold 0.
    """
    tables = np.zeros((len(_FIRST_TABLES), 2 * OFFSET))
    halves = np.arange(rank_of_half(_GREATEST_HALF) + 1, dtype=np.uint16).view(np.float16).astype(np.float64)
    for scale in _FIRST_TABLES:
        known = halves if scale is Scale.PLAIN else halves[halves <= _GREATEST_LOG]
        tables[scale, OFFSET : OFFSET + len(known)] = _numbers(scale, known)
        if scale is not Scale.LOG:
            below = known[(known > 0) & (known < -UNKNOWN_SIGNED)]
            tables[scale, OFFSET - len(below) : OFFSET] = _numbers(scale, -below[::-1])
    tables.flags.writeable = False
    return tables


def _numbers(scale: Scale, stored: NDArray[np.float64]) -> NDArray[np.float64]:
    """The numbers that stored values stand for.

    Those of logarithms to seven digits, so that no machine's last bit decides; and what lies as near to a whole
    number as storing errs is that whole number.
    """
    if scale is Scale.PLAIN:
        return stored
    shift = 0.0 if scale is Scale.RATIO else 1.0
    magnitude = stored if scale is Scale.RATIO else np.abs(stored)
    numbers = np.exp2(magnitude) - shift
    error = np.abs(np.spacing(magnitude.astype(np.float16)).astype(np.float64)) / 2 + _LOG_ERROR
    near = np.abs(numbers - np.rint(numbers)) <= (numbers + shift) * math.log(2) * error
    rounded = [float(f"{number:.7g}") for number in np.where(near, np.rint(numbers), numbers)]
    return np.array(rounded) if scale is Scale.RATIO else np.copysign(rounded, stored)
