"""``penstock backtest`` as an analyst runs it: file, mapping, model and rules in, a report out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest
from support.labelled import write_labelled
from typer.testing import CliRunner, Result

from penstock.app.cli import make_app
from penstock.improve.backtest.running import Request, run_backtest
from penstock.improve.history.columns import FRAUD, GENUINE
from penstock.improve.history.mapping import load_mapping
from penstock.improve.history.reading import read_history
from penstock.improve.learning.artifact import load_model
from penstock.improve.observing.observing import observe

PACK = """
name = "dear"

[[rules]]
id = 3
name = "dear"
en = "The amount is high"
zh = "金额较高"
when = "payment.amount > 100000"
verdict = "review"

[[rules]]
id = 0
name = "any"
en = "Any payment"
zh = "任何支付"
when = "payment.amount >= 0"
verdict = "watch"
"""


class Place(NamedTuple):
    file: Path
    mapping: Path
    model: Path
    other: Path
    pack: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("backtest")
    file, mapping = write_labelled(folder, 31, 3_000, ending="parquet", days=120)
    found = Place(file, mapping, folder / "model", folder / "other", folder / "pack.toml")
    found.pack.write_text(PACK, "utf-8")
    for model, until in ((found.model, "0.7"), (found.other, "0.6")):
        arguments = ["train", str(file), "--mapping", str(mapping), "--until", until, "--out", str(model)]
        trained = CliRunner().invoke(make_app(), [*arguments, "--name", model.name])
        assert trained.exit_code == 0, trained.output
    return found


def run(place: Place, *arguments: str) -> Result:
    return CliRunner().invoke(make_app(), ["backtest", str(place.file), "--mapping", str(place.mapping), *arguments])


@pytest.fixture(scope="module")
def report(place: Place) -> dict[str, Any]:
    result = run(place, "--model", str(place.model), "--pack", str(place.pack), "--repeats", "50", "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_report_measures_what_is_later_than_the_model_knew(place: Place, report: dict[str, Any]) -> None:
    history = read_history(place.file, load_mapping(place.mapping))
    model = load_model(place.model)
    assert report["test"]["from_us"] == model.card.data.until_us
    assert report["payments"] == 3_000
    as_of = report["test"]["as_of_us"]
    assert as_of == max(history.time_us[-1], history.known_us[history.label == FRAUD].max())
    judged: dict[int, tuple[float, int]] = {}
    scores = model.score(observe(history))
    begun: dict[int, int] = {}
    for row in range(len(history)):
        intent = int(history.intent[row])
        begun.setdefault(intent, int(history.time_us[row]))
        if begun[intent] >= report["test"]["from_us"]:
            best, label = judged.get(intent, (-1.0, -1))
            judged[intent] = max(best, float(scores[row])), max(label, int(history.label[row]))
    mature = {i for i in judged if begun[i] + history.maturity_us <= as_of and judged[i][1] >= GENUINE}
    assert report["intents"] == len(judged)
    assert report["rows"] == len(mature)
    assert report["frauds"] == sum(judged[i][1] == FRAUD for i in mature)
    pairs = [(judged[i][0], judged[i][1]) for i in mature]
    frauds = np.array([score for score, label in pairs if label == FRAUD])
    genuine = np.array([score for score, label in pairs if label == GENUINE])
    wins = (frauds[:, None] > genuine).mean() + (frauds[:, None] == genuine).mean() / 2
    assert report["auc_roc"] == pytest.approx(wins)
    assert report["payments_per_second"] > 0
    assert set(report["seconds"]) == {"reading", "features", "kernel", "model", "rules", "measuring"}


def test_rules_count_beside_the_model(place: Place, report: dict[str, Any]) -> None:
    history = read_history(place.file, load_mapping(place.mapping))
    high, every = {each["name"]: each for each in report["rules"]}["dear"], report["rules"][0]
    assert (every["name"], every["verdict"]) == ("any", "watch")
    assert every["fired"] == report["intents"]
    assert 0 < high["fired"] <= (history.amount_minor > 100_000).sum()
    assert report["verdicts"]["review"]["genuine"] + report["verdicts"]["review"]["fraud"] > 0
    assert report["pack"]["name"] == "dear"
    assert report["missing"] == []


def test_two_models_stand_side_by_side(place: Place) -> None:
    result = run(place, "--model", str(place.model), "--against", str(place.other), "--repeats", "50", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["name"], found["against"]["name"]) == ("model", "other")
    assert found["rows"] == found["against"]["rows"]
    assert found["differences"]["auc_roc"]["interval"]
    shown = run(place, "--model", str(place.model), "--against", str(place.other), "--repeats", "40")
    assert shown.exit_code == 0, shown.output
    assert "Side by side" in shown.stdout


def test_without_a_model_features_are_ranked_and_what_is_missing_is_said(place: Place) -> None:
    result = run(place, "--test-share", "0.3", "--repeats", "0")
    assert result.exit_code == 0, result.output
    words = " ".join(result.stdout.split())
    assert "Not measured: no model (--model)" in words
    assert "no rule pack (--pack) either" in words
    assert "Single features" in words
    found = json.loads(run(place, "--pack", str(place.pack), "--repeats", "0", "--json").stdout)
    assert found["auc_roc"] is None
    assert found["recall_at_fpr"] == {"0.001": None, "0.005": None, "0.01": None, "0.03": None}
    assert 0.5 <= found["features"][0]["auc_roc"] <= 1
    assert found["intercepted"]["count"] > 0
    assert found["test"]["chosen_by"]["en"].startswith("the last 30% of the time, because")


def test_a_test_within_the_training_time_is_warned_of(place: Place) -> None:
    found = json.loads(run(place, "--model", str(place.model), "--until", "0.5", "--repeats", "0", "--json").stdout)
    assert any("better than the truth" in each["en"] for each in found["warnings"])


def test_assumptions_are_the_analysts(place: Place) -> None:
    options = ("--pack", str(place.pack), "--repeats", "0", "--json")
    plain = json.loads(run(place, *options).stdout)
    strict = json.loads(run(place, *options, "--assume", "review_declines_fraud=0", "--assume", "late_review_declines=false", "--effectiveness", "big_amount=0.25").stdout)  # fmt: skip
    assert strict["intercepted"]["count"] == 0.0 < plain["intercepted"]["count"]
    assert strict["assumptions"]["effectiveness"]["big_amount"] == 0.25


class Reader(HTMLParser):
    """Collects tags and addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in {"script", "link", "img", "iframe"}
        assert not {name for name, _ in attrs} & {"href", "src", "onload", "onclick"}
        self.tags.append(tag)
        if tag not in {"meta", "input", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_one_file_in_two_languages(place: Place, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    arguments = (
        "--model",
        str(place.model),
        "--against",
        str(place.other),
        "--pack",
        str(place.pack),
        "--repeats",
        "40",
    )
    result = run(place, *arguments, "--html", str(page))
    assert result.exit_code == 0, result.output
    text = page.read_text("utf-8")
    reader = Reader()
    reader.feed(text.removeprefix("<!doctype html>"))
    assert not reader.open
    assert reader.tags.count("svg") == 3
    assert not re.search(r"\b(nan|none|inf)\b", text.lower().partition("</style>")[2])
    assert "http" not in text
    for word in ("平均精确率", "average precision", "model sha256"):
        assert word in text
    assert text.count('class="en"') == text.count('class="zh"')


def _wrong(place: Place) -> Iterator[tuple[list[str], str]]:
    yield ["--model", "nowhere"], "nowhere is no model folder"
    yield ["--against", str(place.model)], "give that too"
    yield ["--until", "yesterday"], "'yesterday' is no time"
    yield ["--until", "2030-01-01"], "no payment of the file is later"
    yield ["--until", "0.7", "--test-share", "0.3"], "keep one"
    yield ["--assume", "review_late=2"], "review_late is a share between 0 and 1"
    yield ["--assume", "review_late=x"], "an assumption has no value that it can have"
    yield ["--assume", "x=1"], "no assumption is called 'x'"
    yield ["--assume", "x"], "write NAME=VALUE"
    yield ["--effectiveness", "scam"], "write TYPE=SHARE"
    yield ["--effectiveness", "nothing=0.2", "--pack", str(place.pack)], "no fraud type is called nothing"
    yield ["--pack", str(place.file.with_name("no.toml"))], "the pack cannot be read"
    yield ["--html", "/nowhere/at/all.html"], "there is no folder"


def test_what_cannot_be_measured_says_why_and_what_to_do(place: Place) -> None:
    for arguments, message in _wrong(place):
        result = run(place, *arguments)
        assert result.exit_code == 2, (arguments, result.output)
        shown = " ".join(result.output.replace("│", " ").split())
        assert message in shown, (arguments, result.output)


def test_a_test_part_without_frauds_and_another_registry_are_told(place: Place, tmp_path: Path) -> None:
    frame = pl.read_parquet(place.file).with_columns(fraud=pl.lit("no"), reported=pl.lit(None, pl.String))
    plain = place._replace(file=tmp_path / "plain.parquet")
    frame.write_parquet(plain.file)
    result = run(plain, "--test-share", "0.3")
    assert result.exit_code == 2
    assert "the test part has no fraud whose label is known and mature" in result.output
    strange = tmp_path / "strange"
    strange.mkdir()
    for name in ("model.onnx", "model.txt", "card.json"):
        content = (place.model / name).read_bytes()
        (strange / name).write_bytes(content.replace(b'"registry_version": 1', b'"registry_version": 99'))
    result = run(place, "--model", str(strange))
    assert result.exit_code == 2
    assert "was trained for version 99 of the features" in " ".join(result.output.split())


def test_the_same_request_gives_the_same_report_but_for_its_speed(place: Place) -> None:
    mapping = load_mapping(place.mapping)
    history = read_history(place.file, mapping)
    request = Request(model=place.model, repeats=40)
    ticks = iter(range(10_000))

    def told(step: str, done: int, total: int) -> None:
        assert step
        assert 0 <= done <= total

    first, second = (run_backtest(history, mapping, request, lambda: float(next(ticks)), told) for _ in range(2))
    for found in (first, second):
        del found["seconds"], found["payments_per_second"]
    assert first == second
