"""ONNX and native model are the same function: everywhere, and at the thresholds themselves."""

from __future__ import annotations

import lightgbm
import numpy as np
from numpy.typing import NDArray
from support.models import random_vectors, small_model

from penstock.contracts.features import FEATURES, SLOTS
from penstock.improve.learning.export import export_onnx, round_down
from penstock.process.decide.scoring import Scorer


def native_scores(native: str, vectors: NDArray[np.float16]) -> NDArray[np.float64]:
    booster = lightgbm.Booster(model_str=native)
    return np.asarray(booster.predict(vectors.astype(np.float64), num_threads=1), np.float64)


def splits(booster: lightgbm.Booster) -> list[tuple[int, float]]:
    """Every slot and threshold of a model."""
    pending = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]
    found = []
    while pending:
        node = pending.pop()
        if "split_index" in node:
            found.append((node["split_feature"], node["threshold"]))
            pending += [node["left_child"], node["right_child"]]
    return found


def test_onnx_and_native_agree_on_many_vectors() -> None:
    onnx, native = small_model()
    vectors = random_vectors(30_000, 77)
    assert np.abs(Scorer(onnx).score(vectors) - native_scores(native, vectors)).max() < 1e-6


def test_they_agree_where_everything_is_unknown_and_at_the_ends_of_the_scale() -> None:
    onnx, native = small_model()
    unknown = np.array([feature.unknown for feature in FEATURES])
    vectors = np.stack([unknown, np.zeros(SLOTS), np.full(SLOTS, 65_504.0), np.full(SLOTS, -65_504.0)])
    vectors = vectors.astype(np.float16)
    assert np.abs(Scorer(onnx).score(vectors) - native_scores(native, vectors)).max() < 1e-6


def test_they_agree_at_every_threshold_and_beside_it() -> None:
    onnx, native = small_model()
    vectors: list[NDArray[np.float16]] = []
    for slot, threshold in splits(lightgbm.Booster(model_str=native)):
        at = np.float16(threshold)
        for value in (at, np.nextafter(at, np.float16(-np.inf)), np.nextafter(at, np.float16(np.inf))):
            vector = random_vectors(1, len(vectors))[0]
            vector[slot] = value
            vectors.append(vector)
    stacked = np.array(vectors)
    assert len(stacked) > 500
    assert np.abs(Scorer(onnx).score(stacked) - native_scores(native, stacked)).max() < 1e-6


def test_a_threshold_is_rounded_so_that_every_float32_falls_on_the_same_side() -> None:
    chance = np.random.default_rng(6)
    thresholds = np.concatenate([chance.normal(0, 10, 5_000), [0.1, 1e-35, -1e-35, 1.0000000180025095e-35, 3.0]])
    rounded = round_down(thresholds)
    assert np.all(rounded.astype(np.float64) <= thresholds)
    assert np.all(np.nextafter(rounded, np.float32(np.inf)).astype(np.float64) > thresholds)


def test_a_tree_without_branches_is_a_constant() -> None:
    settings = {"objective": "binary", "verbose": -1, "min_data_in_leaf": 100, "feature_pre_filter": False}
    data = lightgbm.Dataset(np.zeros((50, SLOTS)), np.arange(50) % 2)
    booster = lightgbm.train(settings, data, 1)
    assert Scorer(export_onnx(booster)).score(random_vectors(2, 1)).tolist() == [0.5, 0.5]
