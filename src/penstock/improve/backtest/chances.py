"""What a verdict does to an intent: as chances, because people answer challenges and decide reviews."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penstock.improve.backtest.assumptions import Assumptions, Verdict
from penstock.improve.backtest.intents import Intents

Float64 = NDArray[np.float64]

#: Stands for the logarithm of 0: far below any chance that matters, and finite, so that differences stay numbers.
_LOG_OF_NOTHING = -700.0


@dataclass(frozen=True)
class Chances:
    """For each intent the chance, (n,), that ...; the first three are meant of frauds, the last of genuine intents."""

    intercepted: Float64  # its money never becomes usable by the payee
    block_only: Float64  # the same, were there nothing but blocks
    touched: Float64  # anything at all is done about it
    false_block: Float64  # it is blocked, declined by a reviewer, or waits past the review's deadline


def chances_of(intents: Intents, effectiveness: Float64, assumptions: Assumptions) -> Chances:
    """The chances; ``effectiveness`` (types + 1,) says how often a challenge stops each fraud type."""
    verdict = intents.verdict
    challenge = effectiveness[intents.fraud_type]
    in_time = 1 - assumptions.review_late
    late_stops = assumptions.review_late if assumptions.late_review_declines else 0.0
    review = in_time * assumptions.review_declines_fraud + late_stops
    disturbing_review = in_time * (1 - assumptions.review_approves_genuine) + assumptions.review_late
    blocks = (verdict == Verdict.BLOCK).astype(np.float64)
    reviews = verdict == Verdict.REVIEW
    return Chances(
        intercepted=np.where(verdict == Verdict.CHALLENGE, challenge, np.where(reviews, review, blocks)),
        block_only=blocks,
        touched=(verdict > Verdict.ALLOW).astype(np.float64),
        false_block=np.where(reviews, disturbing_review, blocks),
    )


def log_of_rest(chance: Float64) -> Float64:
    """log(1 − chance), finite."""
    with np.errstate(divide="ignore"):
        return np.maximum(np.log1p(-chance), _LOG_OF_NOTHING)
