"""What is kept of a stress test, and the page of capacity."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from penstock.app.bench import capacity, overload, place
from penstock.app.bench.budget import DESIGN_US, budget
from penstock.app.bench.measuring import Course
from penstock.app.bench.overload import Probe
from penstock.app.bench.stress import REPORT, RESULT, keep, kept
from penstock.app.bench.stress_page import draw_course, render_page
from penstock.app.bench.tables import render, text_of
from penstock.kit.pages import Word

ROOT = Path(__file__).resolve().parents[2]
CPU_US = {"edge": 3.0, "lane": 8.0, "postgres": 4.0, "office": 1.0, "keeper": 0.1, "load_generator": 1.0, "total": 17.1}


def figures(**changes: Any) -> dict[str, Any]:
    seconds = 4
    course = {"at_s": [1.0, 2.0], "cores": {"lane": [0.5, 0.6], "edge": [0.1, 0.2], "office": [0.0, 0.1], "keeper": [0.0, 0.0]}}
    fixed = {
        "bench": "stress", "rate": 1000.0, "seconds": 4.0, "payments": 3_900, "payments_per_second": 975.0,
        "latency_ms": {"p50": 10.0, "p99": 20.5, "max": 31.0}, "longest_pause": {"ms": 77.0, "at_s": 1.5},
        "reasons": {"ok": 3_890, "insufficient_funds": 10}, "pushed_back": 100, "unsent": 0, "errors": 0,
        "model": {"trees": 100, "leaves": 31, "scored_share": 1.0}, "cpu_us_per_payment": CPU_US, "budget": budget(CPU_US),
        "lane": {"rows": 3_900, "batches": 39, "rows_per_batch": 100.0}, "stages": {"decide": 3.5},
        "volume": {
            "bytes_per_payment": {"journal_heap": 500.0, "primary_key": 30.0, "id_index": None, "wal": 600.0, "database": 550.0},
            "checkpoint_bytes": 1_000_000, "rows": 3_900, "rows_indexed": 0,
        },
        "memory_mib": {"lane": {"begin": 1.0, "end": 2.0, "most": 2.0, "growth_second_half": 0.5}},
        "by_second": {name: [1.0, 2.0, 3.0, 4.0] for name in ("payments", "pushed_back", "p50", "p99", "max")},
        "course": {**course, "mib": course["cores"]}, "accounts": 200, "seed": 1, "verify_ok": True,
        **place.circumstances(),
    }  # fmt: skip
    assert all(len(values) == seconds for values in fixed["by_second"].values())
    return {**fixed, **changes}


def test_the_page_stands_alone_and_says_everything_in_both_languages() -> None:
    page = render_page(figures())
    assert not re.search(r"https?:|src=|<script|@import|url\(", page)
    assert page.count("<svg") == 4
    assert page.count('lang="en"') == page.count('lang="zh"') > 30
    for told in ("insufficient_funds", "3,890", "77 · 1.5", "20.0", "1,000,000", "10 · 20.5 · 31"):
        assert told in page, told


@pytest.mark.parametrize(("verified", "css"), [(True, "good"), (False, "bad"), (None, "missing")])
def test_the_page_says_whether_the_journal_is_right(verified: bool | None, css: str) -> None:
    said = re.search(r'<p class="(good|bad|missing)">', render_page(figures(verify_ok=verified)))
    assert said is not None
    assert said[1] == css


def test_a_course_reaches_from_its_first_to_its_last_second_and_fits_its_axis() -> None:
    drawn = draw_course([("one", Word("a", "a"), [0.0, 30.0, 100.0])])
    points = re.search(r'points="([^"]+)"', drawn)
    assert points is not None
    assert points[1] == "46.0,206.0 247.0,147.8 448.0,12.0"
    assert ">100<" in drawn
    assert draw_course([("one", Word("a", "a"), [0.0])]).count("<polyline") == 1


def test_runs_are_kept_and_listed_in_order(tmp_path: Path) -> None:
    second = keep(tmp_path, figures(rate=2.0), datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC))
    first = keep(tmp_path, figures(rate=1.0), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert second.name == "20260102T030406Z"
    assert [(folder, run["rate"]) for folder, run in kept(tmp_path)] == [(first, 1.0), (second, 2.0)]
    assert json.loads((second / RESULT).read_text())["payments"] == 3_900
    assert (second / REPORT).read_text().startswith("<!doctype html>")


def test_tables_have_every_figure_but_courses() -> None:
    console = Console(width=200, file=StringIO())
    with console.capture() as printed:
        console.print(render(figures()))
    told = printed.get()
    for word in ("insufficient_funds", "postgres", "wal", "decide", "3,900", "growth"):
        assert word in told, word
    assert "by_second" not in told
    assert [text_of(value) for value in (None, True, False, 1_000, 2.5, 3.0, {}, [1, 2])] == ["–", "yes", "no", "1,000", "2.5", "3", "none", "1, 2"]


def test_the_budget_is_the_designs() -> None:
    assert sum(DESIGN_US.values()) == pytest.approx(20.0)
    groups = {tuple(group["processes"]): group for group in budget(CPU_US)}
    assert groups["postgres", "office", "keeper"]["measured_us"] == pytest.approx(5.1)
    assert groups["postgres", "office", "keeper"]["budget_us"] == 5.5
    assert sorted(step for group in budget(CPU_US)[:-1] for step in group["steps"]) == sorted(DESIGN_US)


def test_it_is_itself_again_with_three_usual_answers_in_a_row() -> None:
    probes = [Probe(9.0, 1.0, True)] * 5  # before the end
    probes += [Probe(10.0 + number, took, took < 50) for number, took in enumerate([90.0, 4.0, 60.0, 4.0, 5.0, 4.0, 4.0])]
    assert overload.recovered_s(probes, 10.0, 5.0) == pytest.approx(3.004)
    assert overload.recovered_s(probes, 10.0, 4.5) is None
    assert overload.recovered_s(probes[:9], 10.0, 5.0) is None


def test_memory_growth_is_that_of_the_second_half() -> None:
    course = Course([1.0, 2.0, 3.0, 4.0], {}, {"lane": [10.0, 30.0, 32.0, 33.0]})
    assert overload.memory_growth(course) == {"lane": {"begin": 10.0, "end": 33.0, "most": 33.0, "growth_second_half": 1.0}}


def test_results_are_kept_without_their_courses(tmp_path: Path) -> None:
    path = place.save(figures(), tmp_path)
    assert place.save(figures(payments=1), tmp_path) == path
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["payments"] for line in lines] == [3_900, 1]
    assert not place.COURSES & set(lines[0])


def test_the_page_of_capacity_is_what_its_figures_give() -> None:
    found = capacity.read_figures(ROOT / capacity.FIGURES)
    assert (ROOT / "docs" / "capacity.md").read_text("utf-8") == capacity.render_capacity(found)


def test_derived_columns_of_capacity_follow_from_bytes() -> None:
    lane = figures()
    lane["volume"]["bytes_per_payment"]["id_index"] = 70.0
    growth = {"bench": "growth", "lane_mib_per_million_customers": 812.5, "large": {"opening_s": 50.0, "accounts": 500_000}, "commit": "abc"}
    found = capacity.Figures().taking(lane).taking_growth(growth)
    page = capacity.render_capacity(found)
    assert "| **kept in all** | 600.0 | for ever |" in page
    assert "Memory and opening: `bench growth` to 500,000 accounts at commit abc." in page
    assert "| 10,000/s | 864,000,000 | 518.4 | 518.4 |" in page
    assert "| 1,000/s | 86,400,000 | 51.8 | 51.8 |" in page
    assert "| 812.5 |" in page
    assert "| 100.0 |" in page  # 50 s for half a million
    assert found.kept() == 600.0
