"""The benchmarks, tiny: they run, their figures have their keys, and the journal is right afterwards. Never speeds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from penstock.contracts.lane_port import STAGES

TINY = ("--accounts", "200", "--batch", "50", "--json")
#: The first start after a change compiles the kernels.
PATIENCE_S = 550


def bench(*arguments: str) -> Any:
    command = [sys.executable, "-m", "penstock", "bench", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert ended.returncode == 0, ended.stderr[-4000:]
    return json.loads(ended.stdout)


def everything_was_scored(model: dict[str, Any]) -> bool:
    return (model["trees"], model["leaves"], model["scored_share"], model["versions_seen"]) == (100, 31, 1.0, [1])


@pytest.mark.timeout(PATIENCE_S)
def test_bench_lane_has_its_figures_and_leaves_a_right_journal() -> None:
    figures = bench("lane", "--seconds", "2", "--copy-seconds", "0.3", "--warm-up", "0.2", *TINY)
    assert figures["verify_ok"] is True
    assert (figures["errors"], figures["unsent"], figures["pushed_back"]) == (0, 0, 0)
    assert figures["payments"] > 0
    assert figures["draws"] >= figures["payments"]
    assert set(figures["latency_ms"]) == {"p50", "p99", "max"}
    assert {"edge", "lane", "postgres", "office", "keeper", "load_generator", "total"} == set(figures["cpu_us_per_payment"])
    keys = {"payments_per_second", "copy_rows_per_second", "ratio_to_copy", "accounts", "seconds", "declined", "commit", "machine"}
    assert keys <= set(figures)
    assert everything_was_scored(figures["model"])
    assert figures["format"] == "arrow"
    assert set(figures["stages"]) == set(STAGES)
    assert min(figures["stages"].values()) > 0
    check_budget(figures)
    check_volume(figures)
    check_courses(figures)


def check_budget(figures: dict[str, Any]) -> None:
    budget = {group["processes"][0]: group for group in figures["budget"]}
    assert budget["total"]["budget_us"] == 20.0
    assert sum(group["budget_us"] for name, group in budget.items() if name != "total") == pytest.approx(20.0)
    assert budget["total"]["measured_us"] == figures["cpu_us_per_payment"]["total"]


def check_volume(figures: dict[str, Any]) -> None:
    volume = figures["volume"]
    each = volume["bytes_per_payment"]
    assert set(each) == {"journal_heap", "primary_key", "id_index", "wal", "database"}
    assert each["id_index"] is None  # no partition is full
    assert each["wal"] > each["journal_heap"] > 64 * 2  # a row holds 64 numbers of two bytes, and the WAL the row
    assert volume["rows"] == figures["lane"]["rows"]


def check_courses(figures: dict[str, Any]) -> None:
    course = figures["by_second"]
    assert [len(values) for values in course.values()] == [2] * 5
    assert max(course["max"]) == figures["latency_ms"]["max"]
    assert sum(figures["by_second_full"]["payments"]) == figures["payments"]
    assert 0 < figures["longest_pause"]["ms"] < 2000
    seconds = len(figures["course"]["at_s"])
    assert {len(values) for kind in ("cores", "mib") for values in figures["course"][kind].values()} == {seconds}


@pytest.mark.timeout(PATIENCE_S)
def test_bench_lane_sends_json_too_at_a_rate() -> None:
    arguments = ("--format", "json", "--rate", "300", "--no-verify", "--seconds", "1.5", "--copy-seconds", "0.2", "--warm-up", "0")
    figures = bench("lane", *arguments, *TINY)
    assert (figures["verify_ok"], figures["errors"], figures["format"]) == (None, 0, "json")
    assert 400 <= figures["draws"] <= 450 + 50  # a schedule, whatever the answers do
    assert everything_was_scored(figures["model"])


@pytest.mark.timeout(PATIENCE_S)
def test_bench_http_sends_single_payments() -> None:
    figures = bench("http", "--seconds", "1", "--warm-up", "0.1", "--accounts", "200", "--rate", "50", "--connections", "8", "--json")
    assert (figures["verify_ok"], figures["errors"], figures["pushed_back"]) == (True, 0, 0)
    assert figures["payments"] > 0
    assert figures["latency_full_ms"]["p50"] > 0
    assert (figures["latency_rate"], figures["connections"]) == (50.0, 8)
    assert everything_was_scored(figures["model"])


@pytest.mark.timeout(PATIENCE_S)
def test_bench_overload_pushes_back_and_is_itself_again() -> None:
    small_ring = {"PENSTOCK_RING_SLOTS": "64"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in small_ring.items():
            patch.setenv(name, value)
        figures = bench("overload", "--seconds", "3", "--warm-up", "0.1", "--times", "10", "--capacity", "2000", *TINY)
    assert figures["verify_ok"] is True
    assert figures["offered_payments_per_second"] == 20_000
    assert figures["pushed_back"] > 0
    assert figures["payments"] > 0
    assert figures["latency_usual_ms"]["p50"] > 0
    assert figures["usual_again_s"] is not None
    assert {"edge", "lane", "postgres"} <= set(figures["memory_mib"])
    assert all(each["most"] >= each["end"] > 0 for each in figures["memory_mib"].values())


@pytest.mark.timeout(PATIENCE_S)
def test_bench_growth_compares_two_sizes() -> None:
    figures = bench(
        "growth", "--seconds", "1", "--warm-up", "0.1", "--small", "100", "--large", "3000", "--batch", "50", "--verify", "--json"
    )
    small, large = figures["small"], figures["large"]
    assert (small["accounts"], large["accounts"]) == (100, 3_000)
    assert (small["verify_ok"], large["verify_ok"], small["errors"], large["errors"]) == (True, True, 0, 0)
    assert figures["ratio_cpu"] == pytest.approx(large["cpu_us_per_payment"]["total"] / small["cpu_us_per_payment"]["total"], abs=1e-3)
    assert everything_was_scored(large["model"])
    assert large["lane_mib"] > 0


@pytest.mark.timeout(PATIENCE_S)
@pytest.mark.parametrize("kill", ["lane", "all"])
def test_bench_recovery_kills_and_is_ready_again_with_a_right_journal(kill: str) -> None:
    figures = bench("recovery", "--seconds", "1", "--kill", kill, *TINY)
    assert figures["verify_ok"] is True
    assert (figures["kill"], figures["ready_seconds"] > 0) == (kill, True)
    assert figures["rows_replayed"] > 0
    assert {"rows_per_second", "checkpoint_seq", "last_seq", "accounts"} <= set(figures)


@pytest.mark.timeout(PATIENCE_S)
def test_a_stress_test_is_kept_and_listed(short_folder: Path) -> None:
    home = short_folder / "stress"
    home.mkdir(mode=0o755)
    figures = bench("stress", "--rate", "300", "--seconds", "2", "--warm-up", "0", "--home", str(home), *TINY)
    assert (figures["verify_ok"], figures["errors"], figures["rate"]) == (True, 0, 300.0)
    assert figures["draws"] == 600
    assert everything_was_scored(figures["model"])
    report = Path(figures["report"])
    assert report.parent.parent == home.resolve() / "stress"
    assert report.read_text("utf-8").startswith("<!doctype html>")
    kept = json.loads((report.parent / "result.json").read_text("utf-8"))
    assert kept == {name: value for name, value in figures.items() if name != "report"}
    [listed] = bench("stress", "--list", "--home", str(home), "--json")
    assert (listed["report"], listed["verify_ok"]) == (str(report), True)


@pytest.mark.timeout(PATIENCE_S)
def test_bench_backtest_says_how_fast_the_kernels_are() -> None:
    figures = bench("backtest", "--payments", "2000", "--payers", "50", "--runs", "2", "--json")
    assert figures["payments"] == 2_000
    assert figures["payments_per_second"] > 0
    assert len(figures["runs_payments_per_second"]) == 2
    assert {"features", "rules", "features_with_preparation_cpu"} <= set(figures["us_per_payment"])
    assert {"seed", "commit", "machine"} <= set(figures)
