"""The card tells what the model was made from, in numbers and in both languages."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from support.labelled import DAY_US
from support.models import Training

from penstock.contracts.features import FEATURES, REGISTRY_VERSION, Entity
from penstock.improve.history.columns import FRAUD
from penstock.improve.learning.describing import describe
from penstock.improve.learning.limits import limits_of


def test_the_card_says_what_was_used(training: Training) -> None:
    card, division = training.card, training.learned.division
    assert card.registry_version == REGISTRY_VERSION
    assert card.features == [feature.name for feature in FEATURES]
    assert card.parts.final.rows == len(division.final)
    assert card.parts.final.frauds == np.count_nonzero(division.labels[division.final] == FRAUD)
    assert card.parts.training.to_us < card.parts.validation.from_us < card.parts.validation.to_us
    assert card.data.until_us == training.until_us
    assert card.data.maturity_us == card.data.embargo_us == 14 * DAY_US
    assert 1 * DAY_US < card.data.label_delay_us < 5 * DAY_US
    assert card.onnx_sha256 == hashlib.sha256(training.learned.onnx).hexdigest()
    assert card.threshold("review") == training.learned.thresholds[1].score
    assert set(card.versions) == {"python", "penstock", "lightgbm", "numpy", "onnx", "onnxruntime"}
    assert sum(card.importance.values()) == pytest.approx(1)


def test_slices_cover_the_validation_part(training: Training) -> None:
    card = training.card
    for by in ("payment_type", "amount"):
        assert sum(each.rows for each in card.slices if each.by == by) == card.parts.validation.rows
    words = {(each.by, each.value) for each in card.slices}
    assert {("payment_type", "transfer"), ("payment_type", "purchase"), ("channel", "web")} <= words
    schemes = [each for each in card.slices if each.by == "fraud_type"]
    assert {each.value for each in schemes} <= {"big_amount", "compromised_payee", "stolen_card"}
    assert sum(each.frauds for each in schemes) == card.parts.validation.frauds


def test_limits_are_told_in_both_languages(training: Training) -> None:
    limits = training.card.limits
    assert len(limits.zh) == len(limits.en) >= 4
    assert any("frauds are in the validation part" in each for each in limits.en)
    assert all(any("一" <= letter <= "鿿" for letter in each) for each in limits.zh)


def test_limits_name_what_the_data_does_not_have(training: Training) -> None:
    card, vectors = training.card, training.vectors.copy()
    for feature in FEATURES:
        if feature.entity in {Entity.DEVICE, Entity.PLACE}:
            vectors[:, feature.slot] = feature.unknown
    told = limits_of(card.data, card.parts, vectors)
    assert "The data does not name these, and the model ignores them: device, place." in told.en
    assert "数据中没有以下信息,模型不会使用:设备、地点。" in told.zh


def test_a_history_without_embargo_and_with_late_labels_is_marked(training: Training) -> None:
    history, division = training.history, training.learned.division
    known_us = np.where(history.label == FRAUD, history.time_us + 15 * DAY_US, history.known_us)
    learned = replace(training.learned, division=replace(division, embargo_us=0))
    late = replace(history, known_us=known_us)
    card = describe(learned, late, training.vectors, training.until_us, name="x", created="2026-01-01", seed=0)
    assert card.created == "2026-01-01"
    assert any("too short for an embargo" in each for each in card.limits.en)
    assert any("give a longer maturity" in each for each in card.limits.en)
