"""Intervals: the figures again and again, each time with payers drawn anew.

Payers are drawn, not payments, because the payments of one payer are alike (cluster bootstrap: Davison and Hinkley
1997, "Bootstrap methods and their application", chapter 3.8); 95 % percentile intervals. Two systems are measured
on the same draws, so that the interval of their difference is that of pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
#: From weights of the payers to figures by name.
Figures = Callable[[Float64], dict[str, float]]
Interval = tuple[float, float]

_TAIL: Final = 0.025
#: Where there are many intents there is little doubt, and each draw costs more.
_MOST_DRAWN: Final = 30_000_000
_ENOUGH: Final = 50
#: Below so many draws that gave a number, percentiles of 2.5 % say nothing.
_FEWEST: Final = 40


def bounded_repeats(wanted: int, intents: int) -> int:
    """As many draws as wanted, but over all no more than 30 million intents, except that 50 are always made."""
    return min(wanted, max(_ENOUGH, _MOST_DRAWN // max(intents, 1)))


def draw_figures(
    systems: Sequence[Figures], payers: int, repeats: int, seed: int, progress: Callable[[int], None] | None = None
) -> list[dict[str, Float64]]:
    """For each system its figures by name, (repeats,), on the same draws of payers."""
    chance = np.random.default_rng(seed)
    drawn: list[list[dict[str, float]]] = [[] for _ in systems]
    for repeat in range(repeats):
        weights = np.bincount(chance.integers(0, payers, payers), minlength=payers).astype(np.float64)
        for found, figures in zip(drawn, systems, strict=True):
            found.append(figures(weights))
        if progress is not None:
            progress(repeat + 1)
    return [{name: np.array([each[name] for each in found]) for name in (found[0] if found else {})} for found in drawn]


def interval(draws: Float64) -> Interval | None:
    """95 % percentile interval, from among the draws; None where too few of them gave a number. Ends may be infinite."""
    numbers = np.sort(draws[~np.isnan(draws)])
    if len(numbers) < _FEWEST or len(numbers) < len(draws) / 2:
        return None
    outside = int(_TAIL * len(numbers))
    return float(numbers[outside]), float(numbers[-1 - outside])


def difference(first: Float64, second: Float64) -> Interval | None:
    """95 % interval of first − second, draw by draw."""
    with np.errstate(invalid="ignore"):  # infinite − infinite is not a number, and left out
        return interval(first - second)
