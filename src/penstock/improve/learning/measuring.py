"""The card's figures: what the scores gave on the validation part, whole and in slices. The unit is the payment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import PaymentType
from penstock.improve.backtest import ranking
from penstock.improve.backtest.bootstrap import draw_figures, interval
from penstock.improve.history.columns import FRAUD, History
from penstock.improve.learning.card import Rate, Slice
from penstock.improve.learning.thresholds import wilson

Bool = NDArray[np.bool_]
Float64 = NDArray[np.float64]
Scores = NDArray[np.float32]

#: False-positive rates at which recall is told.
RATES: Final = (0.001, 0.005, 0.01, 0.03)
#: Draws of payers, fewer where there are many payments and so little doubt.
_MOST_DRAWS: Final = 200
_FEWEST_DRAWS: Final = 50
_DRAWN_PAYMENTS: Final = 20_000_000
#: Values of a column that get a slice of their own, the most frequent first.
_MOST_SLICES: Final = 8


def measure(part: History, labels: NDArray[np.int8], scores: Scores, seed: int) -> dict[str, Rate]:
    """Ranking and calibration figures of the payments of ``part``, with 95 % intervals by bootstrap over payers."""
    order = ranking.order_scores(scores, labels == FRAUD, part.amount_minor)
    payers, owner = np.unique(part.payer, return_inverse=True)
    squares = (scores.astype(np.float64) - (labels == FRAUD)) ** 2

    def figures(weights: Float64) -> dict[str, float]:
        each = weights[owner]
        found = _ranking_figures(ranking.draw_curve(order, each))
        return found | {"brier": float(np.average(squares, weights=each))}

    repeats = int(np.clip(_DRAWN_PAYMENTS // len(part), _FEWEST_DRAWS, _MOST_DRAWS))
    draws = draw_figures([figures], len(payers), repeats, seed)[0]
    return {name: _rate(value, interval(draws[name])) for name, value in figures(np.ones(len(payers))).items()}


def slices(part: History, labels: NDArray[np.int8], scores: Scores, threshold: float) -> list[Slice]:
    """What the threshold gave for each kind of payments; intervals are Wilson's."""
    fraud, flagged = labels == FRAUD, scores >= threshold
    return [_slice(by, value, inside, fraud, flagged) for by, value, inside in _kinds(part) if inside.any()]


def _ranking_figures(curve: ranking.Curve) -> dict[str, float]:
    recalls = {f"recall_at_fpr_{rate}": ranking.point_at_rate(curve, rate).recall for rate in RATES}
    return {"auc_roc": ranking.auc_roc(curve), "average_precision": ranking.average_precision(curve)} | recalls


def _rate(value: float, bounds: tuple[float, float] | None) -> Rate:
    """A figure whose draws gave too few numbers may be anything."""
    low, high = bounds or (0.0, 1.0)
    return Rate(value, low, high)


def _slice(by: str, value: str, inside: Bool, fraud: Bool, flagged: Bool) -> Slice:
    frauds, genuine = int((inside & fraud).sum()), int((inside & ~fraud).sum())
    return Slice(
        by=by,
        value=value,
        rows=int(inside.sum()),
        frauds=frauds,
        false_positive_rate=wilson(int((inside & flagged & ~fraud).sum()), genuine),
        recall=wilson(int((inside & flagged & fraud).sum()), frauds),
    )


def _kinds(part: History) -> Iterator[tuple[str, str, Bool]]:
    for name in ("payment_type", "channel", "fraud_type"):
        values = getattr(part, name)
        for number in _frequent(values[values > 0]):
            yield name, _word(part, name, number), values == number
    borders = np.quantile(part.amount_minor, (0.25, 0.5, 0.75))
    quarter = np.searchsorted(borders, part.amount_minor, side="right")
    for number, value in enumerate(("lowest quarter", "second quarter", "third quarter", "highest quarter")):
        yield "amount", value, quarter == number


def _frequent(values: NDArray[np.int64]) -> list[int]:
    found, counts = np.unique(values, return_counts=True)
    order = np.lexsort((found, -counts))[:_MOST_SLICES]
    return [int(number) for number in found[order]]


def _word(part: History, name: str, number: int) -> str:
    words = part.names.get(name, [])
    if name == "payment_type" and number < 100:
        return PaymentType(number).name.lower()
    place = number - (100 if name == "payment_type" else 1)
    return words[place] if 0 <= place < len(words) else str(number)
