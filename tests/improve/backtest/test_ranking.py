"""Ranking figures against definitions written out pair by pair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from penstock.improve.backtest.ranking import (
    auc_roc,
    average_precision,
    draw_curve,
    order_scores,
    point_at_rate,
    point_at_score,
)

Rows = list[tuple[int, bool, int]]
#: Few different scores, so that most are tied; at least one fraud and one genuine intent.
ROWS = st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(1, 50)), min_size=2, max_size=40).filter(
    lambda rows: len({fraud for _, fraud, _ in rows}) == 2
)


def columns(rows: Rows) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.int64]]:
    score, fraud, amount = zip(*rows, strict=True)
    return np.array(score, np.float32), np.array(fraud, np.bool_), np.array(amount, np.int64)


def naive_auc(rows: Rows) -> float:
    pairs = [(one, other) for one, fraud, _ in rows if fraud for other, fraudulent, _ in rows if not fraudulent]
    return sum(1.0 if one > other else 0.5 if one == other else 0.0 for one, other in pairs) / len(pairs)


def naive_average_precision(rows: Rows) -> float:
    frauds, total, before = sum(fraud for _, fraud, _ in rows), 0.0, 0.0
    for threshold in sorted({score for score, _, _ in rows}, reverse=True):
        flagged = [fraud for score, fraud, _ in rows if score >= threshold]
        recall = sum(flagged) / frauds
        total += (recall - before) * sum(flagged) / len(flagged)
        before = recall
    return total


def naive_recall(rows: Rows, rate: float, *, by_value: bool = False) -> float:
    genuine = [score for score, fraud, _ in rows if not fraud]
    best = 0.0
    whole = sum(amount if by_value else 1 for _, fraud, amount in rows if fraud)
    for threshold in {score for score, _, _ in rows}:
        if sum(score >= threshold for score in genuine) <= rate * len(genuine) + 1e-9:
            caught = sum((amount if by_value else 1) for score, fraud, amount in rows if fraud and score >= threshold)
            best = max(best, caught / whole)
    return best


@given(rows=ROWS)
def test_every_figure_is_what_its_definition_says(rows: Rows) -> None:
    curve = draw_curve(order_scores(*columns(rows)))
    assert auc_roc(curve) == pytest.approx(naive_auc(rows))
    assert average_precision(curve) == pytest.approx(naive_average_precision(rows))
    for rate in (0.001, 0.1, 0.25, 0.5, 1.0):
        point = point_at_rate(curve, rate)
        assert point.recall == pytest.approx(naive_recall(rows, rate))
        assert point.value_recall == pytest.approx(naive_recall(rows, rate, by_value=True))
        assert point.false_positive_rate <= rate + 1e-9


@given(rows=ROWS, data=st.data())
def test_a_weight_is_the_same_as_a_repetition(rows: Rows, data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)))
    repeated = [row for row, weight in zip(rows, weights, strict=True) for _ in range(weight)]
    if len({fraud for _, fraud, _ in repeated}) < 2:
        return
    weighted = draw_curve(order_scores(*columns(rows)), np.array(weights, np.float64))
    assert auc_roc(weighted) == pytest.approx(naive_auc(repeated))
    assert average_precision(weighted) == pytest.approx(naive_average_precision(repeated))
    assert point_at_rate(weighted, 0.3).recall == pytest.approx(naive_recall(repeated, 0.3))


def test_a_hand_computed_case() -> None:
    rows = [(9, True, 10), (8, False, 1), (7, True, 30), (7, False, 1), (5, True, 60), (1, False, 1), (0, False, 1)]
    curve = draw_curve(order_scores(*columns(rows)))
    assert auc_roc(curve) == pytest.approx((4 + 2.5 + 2) / 12)
    assert average_precision(curve) == pytest.approx((1 + 2 / 4 + 3 / 5) / 3)
    none = point_at_rate(curve, 0.0)
    assert (none.recall, none.value_recall, none.precision, none.alerts_per_fraud) == (1 / 3, 0.1, 1.0, 1.0)
    quarter = point_at_rate(curve, 0.25)  # one of four may be wrong: the tie at 7 would make it two
    assert (quarter.recall, quarter.threshold, quarter.precision, quarter.alerts_per_fraud) == (1 / 3, 8.0, 0.5, 2.0)
    half = point_at_rate(curve, 0.5)
    assert (half.recall, half.value_recall, half.threshold) == (1.0, 1.0, 5.0)


def test_ties_with_genuine_intents_are_misses() -> None:
    curve = draw_curve(order_scores(*columns([(1, True, 5), (1, False, 5), (0, False, 5)])))
    assert point_at_rate(curve, 0.1).recall == 0.0
    assert point_at_rate(curve, 0.1).threshold == float("inf")
    assert np.isnan(point_at_rate(curve, 0.1).precision)


def test_a_threshold_takes_what_reaches_it_exactly() -> None:
    scores = np.array([0.1, 0.2, 0.3], np.float32)
    curve = draw_curve(order_scores(scores, np.array([False, True, True]), np.array([1, 1, 3])))
    point = point_at_score(curve, 0.2)  # not a half-precision number: compared as the score is kept
    assert (point.recall, point.false_positive_rate, point.value_recall) == (1.0, 0.0, 1.0)
    assert point_at_score(curve, 0.25).value_recall == 0.75
    never = point_at_score(curve, 1.5)
    assert (never.recall, never.false_positive_rate) == (0.0, 0.0)
    assert np.isnan(never.alerts_per_fraud)


def test_what_cannot_be_said_is_no_number() -> None:
    only_genuine = draw_curve(order_scores(np.zeros(2, np.float32), np.zeros(2, np.bool_), np.ones(2, np.int64)))
    assert np.isnan(auc_roc(only_genuine))
    assert np.isnan(average_precision(only_genuine))
    nothing = draw_curve(order_scores(np.zeros(0, np.float32), np.zeros(0, np.bool_), np.zeros(0, np.int64)))
    assert np.isnan(auc_roc(nothing))
    assert np.isnan(point_at_rate(nothing, 0.01).recall)
    assert np.isnan(point_at_score(nothing, 0.5).recall)
