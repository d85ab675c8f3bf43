"""The benchmarks, tiny: they run, their figures have their keys, and the journal is right afterwards. Never speeds."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from penstock.app.bench.bodies import AMOUNTS, OPEN_ACCOUNT, PAY, Zipf, letters

TINY = ("--accounts", "200", "--batch", "50", "--json")


def bench(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "penstock", "bench", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert ended.returncode == 0, ended.stderr[-4000:]
    figures: dict[str, Any] = json.loads(ended.stdout)
    return figures


@pytest.mark.timeout(550)  # the first start after a change compiles the kernels
def test_bench_lane_has_its_figures_and_leaves_a_right_journal() -> None:
    figures = bench("lane", "--seconds", "1", "--copy-seconds", "0.3", "--warm-up", "0.2", *TINY)
    assert figures["verify_ok"] is True
    assert figures["errors"] == 0
    assert figures["payments"] > 0
    assert set(figures["latency_ms"]) == {"p50", "p99", "max"}
    assert {"edge", "lane", "postgres", "keeper", "load_generator", "total"} <= set(figures["cpu_us_per_payment"])
    keys = {"payments_per_second", "copy_rows_per_second", "ratio_to_copy", "accounts", "seconds", "declined", "commit", "machine"}
    assert keys <= set(figures)


@pytest.mark.timeout(550)
def test_bench_recovery_kills_and_is_ready_again_with_a_right_journal() -> None:
    figures = bench("recovery", "--seconds", "1", *TINY)
    assert figures["verify_ok"] is True
    assert figures["ready_seconds"] > 0
    assert figures["rows_replayed"] > 0
    assert {"rows_per_second", "checkpoint_seq", "last_seq", "accounts"} <= set(figures)


@pytest.mark.timeout(550)
def test_bench_backtest_says_how_fast_the_kernels_are() -> None:
    figures = bench("backtest", "--payments", "2000", "--payers", "50", "--runs", "2", "--json")
    assert figures["payments"] == 2_000
    assert figures["payments_per_second"] > 0
    assert len(figures["runs_payments_per_second"]) == 2
    assert {"features", "rules", "features_with_preparation_cpu"} <= set(figures["us_per_payment"])
    assert {"seed", "commit", "machine"} <= set(figures)


def test_made_bodies_are_json_with_different_uuid7s() -> None:
    chance = np.random.default_rng(5)
    ids = letters([f"acc_{n:013d}" for n in range(4)])
    amounts = np.array([100, 999, 250, 7 * 100 + 89])
    items = json.loads(PAY.body(1_750_000_000_000, chance, (ids, ids[::-1]), amounts))
    assert [item["amount_minor"] for item in items] == amounts.tolist()
    assert [item["payee"][-1] for item in items] == ["3", "2", "1", "0"]
    assert len({item["id"] for item in items}) == 4
    assert all(item["id"][14] == "7" and int(item["id"].replace("-", "")[:12], 16) == 1_750_000_000_000 for item in items)
    opened = json.loads(OPEN_ACCOUNT.body(1, chance, (ids,)))
    assert opened[2]["customer"] == "acc_0000000000002"


def test_popular_accounts_pay_more_and_nobody_pays_himself() -> None:
    zipf = Zipf(100, 1.0, np.random.default_rng(5))
    payers, payees = zipf.pairs(20_000)
    counts = np.sort(np.bincount(payers, minlength=100))
    assert counts[-1] > 10 * counts[0] > 0
    assert not (payers == payees).any()
    assert AMOUNTS[0] >= 100  # three digits
