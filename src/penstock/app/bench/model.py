"""The model of the benchmarks: 100 trees of 31 leaves, learnt from made-up payments, published as an operator would."""

from __future__ import annotations

import base64
import time
from dataclasses import replace
from typing import Any, Final

import msgspec
import numpy as np

from penstock.app import local
from penstock.app.bench.histories import make_history
from penstock.improve.history.columns import FRAUD, GENUINE, History
from penstock.improve.learning.boosting import Parameters, Sample, grow, log_odds
from penstock.improve.learning.calibration import fit_platt, settle
from penstock.improve.learning.card import Card
from penstock.improve.learning.describing import describe
from penstock.improve.learning.export import export_onnx
from penstock.improve.learning.samples import divide
from penstock.improve.learning.thresholds import DEFAULT_BUDGETS, choose_thresholds
from penstock.improve.learning.train import Learned
from penstock.improve.observing.observing import observe
from penstock.kit.client import Access, Answer, Client, NoAnswer, accepted, decided
from penstock.kit.settings import Settings
from penstock.process.decide.scoring import Scorer

TREES: Final = 100
_PARAMETERS: Final = Parameters(
    trees=TREES, patience=TREES, learning_rate=0.05, leaves=31, least_rows=20, least_weight=0.001, ridge=1.0,
    column_share=0.8, row_share=0.8,
)  # fmt: skip
_ROWS: Final = 20_000
_PAYERS: Final = 2_000
_FRAUD_SHARE: Final = 0.05
#: How far chance outweighs the amount in what makes a payment fraud, in doublings of the amount.
_NOISE: Final = 2.0
#: Once the policy's: a model is refused whose labels mature at another age.
_MATURITY_US: Final = 30 * 86_400_000_000
MAKER: Final = ("bench-models", "models:write", "Benchmark: models")
APPROVER: Final = ("bench-approvals", "approve", "Benchmark: approvals")


class Trained(msgspec.Struct, frozen=True):
    """A model in both forms, and its card."""

    onnx: bytes
    native: str
    card: Card


def train_model(seed: int) -> Trained:
    """Learn ``TREES`` trees from generated payments of which mostly the dear ones are fraud."""
    history = _labelled(make_history(_ROWS, _PAYERS, 0.8, seed), seed)
    vectors, until_us = observe(history), int(history.time_us[-1]) + _MATURITY_US
    division = divide(history, until_us)
    booster = grow(Sample(vectors[division.final], division.labels[division.final]), TREES, _PARAMETERS, seed)
    validation, labels = vectors[division.validation], division.labels[division.validation]
    calibration = fit_platt(log_odds(booster, validation), labels)
    settle(booster, calibration)
    onnx = export_onnx(booster)
    scores = Scorer(onnx).score(validation)
    learned = Learned(
        onnx, booster.model_to_string(), booster, division, _PARAMETERS, TREES, calibration,
        choose_thresholds(scores, labels, DEFAULT_BUDGETS), scores,
    )  # fmt: skip
    card = describe(learned, history, vectors, until_us, name="bench", created="", seed=seed)
    return Trained(onnx, learned.native, card)


def _labelled(history: History, seed: int) -> History:
    noise = np.random.default_rng(seed).normal(0, _NOISE, len(history))
    risk = np.log2(1 + history.amount_minor) + noise
    label = np.where(risk > np.quantile(risk, 1 - _FRAUD_SHARE), FRAUD, GENUINE).astype(np.int8)
    return replace(history, label=label, known_us=history.time_us + _MATURITY_US // 2, maturity_us=_MATURITY_US)


def publish_model(settings: Settings, access: Access, seed: int) -> dict[str, Any]:
    """See to it that a model is in force; its trees and its version.

    Where none is, one is trained and uploaded, one person asks for it and another approves.

    :raises Refused: when the system does not take it.
    """
    asker, approver = (
        replace(access, key=local.make_key(settings, client, [scope], owner=owner)) for client, scope, owner in (MAKER, APPROVER)
    )
    time.sleep(settings.key_refresh_s)
    with Client(asker, timeout_s=60) as api, Client(approver) as other:
        if not (found := _in_force(api)):
            stored = accepted(api.send("POST", "/v1/models", _upload(train_model(seed)))).body["model"]
            asked = decided(api.send("POST", f"/v1/models/{stored['model']}/publication", _wish()))
            done = accepted(_approve(other, asked["request"])).body
            if done["outcome"]["reason"] != "ok":
                raise NoAnswer(f"the benchmark's model was refused: {done['outcome']['reason']}")
            found = _in_force(api)
        card = api.get(f"/v1/models/{found['model']}")["card"]
    return {"trees": card["trees"], "leaves": card["parameters"]["leaves"], "version": found["version"], "sha256": found["model"]}


def _in_force(api: Client) -> dict[str, Any]:
    """What is in force, empty when nothing is."""
    found = api.get("/v1/models?limit=1")["in_force"]
    return found if found and found["model"] else {}


def _wish() -> dict[str, str]:
    return {"id": local.new_id(), "reason": "measuring with everything on"}


def _approve(other: Client, request: str) -> Answer:
    return other.send("POST", f"/v1/approvals/{request}/approve", {})


def _upload(trained: Trained) -> dict[str, Any]:
    return {
        "onnx": base64.b64encode(trained.onnx).decode(),
        "native": base64.b64encode(trained.native.encode()).decode(),
        "card": msgspec.to_builtins(trained.card),
    }
