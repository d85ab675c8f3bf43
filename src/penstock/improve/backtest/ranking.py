"""How well scores put frauds before genuine intents: figures that need no threshold, or one false-positive rate.

All take weights, so that a bootstrap repeats nothing but cumulative sums. Equal scores are one step: a rate of
false positives that falls within such a step is not reached by it, so ties count as misses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bool = NDArray[np.bool_]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

#: A budget of false positives is a share of a whole number: what rounding takes from it is given back.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Order:
    """Intents by falling score; the arrays are (n,) in that order, except ``ends``."""

    places: Int64  # where each was before
    score: NDArray[np.float32]
    fraud: Float64  # 1 or 0
    amount: Float64
    ends: Int64  # (steps,) the last place of each run of equal scores


@dataclass(frozen=True)
class Curve:
    """What lies at or above each step of the scores, (steps,) each; weighted."""

    score: NDArray[np.float32]
    frauds: Float64
    genuine: Float64
    value: Float64  # amount of the frauds

    @property
    def all_frauds(self) -> float:
        """Weight of all frauds."""
        return float(self.frauds[-1]) if len(self.frauds) else 0.0

    @property
    def all_genuine(self) -> float:
        """Weight of all genuine intents."""
        return float(self.genuine[-1]) if len(self.genuine) else 0.0


def order_scores(score: NDArray[np.float32], fraud: Bool, amount_minor: Int64) -> Order:
    """Sort once, for any number of curves."""
    places = np.argsort(-score, kind="stable")
    ordered = score[places]
    ends = np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True]) if len(ordered) else np.empty(0, np.int64)
    return Order(places, ordered, fraud[places].astype(np.float64), amount_minor[places].astype(np.float64), ends)


def draw_curve(order: Order, weights: Float64 | None = None) -> Curve:
    """Cumulative sums over the steps; ``weights`` (n,) in the order before sorting, 1 each if absent."""
    each = np.ones(len(order.places)) if weights is None else weights[order.places]
    frauds = each * order.fraud
    return Curve(
        order.score[order.ends],
        np.cumsum(frauds)[order.ends],
        np.cumsum(each - frauds)[order.ends],
        np.cumsum(frauds * order.amount)[order.ends],
    )


def auc_roc(curve: Curve) -> float:
    """Probability that a fraud scores higher than a genuine intent, equal scores counted half; NaN without both.

    Trapezoids under the curve (Fawcett 2006, "An introduction to ROC analysis", algorithm 2).
    """
    if not (curve.all_frauds and curve.all_genuine):
        return float("nan")
    steps = np.diff(curve.genuine, prepend=0.0)
    before = np.r_[0.0, curve.frauds[:-1]]
    return float((steps * (before + curve.frauds)).sum() / 2 / (curve.all_frauds * curve.all_genuine))


def average_precision(curve: Curve) -> float:
    """Sum over the steps of precision × gain in recall, without interpolation (as scikit-learn's); NaN without frauds."""
    if not curve.all_frauds:
        return float("nan")
    flagged = curve.frauds + curve.genuine
    precision = np.divide(curve.frauds, flagged, out=np.zeros_like(flagged), where=flagged > 0)
    return float((np.diff(curve.frauds, prepend=0.0) * precision).sum() / curve.all_frauds)


@dataclass(frozen=True)
class Point:
    """One place on the curve: everything at or above a score is an alert."""

    threshold: float  # infinite: there is no score with so few false positives
    false_positive_rate: float
    recall: float
    value_recall: float  # share of the frauds' money
    precision: float  # NaN without alerts
    alerts_per_fraud: float  # alerts for each fraud found; infinite when none is found, NaN without alerts


def point_at_rate(curve: Curve, rate: float) -> Point:
    """The lowest score whose false positives are at most this share of the genuine intents; NaN without genuine ones.

    It is one of the scores that occur, so nothing between two scores is interpolated.
    """
    if not curve.all_genuine:
        return Point(*[float("nan")] * 6)
    budget = rate * curve.all_genuine * (1 + _ROUNDING)
    return _point(curve, int(np.searchsorted(curve.genuine, budget, side="right")) - 1)


def point_at_score(curve: Curve, threshold: float) -> Point:
    """What an alert at this score and above gives."""
    reached = int(np.searchsorted(-curve.score, -np.float32(threshold), side="right")) - 1
    point = _point(curve, reached)
    return Point(threshold, *list(vars(point).values())[1:])


def _point(curve: Curve, step: int) -> Point:
    frauds, genuine, value = (
        (float(each[step]) if step >= 0 else 0.0) for each in (curve.frauds, curve.genuine, curve.value)
    )
    return Point(
        threshold=float(curve.score[step]) if step >= 0 else float("inf"),
        false_positive_rate=share(genuine, curve.all_genuine),
        recall=share(frauds, curve.all_frauds),
        value_recall=share(value, float(curve.value[-1]) if len(curve.value) else 0.0),
        precision=share(frauds, frauds + genuine),
        alerts_per_fraud=(frauds + genuine) / frauds if frauds else (float("inf") if genuine else float("nan")),
    )


def share(part: float, whole: float) -> float:
    """Part ÷ whole; NaN of nothing."""
    return part / whole if whole else float("nan")
