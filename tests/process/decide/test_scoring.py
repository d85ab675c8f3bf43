"""One scorer for lane and back-test: it refuses what it cannot use, and a batch may be cut anywhere."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper
from support.models import random_vectors, small_model

from penstock.contracts.features import SLOTS
from penstock.process.decide.scoring import BadModel, BadScore, Scorer


def graph(operator: str, source: str = "features", target: str = "score", slots: int = SLOTS) -> bytes:
    """A model that takes the greatest feature through an operator."""
    nodes = [
        helper.make_node("ReduceMax", [source], ["most"], axes=[1], keepdims=0),
        helper.make_node(operator, ["most"], [target]),
    ]
    ends = [helper.make_tensor_value_info(source, TensorProto.FLOAT, ["n", slots])]
    results = [helper.make_tensor_value_info(target, TensorProto.FLOAT, ["n"])]
    model = helper.make_model(
        helper.make_graph(nodes, "test", ends, results), opset_imports=[helper.make_opsetid("", 15)], ir_version=8
    )
    content: bytes = model.SerializeToString()
    return content


def test_scores_are_the_same_however_a_batch_is_cut() -> None:
    scorer, vectors = Scorer(small_model()[0]), random_vectors(700, 5)
    whole = scorer.score(vectors)
    for size in (1, 7, 256):
        pieces = [scorer.score(vectors[first : first + size]) for first in range(0, len(vectors), size)]
        assert np.array_equal(np.concatenate(pieces), whole)
    assert whole.dtype == np.float32
    assert len(np.unique(whole)) > 100


def test_no_payments_have_no_scores() -> None:
    assert Scorer(small_model()[0]).score(np.empty((0, SLOTS), np.float16)).shape == (0,)


def test_vectors_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(n, 64\), not \(3, 63\)"):
        Scorer(small_model()[0]).score(np.zeros((3, 63), np.float16))


def test_any_model_of_the_right_shape_can_be_used() -> None:
    scores = Scorer(graph("Sigmoid")).score(np.zeros((2, SLOTS), np.float16))
    assert scores.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("onnx", "message"),
    [
        (b"no model", "not an ONNX model that onnxruntime .* can run"),
        (graph("Sigmoid", source="x"), "input is 'x' .* must be one 'features'"),
        (graph("Sigmoid", target="y"), "output is 'y' .* must be one 'score'"),
        (graph("Sigmoid", slots=32), "must be one 'features' float32"),
        (graph("Cos"), None),
        (graph("Log"), "cannot score: 2 of 2 scores are no probabilities"),
    ],
)
def test_a_model_is_tried_when_it_is_loaded(onnx: bytes, message: str | None) -> None:
    if message is None:
        Scorer(onnx)
    else:
        with pytest.raises(BadModel, match=message):
            Scorer(onnx)


@pytest.mark.parametrize("value", [2.0, 4.0])
def test_a_score_that_is_no_probability_is_an_error(value: float) -> None:
    """The cosine of 0, with which a model is tried, is 1; of these it is below 0."""
    vectors = np.zeros((3, SLOTS), np.float16)
    vectors[1, 9] = value
    with pytest.raises(BadScore, match=r"1 of 3 scores are no probabilities, such as -0\.\d+"):
        Scorer(graph("Cos")).score(vectors)


def test_a_score_that_is_no_number_is_an_error() -> None:
    vectors = np.full((2, SLOTS), np.float16(np.nan))
    with pytest.raises(BadScore, match="2 of 2"):
        Scorer(graph("Sigmoid")).score(vectors)
