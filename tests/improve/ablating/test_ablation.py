"""Ablation and the matrix: what carries the labels is missed, what does not is not, and the file says what was observed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from support.labelled import labelled_history, write_labelled
from typer.testing import CliRunner

from penstock.app.cli import make_app
from penstock.contracts.features import FEATURES, Entity
from penstock.improve.ablating.ablation import Plan, ablate
from penstock.improve.ablating.matrix import feature_matrix
from penstock.improve.history.columns import UNLABELLED
from penstock.improve.learning.samples import TooLittle
from penstock.improve.observing.observing import observe

HISTORY = labelled_history(8, 1_600, days=60, maturity_days=7.0, fraud_share=0.1)
UNTIL_US = int(HISTORY.time_us[1_100])


def quiet(step: str, done: int, total: int) -> None:
    assert 0 <= done <= total, step


def test_what_carries_the_labels_is_missed() -> None:
    vectors = observe(HISTORY)
    report = ablate(HISTORY, vectors, Plan(UNTIL_US, by_entity=True, seeds=2, repeats=40), quiet)
    parts = {part["name"]: part for part in report["parts"]}
    assert set(parts) == {entity.name.lower() for entity in Entity}
    assert report["all"]["average_precision"] > 0.6
    assert parts["payer_device"]["lift"]["average_precision"]["value"] < report["all"]["average_precision"]
    best = max(part["alone"]["average_precision"] for part in parts.values())
    assert parts["category"]["alone"]["average_precision"] < best < report["all"]["average_precision"]


def test_chance_earns_nothing() -> None:
    vectors = np.random.default_rng(1).random((len(HISTORY), 64)).astype(np.float16)
    report = ablate(HISTORY, vectors, Plan(UNTIL_US, by_entity=True, seeds=2, repeats=40), quiet)
    assert abs(report["all"]["auc_roc"] - 0.5) < 0.1
    assert sum(part["lift"]["average_precision"]["clear"] for part in report["parts"]) <= 2


def test_what_the_history_is_silent_of_is_named() -> None:
    hidden = observe(HISTORY)
    for feature in FEATURES:
        if feature.entity is Entity.CATEGORY:
            hidden[:, feature.slot] = feature.unknown
    plan = Plan(UNTIL_US, by_entity=True, seeds=2, repeats=0)
    report = ablate(HISTORY, hidden, plan, quiet)
    assert report["silent"] == ["category"]
    assert report["parts"][0]["lift"]["average_precision"]["interval"] is None
    assert report == ablate(HISTORY, hidden, plan, quiet), "the same seed, the same figures"


def test_too_little_says_what_to_do() -> None:
    with pytest.raises(TooLittle, match="earlier --until"):
        ablate(HISTORY, observe(HISTORY), Plan(int(HISTORY.time_us[-20]), seeds=2), quiet)


def test_the_matrix_has_every_feature_by_name() -> None:
    vectors = observe(HISTORY)
    matrix = feature_matrix(HISTORY, vectors)
    assert matrix.columns == ["row", "time", "label", "known", *(feature.name for feature in FEATURES)]
    assert matrix["payer.seen"].to_numpy().tolist() == vectors[:, FEATURES[10].slot].astype(np.float32).tolist()
    assert matrix["known"].null_count() == int((HISTORY.label == UNLABELLED).sum())
    assert matrix["time"].dt.epoch("us").to_list() == HISTORY.time_us.tolist()


def test_the_commands(tmp_path: Path) -> None:
    file, mapping = write_labelled(tmp_path, 8, 1_600, days=60, maturity_days=7.0, fraud_share=0.1)
    out = tmp_path / "matrix.parquet"
    run = CliRunner().invoke
    written = run(make_app(), ["features", str(file), "--mapping", str(mapping), "--out", str(out)])
    assert written.exit_code == 0, written.output
    assert pl.read_parquet(out).shape == (1_600, 68)
    told = run(make_app(), ["features", "ablate", str(file), "--mapping", str(mapping), "--until", "0.7", "--seeds", "2", "--repeats", "40", "--json"])  # fmt: skip
    assert told.exit_code == 0, told.output
    report = json.loads(told.stdout)
    assert {"rows", "frauds", "all", "parts", "silent"} <= set(report)
    wrong = run(make_app(), ["features", str(file), "--mapping", str(mapping), "--out", str(tmp_path / "x.txt")])
    assert wrong.exit_code == 2
