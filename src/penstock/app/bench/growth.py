"""``penstock bench growth``: what a payment costs with few accounts, and with many."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.app.bench import place, processes
from penstock.app.bench.measuring import base_load, measure, scored, verify


@dataclass(frozen=True)
class Plan:
    """What the caller of the benchmark asked for. ``small`` and ``large`` are numbers of accounts."""

    seconds: float
    small: int
    large: int
    batch: int
    seed: int
    zipf_exponent: float
    verify: bool
    home: Path | None
    warm_up_s: float = 3.0
    in_flight: int = 6


def bench_growth(plan: Plan, say: place.Say, report: place.Report) -> dict[str, Any]:
    """Run the benchmark, on two homes one after the other, and return its figures."""
    small, large = (_size(plan, accounts, say, report) for accounts in (plan.small, plan.large))
    more = (plan.large - plan.small) / 1e6
    system_us = [_system_us(each["cpu_us_per_payment"]) for each in (small, large)]
    return {
        "bench": "growth", "method": f"bounded: {plan.in_flight} batches on their way, at each size",
        "seconds": plan.seconds, "small": small, "large": large,
        "ratio_cpu": round(large["cpu_us_per_payment"]["total"] / small["cpu_us_per_payment"]["total"], 3),
        "ratio_cpu_lane": round(large["cpu_us_per_payment"]["lane"] / small["cpu_us_per_payment"]["lane"], 3),
        "ratio_cpu_without_generator": round(system_us[1] / system_us[0], 3),
        "lane_mib_per_million_customers": round((large["lane_mib"] - small["lane_mib"]) / more, 1),
        "batch": plan.batch, "seed": plan.seed, "zipf_exponent": plan.zipf_exponent, **place.circumstances(),
    }  # fmt: skip


def _system_us(cpu_us: dict[str, float]) -> float:
    return cpu_us["total"] - cpu_us["load_generator"]


def _size(plan: Plan, accounts: int, say: place.Say, report: place.Report) -> dict[str, Any]:
    say(f"With {accounts:,} accounts:")
    home = None if plan.home is None else plan.home / str(accounts)
    with place.prepared(home, accounts, plan.seed, say, report) as system:
        wanted = base_load(
            system, seconds=plan.seconds, warm_up_s=plan.warm_up_s, seed=plan.seed, zipf_exponent=plan.zipf_exponent,
            batch=plan.batch, in_flight=plan.in_flight,
        )  # fmt: skip
        say(f"Load for {plan.seconds:.0f} s …")
        measured = measure(system, wanted)
        used = processes.resident_bytes(system.settings.home)
        verified = verify(system.settings, say) if plan.verify else None
    result = measured.result
    return {
        "accounts": accounts, "opening_s": system.opening_s, "payments": result.payments,
        "payments_per_second": result.payments_per_second, "cpu_us_per_payment": measured.cpu_us,
        "lane_mib": round(used["lane"] / 2**20, 1), "checkpoint_bytes": measured.volume["checkpoint_bytes"],
        "errors": result.errors, "model": scored(system, result), "verify_ok": verified,
    }  # fmt: skip
