"""``penstock bench stress`` (``make stress``): a stated rate for a stated time, and a report of it that is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from penstock.app.bench import place
from penstock.app.bench.budget import budget
from penstock.app.bench.measuring import base_load, measure, scored, verify
from penstock.app.bench.overload import memory_growth
from penstock.app.bench.place import System
from penstock.app.bench.stress_page import render_page

#: Enough that a stall of a second is still sent on time.
_CONNECTIONS: Final = 64
RESULT: Final = "result.json"
REPORT: Final = "report.html"


@dataclass(frozen=True)
class Plan:
    """What the caller of the benchmark asked for. ``rate`` in payments/s; ``reports``: the folder that keeps them."""

    rate: float
    seconds: float
    accounts: int
    batch: int
    seed: int
    zipf_exponent: float
    verify: bool
    home: Path | None
    reports: Path
    warm_up_s: float = 3.0


def bench_stress(plan: Plan, say: place.Say, report: place.Report) -> dict[str, Any]:
    """Run the load, write the report, and return the figures."""
    with place.prepared(plan.home, plan.accounts, plan.seed, say, report) as system:
        figures = _measure(system, plan, say)
        if plan.verify:
            say("Verifying the journal …")
        verified = verify(system.settings, say) if plan.verify else None
    figures |= {
        "accounts": plan.accounts, "opening_s": system.opening_s, "batch": plan.batch, "seed": plan.seed,
        "zipf_exponent": plan.zipf_exponent, "verify_ok": verified, **place.circumstances(),
    }  # fmt: skip
    folder = keep(plan.reports, figures, datetime.now(UTC))
    say(f"The report: {folder / REPORT}")
    return {**figures, "report": str(folder / REPORT)}


def _measure(system: System, plan: Plan, say: place.Say) -> dict[str, Any]:
    say(f"{plan.rate:,.0f} payments/s for {plan.seconds:,.0f} s …")
    wanted = base_load(
        system, seconds=plan.seconds, warm_up_s=plan.warm_up_s, seed=plan.seed, zipf_exponent=plan.zipf_exponent,
        batch=plan.batch, rate=plan.rate, connections=_CONNECTIONS,
    )  # fmt: skip
    measured = measure(system, wanted)
    result = measured.result
    return {
        "bench": "stress", "method": "open loop at the rate", "rate": plan.rate, "seconds": plan.seconds,
        "payments": result.payments, "payments_per_second": result.payments_per_second,
        "latency_ms": result.latency_ms, "longest_pause": result.longest_pause,
        "reasons": result.reasons, "pushed_back": result.pushed_back, "unsent": result.unsent, "errors": result.errors,
        "draws": result.draws, "model": scored(system, result), "cpu_us_per_payment": measured.cpu_us,
        "budget": budget(measured.cpu_us), "lane": measured.lane, "stages": measured.stages, "volume": measured.volume,
        "memory_mib": memory_growth(measured.course), "by_second": result.by_second, "course": measured.course.as_lists(),
    }  # fmt: skip


def keep(reports: Path, figures: dict[str, Any], now: datetime) -> Path:
    """Write figures and page into a folder of their own, named by the time; the folder."""
    folder = reports / now.strftime("%Y%m%dT%H%M%SZ")
    folder.mkdir(parents=True)
    (folder / RESULT).write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    (folder / REPORT).write_text(render_page(figures), "utf-8")
    return folder


def kept(reports: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The folders of earlier runs, oldest first, and their figures."""
    for path in sorted(reports.glob(f"*/{RESULT}")):
        yield path.parent, json.loads(path.read_text("utf-8"))
