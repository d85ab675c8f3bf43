"""A whole model folder in a moment: a graph whose score is known by hand, and a card that fits."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from penstock.contracts.features import BY_NAME, FEATURES, REGISTRY_VERSION, SLOTS
from penstock.improve.learning.artifact import save_model
from penstock.improve.learning.card import Calibration, Card, Data, Limits, Part, Parts, Rate, Threshold

#: log2(1 + amount) at which the score of ``amount_model`` is a half.
HALF_AT: Final = 10.0
MATURITY_S: Final = 30 * 86_400
NATIVE: Final = "tree\nversion=v4\n"


def amount_model(half_at: float = HALF_AT) -> bytes:
    """An ONNX model that looks at the amount alone: score = 1 / (1 + exp(half_at - log2(1 + amount)))."""
    weights = np.zeros((SLOTS, 1), np.float32)
    weights[BY_NAME["payment.amount"].slot] = 1
    constants = {"w": weights, "b": np.array([-half_at], np.float32), "column": np.array([-1], np.int64)}
    nodes = [
        helper.make_node("MatMul", ["features", "w"], ["weighed"]),
        helper.make_node("Add", ["weighed", "b"], ["odds"]),
        helper.make_node("Sigmoid", ["odds"], ["chance"]),
        helper.make_node("Reshape", ["chance", "column"], ["score"]),
    ]
    graph = helper.make_graph(
        nodes,
        "amount",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", SLOTS])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


def score_of(amount_minor: int, half_at: float = HALF_AT) -> float:
    """What ``amount_model`` gives, from the vector's half precision."""
    seen = float(np.float16(np.log2(1 + amount_minor)))
    return float(1 / (1 + np.exp(half_at - seen)))


def card_of(model: bytes, native: str = NATIVE, **changes: Any) -> Card:
    """A card that fits a model and this version."""
    rate = Rate(0.5, 0.4, 0.6)
    part = Part(rows=10, frauds=1, from_us=0, to_us=1)
    day_us = 86_400_000_000
    data = Data("0" * 64, 10, 0, 1, 1, 1_000_000 * changes.pop("maturity_s", MATURITY_S), day_us, day_us)
    fixed: dict[str, Any] = {
        "name": "amount", "created": "", "registry_version": REGISTRY_VERSION,
        "features": [feature.name for feature in FEATURES], "data": data, "parts": Parts(part, part, part), "seed": 0,
        "parameters": {}, "trees": 1, "versions": {}, "calibration": Calibration(1.0, 0.0),
        "thresholds": [Threshold("review", 0.005, 0.25, rate, rate, rate), Threshold("block", 0.001, 1.5, rate, rate, rate)],
        "metrics": {}, "slices": [], "importance": {"payment.amount": 1.0}, "limits": Limits(["仅供测试"], ["for tests only"]),
        "onnx_sha256": hashlib.sha256(model).hexdigest(), "native_sha256": hashlib.sha256(native.encode()).hexdigest(),
    }  # fmt: skip
    return Card(**{**fixed, **changes})


def amount_folder(folder: Path, half_at: float = HALF_AT) -> Path:
    """A model folder, as training writes it."""
    model = amount_model(half_at)
    save_model(folder, card_of(model), model, NATIVE)
    return folder


def upload_of(model: bytes, native: str = NATIVE, **changes: Any) -> dict[str, Any]:
    """The body that uploads a model; ``changes`` are the card's."""
    card = msgspec.to_builtins(card_of(model, native, **changes))
    return {
        "onnx": base64.b64encode(model).decode(),
        "native": base64.b64encode(native.encode()).decode(),
        "card": card,
    }
