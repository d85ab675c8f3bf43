"""``penstock bench lane``: the full path under load, over HTTPS, from a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from penstock.app import local, wiring
from penstock.app.bench import load, place, processes
from penstock.app.bench.copying import copy_rows_per_second
from penstock.app.bench.load import Load, LoadResult
from penstock.kit.client import Access, Client
from penstock.kit.settings import Settings

_WARM_UP_S: Final = 3.0
#: The second run, for latencies: this share of the rate that was sustained, sent by a schedule.
_SHARE: Final = 0.8
_IN_FLIGHT: Final = 6


@dataclass(frozen=True)
class Plan:
    """What the caller of the benchmark asked for. ``rate`` in payments/s, 0 = find the highest that is sustained."""

    seconds: float
    accounts: int
    rate: float
    batch: int
    seed: int
    zipf_exponent: float
    verify: bool
    home: Path | None
    copy_seconds: float = 5.0
    warm_up_s: float = _WARM_UP_S


def bench_lane(plan: Plan, say: Callable[[str], None], report: place.Report) -> dict[str, Any]:
    """Run the benchmark and return its figures."""
    with place.bench_home(plan.home) as home:
        settings = place.bench_settings(os.environ, home, plan.accounts)
        with local.started(settings, home / "run" / "bench.log", say):
            access = place.access_of(settings)
            opening_s = time.perf_counter()
            accounts = place.accounts_file(settings, access, plan.accounts, plan.seed, report)
            opening_s = time.perf_counter() - opening_s
            figures = _measure(settings, access, accounts, plan, say)
            verified = verify(settings, say) if plan.verify else None
    return {
        "bench": "lane", **figures, "accounts": plan.accounts, "opening_s": round(opening_s, 1), "batch": plan.batch,
        "seed": plan.seed, "zipf_exponent": plan.zipf_exponent, "verify_ok": verified, **place.circumstances(),
    }  # fmt: skip


def _measure(settings: Settings, access: Access, accounts: Path, plan: Plan, say: Callable[[str], None]) -> dict[str, Any]:
    say(f"Raw COPY for {plan.copy_seconds:.0f} s …")
    copied = copy_rows_per_second(settings, plan.batch, plan.copy_seconds, plan.seed)
    base = Load(
        access.url, str(access.ca_file), access.key, str(accounts), plan.batch, plan.seconds, plan.warm_up_s, plan.rate,
        _IN_FLIGHT, plan.seed, plan.zipf_exponent,
    )  # fmt: skip
    say(f"Load for {plan.seconds:.0f} s, {f'{plan.rate:,.0f} payments/s' if plan.rate else 'as much as is sustained'} …")
    sustained, spent, lane = _loaded(settings, access, base)
    figures = {
        "method": "open loop at the rate given" if plan.rate else f"bounded: {_IN_FLIGHT} batches on their way; latency open loop at {_SHARE:.0%}",
        "seconds": plan.seconds, "payments": sustained.payments, "payments_per_second": sustained.payments_per_second,
        "latency_ms": sustained.latency_ms, "cpu_us_per_payment": spent, "lane": lane,
        "copy_rows_per_second": copied, "ratio_to_copy": round(sustained.payments_per_second / copied, 4),
        "errors": sustained.errors, "pushed_back": sustained.pushed_back, "declined": _declined(sustained),
    }  # fmt: skip
    if not plan.rate and sustained.payments:
        slower = msgspec.structs.replace(base, rate=_SHARE * sustained.payments_per_second, seed=plan.seed + 1)
        say(f"Load for {plan.seconds:.0f} s by a schedule, {slower.rate:,.0f} payments/s …")
        scheduled, _, _ = _loaded(settings, access, slower)
        figures |= {
            "latency_ms": scheduled.latency_ms, "latency_rate": round(slower.rate, 1), "latency_full_ms": sustained.latency_ms,
            "errors": sustained.errors + scheduled.errors, "pushed_back": sustained.pushed_back + scheduled.pushed_back,
        }  # fmt: skip
    return figures


def _loaded(settings: Settings, access: Access, wanted: Load) -> tuple[LoadResult, dict[str, float], dict[str, Any]]:
    """Run the generator; its result, CPU µs per payment by stage, and the lane's own figures."""
    with Client(access) as api:
        before, cpu_before = api.get("/v1/status"), processes.cpu_seconds(settings.home)
        result = generate(wanted)
        after, cpu_after = api.get("/v1/status"), processes.cpu_seconds(settings.home)
    rows, batches = after["rows"] - before["rows"], after["batches"] - before["batches"]
    spent = processes.cpu_us_per_payment(cpu_before, cpu_after, rows)
    spent["load_generator"] = round(1e6 * result.cpu_s / max(rows, 1), 3)
    spent["total"] = round(sum(spent.values()), 3)
    return result, spent, {"rows": rows, "batches": batches, "rows_per_batch": round(rows / max(batches, 1), 1)}


def generate(wanted: Load) -> LoadResult:
    """Run the load generator as a process of its own.

    :raises RuntimeError: when it ends badly.
    """
    ended = subprocess.run([sys.executable, "-m", load.__name__], input=load.encode(wanted), capture_output=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"the load generator ended with status {ended.returncode}: {ended.stderr.decode()[-2000:]}")
    return msgspec.json.decode(ended.stdout, type=LoadResult)


def verify(settings: Settings, say: Callable[[str], None]) -> bool:
    """Whether ``penstock verify`` finds everything right; what it finds wrong is said."""
    command = [sys.executable, "-m", "penstock", "verify", "--json"]
    ended = subprocess.run(command, env=wiring.environment(settings), capture_output=True, check=False)
    if ended.returncode not in (0, 1):
        raise RuntimeError(f"penstock verify could not run: {ended.stderr.decode()[-2000:]}")
    if ended.returncode == 1:
        say(ended.stdout.decode())
    return ended.returncode == 0


def _declined(result: LoadResult) -> dict[str, int]:
    return {reason: number for reason, number in result.reasons.items() if reason != "ok"}
