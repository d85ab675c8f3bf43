"""Why a score is what it is: contributions add up to it, and what did not matter added nothing."""

from __future__ import annotations

import itertools
import sys
from importlib.abc import MetaPathFinder
from math import comb
from typing import Any

import lightgbm
import numpy as np
import pytest
from support.models import AMOUNT, SHARE, random_vectors, small_model

from penstock.contracts.features import SLOTS
from penstock.kit.trees import BadNative, LibraryMissing, contributions, load_lightgbm, score_of
from penstock.process.decide.scoring import Scorer


def test_contributions_add_up_to_the_score() -> None:
    onnx, native = small_model()
    vectors = random_vectors(500, 8)
    added = contributions(native, vectors)
    assert added.shape == (500, SLOTS + 1)
    assert np.abs(score_of(added) - Scorer(onnx).score(vectors)).max() < 1e-6
    assert np.array_equal(contributions(native.encode(), vectors), added)


def test_what_decided_stands_out() -> None:
    added = np.abs(contributions(small_model()[1], random_vectors(300, 9))[:, :-1]).mean(axis=0)
    assert set(np.argsort(-added)[:2]) == {AMOUNT, SHARE}


def test_contributions_are_shapley_values() -> None:
    """Against the definition (Shapley 1953): a feature's mean effect over all orders in which features become known."""
    vectors = random_vectors(2_000, 3)[:, :3]
    wide = np.zeros((2_000, SLOTS), np.float32)
    wide[:, :3] = vectors
    target = (vectors[:, 0] > 5) & (vectors[:, 1] > 3) | (vectors[:, 2] > 12)
    settings = {"objective": "binary", "num_leaves": 5, "verbose": -1, "num_threads": 1, "use_missing": False}
    booster = lightgbm.train(settings, lightgbm.Dataset(wide, target), 1)
    tree = booster.dump_model()["tree_info"][0]["tree_structure"]
    one = wide[0]

    def expected(known: frozenset[int], node: dict[str, Any]) -> float:
        if "leaf_value" in node:
            return float(node["leaf_value"])
        left, right = node["left_child"], node["right_child"]
        if node["split_feature"] in known:
            return expected(known, left if one[node["split_feature"]] <= node["threshold"] else right)
        counts = [float(child.get("internal_count", child.get("leaf_count"))) for child in (left, right)]
        return (counts[0] * expected(known, left) + counts[1] * expected(known, right)) / sum(counts)

    added = contributions(booster.model_to_string(), one[None].astype(np.float16))[0]
    for feature in range(3):
        others = [each for each in range(3) if each != feature]
        value = sum(
            (expected(frozenset((*known, feature)), tree) - expected(frozenset(known), tree)) / (3 * comb(2, size))
            for size in range(3)
            for known in itertools.combinations(others, size)
        )
        assert added[feature] == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("text", ["", "tree\nnonsense"])
def test_what_is_no_model_is_refused(text: str) -> None:
    with pytest.raises(BadNative):
        contributions(text, random_vectors(1, 1))


def test_a_model_of_other_vectors_is_refused() -> None:
    data = lightgbm.Dataset(np.arange(200.0).reshape(100, 2), np.arange(100) % 2)
    other = lightgbm.train({"objective": "binary", "verbose": -1}, data, 1)
    with pytest.raises(BadNative, match="takes 2 features, a vector has 64"):
        contributions(other.model_to_string(), random_vectors(1, 1))


class WithoutOpenMP(MetaPathFinder):
    """A machine on which LightGBM's shared library cannot be loaded."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:  # noqa: ARG002 - importlib gives them
        if name == "lightgbm":
            raise OSError("libgomp.so.1: cannot open shared object file: No such file or directory")


def test_a_missing_system_library_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "lightgbm")
    monkeypatch.setattr(sys, "meta_path", [WithoutOpenMP(), *sys.meta_path])
    with pytest.raises(LibraryMissing, match=r"libgomp\.so\.1.*apt-get install libgomp1"):
        load_lightgbm()
