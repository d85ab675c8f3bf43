"""docs/metrics.md says what the code assumes."""

from __future__ import annotations

from pathlib import Path

from support.labelled import DAY_US
from support.measured import random_intents

from penstock.improve.backtest.assumptions import FRAUD_KINDS, Assumptions, vars_of
from penstock.improve.backtest.measuring import Plan, System, measure
from penstock.improve.backtest.words import ASSUMED

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text("utf-8")


def test_every_assumption_stands_there_with_its_default() -> None:
    for name, value in vars_of(Assumptions()).items():
        if not isinstance(value, dict):
            assert f"| `{name}` | {str(value).lower()} |" in PAGE
            assert name in ASSUMED


def test_every_kind_of_fraud_stands_there_with_its_words() -> None:
    for kind, meant in FRAUD_KINDS.items():
        assert f"| `{kind}` | {meant.effectiveness} | {', '.join(meant.words)}" in PAGE


def test_every_key_of_the_report_stands_there() -> None:
    plan = Plan(0, 60 * DAY_US, {"fraud_type": ["scam", "card"]}, Assumptions(), repeats=0)
    report = measure([System("model", random_intents(1, 300, 30), scored=True)], plan)
    missing = [key for key in report if key != "name" and f"`{key}" not in PAGE]
    assert missing == []
