"""Thresholds keep their budgets, ties included, and say how sure that is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.improve.history.columns import FRAUD, GENUINE
from penstock.improve.learning.thresholds import BadBudgets, Budgets, choose_thresholds, lowest_score, wilson


@given(
    st.lists(st.sampled_from([0.0, 0.1, 0.5, 0.50001, 0.9, 1.0]), min_size=1, max_size=60),
    st.floats(0, 0.99),
)
def test_the_lowest_score_keeps_the_budget_and_a_lower_one_would_not(values: list[float], budget: float) -> None:
    genuine = np.array(values, np.float32)
    score = lowest_score(genuine, budget)
    assert np.count_nonzero(genuine >= score) <= budget * len(genuine)
    lower = np.nextafter(np.float32(score), np.float32(-1))
    assert np.count_nonzero(genuine >= lower) > budget * len(genuine) or score == 0


def test_each_action_has_its_threshold_and_rates() -> None:
    chance = np.random.default_rng(0)
    labels = np.where(chance.random(20_000) < 0.05, FRAUD, GENUINE).astype(np.int8)
    scores = np.clip(chance.normal(0.2 + 0.4 * (labels == FRAUD), 0.1), 0, 1).astype(np.float32)
    chosen = choose_thresholds(scores, labels, Budgets(0.001, 0.01, 0.05))
    assert [each.action for each in chosen] == ["block", "review", "challenge"]
    assert chosen[0].score > chosen[1].score > chosen[2].score
    for each in chosen:
        rate = np.mean(scores[labels == GENUINE] >= each.score)
        assert each.false_positive_rate.value == pytest.approx(rate)
        assert 0.9 * each.budget < rate <= each.budget
        assert each.false_positive_rate.low < rate < each.false_positive_rate.high
        assert each.recall.value == pytest.approx(np.mean(scores[labels == FRAUD] >= each.score))


def test_a_budget_too_small_for_the_sample_lets_nobody_be_disturbed() -> None:
    labels = np.array([GENUINE] * 100 + [FRAUD] * 20, np.int8)
    scores = np.linspace(0, 1, 120).astype(np.float32)
    block = choose_thresholds(scores, labels, Budgets(0.001, 0.005, 0.02))[0]
    assert block.false_positive_rate.value == 0
    assert block.false_positive_rate.high > 0.03
    assert block.recall.value == 1


def test_wilson_interval() -> None:
    """Newcombe 1998, table I: 81 of 263 is 0.2553 to 0.3662."""
    rate = wilson(81, 263)
    assert rate.low == pytest.approx(0.2553, abs=5e-5)
    assert rate.high == pytest.approx(0.3662, abs=5e-5)
    assert wilson(0, 0).high == 1


@pytest.mark.parametrize("budgets", [(0.01, 0.005, 0.02), (-0.1, 0.5, 0.6), (0.1, 0.2, 1.0)])
def test_budgets_that_contradict_are_refused(budgets: tuple[float, float, float]) -> None:
    with pytest.raises(BadBudgets, match="must rise"):
        Budgets(*budgets)
