"""Figures to be drawn: the distribution of scores, recall against false positives, the course of time."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from penstock.improve.backtest.intents import Intents
from penstock.improve.backtest.ranking import Curve, point_at_rate, share

#: Of false positives, for the curve; the four of docs/metrics.md are among them.
CURVE_RATES: Final = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0)
_SCORE_EDGES: Final = (0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_PERIODS: Final = 12


def score_histogram(intents: Intents) -> list[dict[str, float]]:
    """Intents and frauds by score, with the mean score, which calibration makes equal to the share of fraud."""
    edges = np.array(_SCORE_EDGES)
    place = np.clip(np.searchsorted(edges, intents.score, side="right") - 1, 0, len(edges) - 2)
    count = len(edges) - 1
    rows, frauds = np.bincount(place, minlength=count), np.bincount(place, intents.fraud, count)
    sums = np.bincount(place, intents.score.astype(np.float64), count)
    return [
        {
            "from": edges[i],
            "to": edges[i + 1],
            "rows": int(rows[i]),
            "frauds": int(frauds[i]),
            "mean_score": share(sums[i], rows[i]),
            "fraud_share": share(frauds[i], rows[i]),
        }
        for i in range(count)
    ]


def recall_curve(curve: Curve) -> list[dict[str, float]]:
    """Recall at some rates of false positives."""
    points = [(rate, point_at_rate(curve, rate)) for rate in CURVE_RATES]
    return [
        {"rate": rate, "recall": each.recall, "value_recall": each.value_recall, "precision": each.precision}
        for rate, each in points
    ]


def over_time(intents: Intents, alert: NDArray[np.bool_], begin_us: int, end_us: int) -> list[dict[str, Any]]:
    """The test in equal periods: what the alerts were worth in each."""
    length = max(1, -(-(end_us - begin_us) // _PERIODS))
    period = np.clip((intents.time_us - begin_us) // length, 0, _PERIODS - 1).astype(np.int64)
    fraud = intents.fraud

    def count(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(period[mask], minlength=_PERIODS)

    rows, frauds, alerts, caught = count(fraud | ~fraud), count(fraud), count(alert), count(alert & fraud)
    return [
        {
            "from_us": int(begin_us + i * length),
            "rows": int(rows[i]),
            "frauds": int(frauds[i]),
            "alerts": int(alerts[i]),
            "precision": share(caught[i], alerts[i]),
            "recall": share(caught[i], frauds[i]),
            "false_positive_rate": share(alerts[i] - caught[i], rows[i] - frauds[i]),
        }
        for i in range(_PERIODS)
    ]
