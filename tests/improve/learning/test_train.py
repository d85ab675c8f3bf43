"""Training: the same bytes again, nothing from the future, thresholds and figures that are true."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from support.labelled import labelled_history
from support.models import QUICK, Training, random_vectors, telling_vectors, train

from penstock.contracts.features import BY_NAME
from penstock.improve.backtest import ranking
from penstock.improve.history.columns import FRAUD, GENUINE
from penstock.improve.learning.boosting import Sample, fit, parameters_for
from penstock.improve.learning.train import learn
from penstock.process.decide.scoring import Scorer


def test_the_same_training_gives_the_same_bytes(training: Training) -> None:
    again = train(training.history, training.vectors, training.until_us)
    assert again.learned.onnx == training.learned.onnx
    assert again.learned.native == training.learned.native
    assert msgspec.json.encode(again.card) == msgspec.json.encode(training.card)


def test_another_seed_gives_another_model(training: Training) -> None:
    other = learn(training.history, training.vectors, training.until_us, seed=8, parameters=QUICK)
    assert other.native != training.learned.native


def test_what_becomes_known_later_changes_no_byte_of_the_models(training: Training) -> None:
    history, until = training.history, training.until_us
    later = history.known_us > until
    labels = np.where(later & (history.label == GENUINE), FRAUD, history.label).astype(np.int8)
    amounts = np.where(history.time_us > until, 1, history.amount_minor)
    vectors = training.vectors.copy()
    vectors[history.time_us > until] = 0
    changed = learn(replace(history, label=labels, amount_minor=amounts), vectors, until, seed=7, parameters=QUICK)
    assert later.sum() > 500
    assert (changed.onnx, changed.native) == (training.learned.onnx, training.learned.native)
    assert changed.thresholds == training.learned.thresholds


def test_the_model_finds_frauds_of_the_time_after(training: Training) -> None:
    later = training.history.time_us > training.until_us
    scores = Scorer(training.learned.onnx).score(training.vectors[later])
    fraud = training.history.label[later] == FRAUD
    curve = ranking.draw_curve(ranking.order_scores(scores, fraud, training.history.amount_minor[later]))
    assert ranking.auc_roc(curve) > 0.9
    assert ranking.average_precision(curve) > 0.4
    assert scores.mean() == pytest.approx(fraud.mean(), abs=0.015)


def test_thresholds_and_figures_are_those_of_the_validation_part(training: Training) -> None:
    learned = training.learned
    labels = learned.division.labels[learned.division.validation]
    scores = learned.validation_scores
    for each in learned.thresholds:
        rate = np.mean(scores[labels == GENUINE] >= each.score)
        assert rate <= each.budget
        assert each.false_positive_rate.value == pytest.approx(rate)
    amounts = training.history.amount_minor[learned.division.validation]
    curve = ranking.draw_curve(ranking.order_scores(scores, labels == FRAUD, amounts))
    told = training.card.metrics["average_precision"]
    assert told.value == pytest.approx(ranking.average_precision(curve))
    assert told.low < told.value < told.high


def test_trees_are_counted_on_validation() -> None:
    """Where nothing can be learnt, the first tree is as good as any."""
    vectors = random_vectors(2_000, 1)
    labels = (np.random.default_rng(0).random(2_000) < 0.1).astype(np.int8)
    booster = fit(Sample(vectors[:1_000], labels[:1_000]), Sample(vectors[1_000:], labels[1_000:]), QUICK, seed=0)
    assert booster.num_trees() < QUICK.trees


def test_weights_count() -> None:
    """Payments without weight are as if they were not there."""
    vectors = random_vectors(4_000, 1)
    slot = BY_NAME["payment.amount"].slot
    labels = (vectors[:, slot] > 12).astype(np.int8)
    wrong = np.arange(4_000) < 2_000
    labels[wrong] = vectors[wrong, slot] < 3
    weighted = Sample(vectors, labels, np.where(wrong, 0.0, 1.0))
    check = Sample(vectors[2_000:], labels[2_000:])
    booster = fit(weighted, check, QUICK, seed=0)
    odds = booster.predict(check.vectors.astype(np.float32), raw_score=True)
    assert isinstance(odds, np.ndarray)
    assert odds[check.labels == FRAUD].min() > odds[check.labels == GENUINE].max()


def test_few_frauds_carry_few_leaves_and_small_steps() -> None:
    settings = [parameters_for(frauds) for frauds in (100, 5_000, 100_000)]
    assert [each.leaves for each in settings] == [8, 8, 31]
    assert [each.learning_rate for each in settings] == [0.04, 0.06, 0.1]


def test_progress_is_told_step_by_step() -> None:
    history = labelled_history(6, 2_500, days=120)
    told: list[tuple[str, int, int]] = []
    learned = learn(
        history,
        telling_vectors(history, 6),
        int(history.time_us[-1]),
        parameters=QUICK,
        progress=lambda step, done, total: told.append((step, done, total)),
    )
    assert told[0] == ("counting trees", 1, QUICK.trees)
    assert told[-1] == ("growing trees", learned.trees, learned.trees)
