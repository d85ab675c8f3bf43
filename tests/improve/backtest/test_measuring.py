"""The whole report: intervals, thresholds, slices, pairs, and what cannot be measured."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from support.labelled import DAY_US
from support.measured import intents_of, random_intents

from penstock.improve.backtest.assumptions import Assumptions
from penstock.improve.backtest.bootstrap import bounded_repeats, difference, draw_figures, interval
from penstock.improve.backtest.intents import Intents
from penstock.improve.backtest.measuring import NothingToMeasure, Plan, System, Threshold, measure

WORDS = {"fraud_type": ["scam", "card"]}
PLAN = Plan(0, 60 * DAY_US, WORDS, Assumptions(), repeats=60, seed=5)
THRESHOLDS = {"challenge": Threshold(0.3, 0.05), "review": Threshold(0.5, 0.01), "block": Threshold(0.8, 0.001)}


def model(intents: Intents, name: str = "model") -> System:
    return System(name, intents, scored=True, thresholds=THRESHOLDS)


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return measure([model(random_intents(1))], PLAN)


def test_the_report_is_json_and_has_its_figures(report: dict[str, Any]) -> None:
    again = json.loads(json.dumps(report, allow_nan=False))
    assert set(again["recall_at_fpr"]) == set(again["value_recall_at_fpr"]) == {"0.001", "0.005", "0.01", "0.03"}
    assert again["rows"] == 2_000
    assert 0.5 < again["auc_roc"] < 1
    low, high = again["intervals"]["auc_roc"]
    assert low < again["auc_roc"] < high
    low, high = again["intervals"]["recall_at_fpr"]["0.03"]
    assert low <= again["recall_at_fpr"]["0.03"] <= high


def test_thresholds_of_validation_stand_beside_what_they_give_here(report: dict[str, Any]) -> None:
    intents = random_intents(1)
    genuine = ~intents.fraud
    for action, threshold in THRESHOLDS.items():
        found = report["thresholds"][action]
        flagged = intents.score >= np.float32(threshold.score)
        assert found["budget"] == threshold.budget
        assert found["false_positive_rate"] == pytest.approx(flagged[genuine].mean())
        assert found["recall"] == pytest.approx(flagged[intents.fraud].mean())
        assert report["intervals"]["thresholds"][action]["recall"]


def test_verdict_counts_add_up(report: dict[str, Any]) -> None:
    counts = report["verdicts"]
    assert sum(each["fraud"] for each in counts.values()) == report["frauds"]
    assert sum(each["fraud"] + each["genuine"] for each in counts.values()) == report["rows"]
    assert report["alerts"]["intents"] == report["rows"] - sum(counts["allow"].values())
    assert sum(each["rows"] for each in report["scores"]) == report["rows"]
    assert sum(each["rows"] for each in report["over_time"]) == report["rows"]


def test_slices_cover_the_test(report: dict[str, Any]) -> None:
    rows: dict[str, int] = {}
    for each in report["slices"]:
        rows[each["by"]] = rows.get(each["by"], 0) + each["rows"]
    assert rows["payment_type"] == rows["amount"] == rows["payer"] == rows["hour"] == report["rows"]
    types = [each for each in report["slices"] if each["by"] == "fraud_type"]
    assert {each["value"] for each in types} == {"not said", "scam", "card"}
    assert sum(each["frauds"] for each in types) == report["frauds"]


def test_the_same_seed_gives_the_same_report(report: dict[str, Any]) -> None:
    assert measure([model(random_intents(1))], PLAN) == report


def test_two_systems_are_compared_on_the_same_draws() -> None:
    strong, weak = random_intents(1, lift=4.0), random_intents(1, lift=0.2)
    compared = measure([model(strong, "strong"), model(weak, "weak")], PLAN)
    assert compared["against"]["name"] == "weak"
    gain = compared["differences"]["auc_roc"]
    assert gain["value"] == pytest.approx(compared["auc_roc"] - compared["against"]["auc_roc"])
    assert gain["clear"]
    assert gain["interval"][0] > 0
    same = measure([model(strong), model(strong)], PLAN)["differences"]
    assert same["average_precision"] == {"value": 0.0, "interval": [0.0, 0.0], "clear": False}


def test_a_pack_alone_has_verdicts_but_no_ranking() -> None:
    report = measure([System("pack", random_intents(2), scored=False)], PLAN)
    assert report["auc_roc"] is None
    assert report["recall_at_fpr"] == dict.fromkeys(("0.001", "0.005", "0.01", "0.03"))
    assert report["intercepted"]["count"] > 0
    assert report["intervals"]["intercepted"]["count"][0] < report["intercepted"]["count"]
    assert report["curve"] == report["scores"] == []


def test_unlabelled_and_immature_intents_are_loads_but_never_scored() -> None:
    intents = intents_of(
        label=[1, 0, -1, 0], mature=[True, True, False, False], verdict=[3, 0, 2, 2], score=[0.9, 0.1, 0.5, 0.5]
    )
    report = measure([model(intents)], PLAN)
    assert (report["rows"], report["frauds"], report["unlabelled"], report["immature"]) == (2, 1, 1, 1)
    assert report["load"]["reviews_per_day"] == pytest.approx(2 / 60)
    assert report["false_block"]["count"] == 0.0


def test_without_frauds_or_genuine_intents_there_is_nothing_to_measure() -> None:
    with pytest.raises(
        NothingToMeasure, match="no fraud whose label is known and mature: 3 intents, 3 labelled, 3 of these"
    ):
        measure([model(intents_of(label=[0, 0, 0]))], PLAN)
    with pytest.raises(NothingToMeasure, match="no genuine intent"):
        measure([model(intents_of(label=[1, 1]))], PLAN)


def test_payers_are_drawn_and_not_payments() -> None:
    """One payer with all the frauds: every draw has all or none of them, many times over."""
    draws = draw_figures([lambda weights: {"weight": float(weights[0])}], payers=50, repeats=400, seed=3)[0]["weight"]
    assert draws.mean() == pytest.approx(1, abs=0.2)
    assert draws.std() == pytest.approx(1, abs=0.2)


def test_intervals_cover_what_they_should() -> None:
    """The mean of payers' values, drawn again and again: about 95 % of the intervals hold the truth."""
    chance, covered = np.random.default_rng(8), 0
    for seed in range(60):
        sample = chance.normal(0, 1, 80)
        drawn = draw_figures([lambda weights, s=sample: {"mean": float(weights @ s / weights.sum())}], 80, 200, seed)  # type: ignore[misc]
        between = interval(drawn[0]["mean"])
        assert between is not None
        covered += between[0] < 0 < between[1]
    assert covered >= 52


def test_too_few_draws_give_no_interval() -> None:
    assert interval(np.full(100, np.nan)) is None
    assert interval(np.arange(10.0)) is None
    assert difference(np.full(100, np.inf), np.full(100, np.inf)) is None
    assert draw_figures([lambda _: {"x": 1.0}], 5, 0, 1) == [{}]


def test_many_intents_are_drawn_less_often() -> None:
    assert bounded_repeats(200, 1_000) == 200
    assert bounded_repeats(200, 300_000) == 100
    assert bounded_repeats(200, 10_000_000) == 50
    assert bounded_repeats(20, 10_000_000) == 20
