"""A small model for tests: trees grown from vectors made up by a formula, in a second."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.features import BY_NAME, FEATURES, SLOTS
from penstock.improve.history.columns import FRAUD, GENUINE, History
from penstock.improve.learning.boosting import Parameters, Sample, grow
from penstock.improve.learning.calibration import settle
from penstock.improve.learning.card import Calibration, Card
from penstock.improve.learning.describing import describe
from penstock.improve.learning.export import export_onnx
from penstock.improve.learning.train import Learned, learn

QUICK: Final = Parameters(
    trees=40, patience=15, learning_rate=0.1, leaves=8, least_rows=5, least_weight=0.1, ridge=1.0,
    column_share=1.0, row_share=0.8,
)  # fmt: skip
AMOUNT: Final = BY_NAME["payment.amount"].slot
SHARE: Final = BY_NAME["payee.fraud_share"].slot


def random_vectors(rows: int, seed: int) -> NDArray[np.float16]:
    """Vectors as they may come, a third of their values unknown."""
    chance = np.random.default_rng(seed)
    vectors = chance.uniform(0, 16, (rows, SLOTS)).astype(np.float16)
    unknown = np.array([feature.unknown for feature in FEATURES], np.float16)
    return np.where(chance.random((rows, SLOTS)) < 1 / 3, unknown, vectors)


def random_labels(vectors: NDArray[np.float16], seed: int) -> NDArray[np.int8]:
    """Mostly the dear payments to payees with frauds are fraud."""
    chance = np.random.default_rng(seed)
    risk = vectors[:, AMOUNT].astype(float) + vectors[:, SHARE] + chance.normal(0, 2, len(vectors))
    return np.where(risk > 23, FRAUD, GENUINE).astype(np.int8)


def telling_vectors(history: History, seed: int) -> NDArray[np.float16]:
    """Vectors for a history, of which one slot knows a little of the truth; no kernel is needed for them."""
    vectors = random_vectors(len(history), seed)
    vectors[:, AMOUNT] = np.log2(1 + history.amount_minor)
    vectors[:, SHARE] = np.random.default_rng(seed).normal(0, 1, len(history)) + 3 * (history.label == FRAUD)
    return vectors


@cache
def small_model() -> tuple[bytes, str]:
    """The same model as ONNX and as LightGBM's text."""
    vectors = random_vectors(3_000, 1)
    booster = grow(Sample(vectors, random_labels(vectors, 2)), QUICK.trees, QUICK, seed=3)
    settle(booster, Calibration(1.3, -0.4))
    return export_onnx(booster), booster.model_to_string()


@dataclass(frozen=True)
class Training:
    """What went in and what came out."""

    history: History
    vectors: NDArray[np.float16]
    until_us: int
    learned: Learned
    card: Card


def train(history: History, vectors: NDArray[np.float16], until_us: int, seed: int = 7) -> Training:
    learned = learn(history, vectors, until_us, seed=seed, parameters=QUICK)
    card = describe(learned, history, vectors, until_us, name="town", created="", seed=seed)
    return Training(history, vectors, until_us, learned, card)
