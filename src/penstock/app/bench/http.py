"""``penstock bench http``: single payments over HTTPS and JSON, on connections that stay open."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from penstock.app.bench import place
from penstock.app.bench.measuring import base_load, declined, measure, scored, verify
from penstock.app.bench.place import System


@dataclass(frozen=True)
class Plan:
    """What the caller of the benchmark asked for. ``rate`` in payments/s, of the run for latencies."""

    seconds: float
    accounts: int
    rate: float
    connections: int
    seed: int
    zipf_exponent: float
    verify: bool
    home: Path | None
    warm_up_s: float = 3.0


def bench_http(plan: Plan, say: place.Say, report: place.Report) -> dict[str, Any]:
    """Run the benchmark and return its figures."""
    with place.prepared(plan.home, plan.accounts, plan.seed, say, report) as system:
        figures = _measure(system, plan, say)
        verified = verify(system.settings, say) if plan.verify else None
    return {
        "bench": "http", **figures, "connections": plan.connections, "accounts": plan.accounts,
        "opening_s": system.opening_s, "seed": plan.seed, "zipf_exponent": plan.zipf_exponent, "verify_ok": verified,
        **place.circumstances(),
    }  # fmt: skip


def _measure(system: System, plan: Plan, say: place.Say) -> dict[str, Any]:
    """The most that all connections take, each with one payment on its way; then latencies at the rate given."""
    base = base_load(
        system, seconds=plan.seconds, warm_up_s=plan.warm_up_s, seed=plan.seed, zipf_exponent=plan.zipf_exponent,
        format="single", connections=plan.connections, in_flight=plan.connections,
    )  # fmt: skip
    say(f"Single payments for {plan.seconds:.0f} s, one on its way on each of {plan.connections} connections …")
    most = measure(system, base)
    say(f"Single payments for {plan.seconds:.0f} s by a schedule, {plan.rate:,.0f}/s …")
    scheduled = measure(system, msgspec.structs.replace(base, rate=plan.rate, seed=plan.seed + 1))
    runs = (most.result, scheduled.result)
    return {
        "method": f"bounded: {plan.connections} payments on their way; latency open loop at the rate",
        "seconds": plan.seconds, "payments": most.result.payments, "payments_per_second": most.result.payments_per_second,
        "latency_ms": scheduled.result.latency_ms, "latency_rate": plan.rate, "latency_full_ms": most.result.latency_ms,
        "longest_pause": scheduled.result.longest_pause, "by_second": scheduled.result.by_second,
        "cpu_us_per_payment": most.cpu_us, "cpu_us_per_payment_scheduled": scheduled.cpu_us, "lane": most.lane, "stages": most.stages,
        "stages_scheduled": scheduled.stages,
        "draws": sum(run.draws for run in runs), "model": scored(system, *runs),
        "errors": sum(run.errors for run in runs), "pushed_back": sum(run.pushed_back for run in runs),
        "declined": declined(most.result),
    }  # fmt: skip
