"""The model's score: one call of onnxruntime, in one thread, for the lane and for back-tests alike."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.features import SLOTS

#: Names of the graph's only input and output: what any model must offer to be used.
INPUT: Final = "features"
OUTPUT: Final = "score"


class BadModel(ValueError):
    """The bytes are no model that this version can use."""


class BadScore(ArithmeticError):
    """A model gave something else than a probability for each payment."""


class Scorer:
    """A model ready to score: ``features`` float32 (n, 64) in, ``score`` float32 (n,) out.

    One thread, because with more the order of additions, and so the last bit of a score, would depend on
    how a batch was cut.
    """

    def __init__(self, onnx: bytes) -> None:
        self._session = _open(onnx)
        _check(self._session)
        try:
            self.score(np.zeros((2, SLOTS), np.float16))  # also takes the cost of a first call
        except BadScore as error:
            raise BadModel(f"the model cannot score: {error}") from error

    def score(self, features: NDArray[np.float16]) -> NDArray[np.float32]:
        """Probability of fraud (n,) of vectors (n, 64); `BadScore` unless each is within [0, 1]."""
        if features.ndim != 2 or features.shape[1] != SLOTS:
            raise ValueError(f"vectors are (n, {SLOTS}), not {features.shape}")
        if len(features) == 0:
            return np.empty(0, np.float32)
        scores = self._run(features.astype(np.float32))
        if scores.dtype != np.float32 or scores.shape != (len(features),):
            raise BadScore(f"the model gave {scores.dtype} {scores.shape} for {len(features)} payments")
        if not ((scores >= 0) & (scores <= 1)).all():  # false for NaN too
            wrong = scores[~((scores >= 0) & (scores <= 1))]
            raise BadScore(f"{len(wrong)} of {len(scores)} scores are no probabilities, such as {wrong[0]}")
        return scores

    def _run(self, values: NDArray[np.float32]) -> NDArray[Any]:
        try:
            return np.asarray(self._session.run([OUTPUT], {INPUT: values})[0])
        except Exception as error:  # onnxruntime's errors have no common base but Exception
            raise BadScore(f"the model failed: {error}") from error


def _open(onnx: bytes) -> Any:
    import onnxruntime  # late: a second of loading, for those who score only

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4  # what fails is raised; nothing is printed beside the log
    try:
        return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common base but Exception
        raise BadModel(f"not an ONNX model that onnxruntime {onnxruntime.__version__} can run: {error}") from error


def _check(session: Any) -> None:
    """Refuse a graph with other ends than one matrix of features and one column of scores."""
    inputs = [(each.name, each.type, len(each.shape), each.shape[-1:]) for each in session.get_inputs()]
    if inputs != [(INPUT, "tensor(float)", 2, [SLOTS])]:
        raise BadModel(
            f"the model's input is {_words(session.get_inputs())}; it must be one {INPUT!r} float32 (n, {SLOTS})"
        )
    outputs = [(each.name, each.type, len(each.shape)) for each in session.get_outputs()]
    if outputs != [(OUTPUT, "tensor(float)", 1)]:
        raise BadModel(f"the model's output is {_words(session.get_outputs())}; it must be one {OUTPUT!r} float32 (n,)")


def _words(ends: Any) -> str:
    return ", ".join(f"{each.name!r} {each.type} {tuple(each.shape)}" for each in ends) or "missing"
