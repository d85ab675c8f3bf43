"""``penstock bench lane``: the full path under load, over HTTPS, from a process of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from penstock.app.bench import place
from penstock.app.bench.behind import tails_behind
from penstock.app.bench.budget import budget
from penstock.app.bench.copying import copy_rows_per_second
from penstock.app.bench.load import Load
from penstock.app.bench.measuring import Measured, base_load, declined, measure, scored, verify
from penstock.app.bench.place import System

#: The second run, for latencies: this share of the rate that was sustained, sent by a schedule.
SHARE: Final = 0.8


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
    warm_up_s: float = 3.0
    format: str = "arrow"
    in_flight: int = 8


def bench_lane(plan: Plan, say: place.Say, report: place.Report) -> dict[str, Any]:
    """Run the benchmark and return its figures."""
    with place.prepared(plan.home, plan.accounts, plan.seed, say, report) as system:
        figures = {**_measure(system, plan, say), "tails_behind": tails_behind(system.settings)}
        if plan.verify:
            say("Verifying the journal …")
        verified = verify(system.settings, say) if plan.verify else None
    return {
        "bench": "lane", **figures, "accounts": plan.accounts, "opening_s": system.opening_s, "batch": plan.batch,
        "in_flight": plan.in_flight, "format": plan.format, "seed": plan.seed, "zipf_exponent": plan.zipf_exponent, "verify_ok": verified,
        **place.circumstances(),
    }  # fmt: skip


def _measure(system: System, plan: Plan, say: place.Say) -> dict[str, Any]:
    say(f"Raw COPY for {plan.copy_seconds:.0f} s …")
    copied = copy_rows_per_second(system.settings, plan.batch, plan.copy_seconds, plan.seed)
    base = base_load(
        system, seconds=plan.seconds, warm_up_s=plan.warm_up_s, seed=plan.seed, zipf_exponent=plan.zipf_exponent,
        batch=plan.batch, rate=plan.rate, in_flight=plan.in_flight, format=plan.format,
    )  # fmt: skip
    say(f"Load for {plan.seconds:.0f} s, {f'{plan.rate:,.0f} payments/s' if plan.rate else 'as much as is sustained'} …")
    sustained = measure(system, base)
    rate = plan.rate or SHARE * sustained.result.payments_per_second
    scheduled = sustained if plan.rate else _by_schedule(system, base, rate, say)
    return {**_rates(plan, sustained, copied), **_latencies(scheduled, sustained, rate), **_costs(system, sustained, scheduled)}


def _by_schedule(system: System, base: Load, rate: float, say: place.Say) -> Measured:
    say(f"Load for {base.seconds:.0f} s by a schedule, {rate:,.0f} payments/s …")
    return measure(system, msgspec.structs.replace(base, rate=max(rate, 1.0), seed=base.seed + 1))


def _rates(plan: Plan, sustained: Measured, copied: float) -> dict[str, Any]:
    result = sustained.result
    bounded = f"bounded: {plan.in_flight} batches on their way; latency open loop at {SHARE:.0%}"
    return {
        "method": "open loop at the rate given" if plan.rate else bounded,
        "seconds": plan.seconds, "payments": result.payments, "payments_per_second": result.payments_per_second,
        "copy_rows_per_second": copied, "ratio_to_copy": round(result.payments_per_second / copied, 4),
    }  # fmt: skip


def _latencies(scheduled: Measured, sustained: Measured, rate: float) -> dict[str, Any]:
    return {
        "latency_ms": scheduled.result.latency_ms, "latency_rate": round(rate, 1),
        "latency_full_ms": sustained.result.latency_ms, "longest_pause": scheduled.result.longest_pause,
        "by_second": scheduled.result.by_second, "by_second_full": sustained.result.by_second,
    }  # fmt: skip


def _costs(system: System, sustained: Measured, scheduled: Measured) -> dict[str, Any]:
    runs = [sustained] if scheduled is sustained else [sustained, scheduled]
    results = [run.result for run in runs]
    return {
        "cpu_us_per_payment": sustained.cpu_us, "budget": budget(sustained.cpu_us),
        "cpu_us_per_payment_scheduled": scheduled.cpu_us,
        "generator_us_per_draw": round(1e6 * results[0].cpu_s / max(results[0].draws, 1), 3),
        "lane": sustained.lane, "stages": sustained.stages, "volume": sustained.volume, "course": sustained.course.as_lists(),
        "draws": sum(result.draws for result in results), "model": scored(system, *results),
        "errors": sum(result.errors for result in results), "unsent": sum(result.unsent for result in results),
        "pushed_back": sum(result.pushed_back for result in results), "declined": declined(results[0]),
    }  # fmt: skip
