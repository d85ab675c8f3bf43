"""Thresholds for stated budgets: how many genuine payments an action may touch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.improve.history.columns import FRAUD
from penstock.improve.learning.card import Rate, Threshold

#: Standard deviations of a 95 % interval.
_Z: Final = 1.959963984540054


class BadBudgets(ValueError):
    """Budgets that cannot be kept together."""


@dataclass(frozen=True)
class Budgets:
    """Shares of genuine payments that may be touched by each action or a harder one."""

    block: float = 0.001
    review: float = 0.005
    challenge: float = 0.02

    def __post_init__(self) -> None:
        if not 0 <= self.block <= self.review <= self.challenge < 1:
            raise BadBudgets(
                f"budgets must rise from block ({self.block}) over review ({self.review}) to challenge ({self.challenge}), within 0 and 1"
            )


#: What most could staff and most customers would bear; every command that uses it has options for others.
DEFAULT_BUDGETS: Final = Budgets()


def choose_thresholds(scores: NDArray[np.float32], labels: NDArray[np.int8], budgets: Budgets) -> list[Threshold]:
    """A threshold for each action, from scores (n,) and labels (n,) of payments that were not learnt from."""
    fraud = labels == FRAUD
    chosen = (("block", budgets.block), ("review", budgets.review), ("challenge", budgets.challenge))
    return [_threshold(action, budget, scores[fraud], scores[~fraud]) for action, budget in chosen]


def _threshold(action: str, budget: float, fraud: NDArray[np.float32], genuine: NDArray[np.float32]) -> Threshold:
    score = lowest_score(genuine, budget)
    caught, disturbed = int(np.count_nonzero(fraud >= score)), int(np.count_nonzero(genuine >= score))
    return Threshold(
        action,
        budget,
        score,
        wilson(disturbed, len(genuine)),
        wilson(caught, len(fraud)),
        wilson(caught, caught + disturbed),
    )


def lowest_score(genuine: NDArray[np.float32], budget: float) -> float:
    """The lowest score at and above which not more than a share of the genuine payments lie; ties count against us."""
    allowed = int(budget * len(genuine))
    if allowed >= len(genuine):
        return 0.0
    first_too_many = np.sort(genuine)[len(genuine) - 1 - allowed]
    return float(np.nextafter(first_too_many, np.float32(2)))


def wilson(hits: int, trials: int) -> Rate:
    """A share with Wilson's 95 % interval (Wilson 1927); 0 within [0, 1] where nothing was tried."""
    if trials == 0:
        return Rate(0.0, 0.0, 1.0)
    share, square = hits / trials, _Z * _Z / trials
    centre = (share + square / 2) / (1 + square)
    half = _Z / (1 + square) * math.sqrt(share * (1 - share) / trials + square / (4 * trials))
    return Rate(share, max(0.0, centre - half), min(1.0, centre + half))
