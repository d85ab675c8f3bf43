"""Scores mean what they say, and their leaves add up exactly."""

from __future__ import annotations

import numpy as np
import pytest
from support.models import QUICK, random_labels, random_vectors

from penstock.improve.history.columns import FRAUD, GENUINE
from penstock.improve.learning.boosting import Sample, grow, log_odds
from penstock.improve.learning.calibration import fit_platt, settle
from penstock.improve.learning.card import Calibration


def test_distorted_log_odds_are_put_right() -> None:
    chance = np.random.default_rng(4)
    true = chance.normal(-3, 2, 60_000)
    labels = np.where(chance.random(60_000) < 1 / (1 + np.exp(-true)), FRAUD, GENUINE).astype(np.int8)
    calibration = fit_platt((true + 1) / 2, labels)
    assert calibration.slope == pytest.approx(2, abs=0.08)
    assert calibration.intercept == pytest.approx(-1, abs=0.08)


def test_perfect_separation_has_finite_log_odds() -> None:
    labels = np.array([GENUINE] * 50 + [FRAUD] * 10, np.int8)
    calibration = fit_platt(np.where(labels == FRAUD, 5.0, -5.0), labels)
    assert 0 < calibration.slope < 1
    assert 1 / (1 + np.exp(-(5 * calibration.slope + calibration.intercept))) == pytest.approx(11 / 12, abs=1e-4)


def test_a_ranking_is_never_turned_round() -> None:
    labels = np.array([FRAUD] * 50 + [GENUINE] * 50, np.int8)
    assert fit_platt(np.arange(100.0), labels).slope > 0


def test_settled_leaves_add_up_exactly_in_any_order_and_hardly_differ() -> None:
    vectors = random_vectors(3_000, 1)
    booster = grow(Sample(vectors, random_labels(vectors, 2)), QUICK.trees, QUICK, seed=1)
    before = log_odds(booster, vectors)
    settle(booster, Calibration(1.7, 0.3))
    after = log_odds(booster, vectors)
    assert np.abs(after - (1.7 * before + 0.3)).max() < 1e-4
    leaves = booster.predict(vectors.astype(np.float32), pred_leaf=True)
    assert isinstance(leaves, np.ndarray)
    values = np.array(
        [[booster.get_leaf_output(tree, int(leaf)) for tree, leaf in enumerate(row)] for row in leaves[:100]]
    )
    assert np.array_equal(values.astype(np.float32), values)
    forwards, backwards = np.cumsum(values.astype(np.float32), axis=1), np.cumsum(values.astype(np.float32)[:, ::-1], 1)
    assert np.array_equal(forwards[:, -1], after[:100])
    assert np.array_equal(backwards[:, -1], after[:100])
