"""``penstock bench backtest``: how fast a generated history goes through the kernels that judge it."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from penstock.app.bench import place
from penstock.app.bench.histories import make_history
from penstock.improve.observing.observing import replay
from penstock.process.decide.rules.pack import parse_pack

_WARM_UP_ROWS: Final = 1_000
_PACK: Final = """
name = "bench"
[[rules]]
id = 0
name = "dear-and-new"
en = "A high amount to a payee that is new for the payer"
zh = "向新收款人支付大额"
when = "payment.amount > 100000 and payer_payee.seen = 0"
verdict = "review"
[[rules]]
id = 1
name = "many"
en = "Many payments within an hour"
zh = "一小时内支付频繁"
when = "payer.count_hour > 10"
verdict = "challenge"
"""


@dataclass(frozen=True)
class Plan:
    """What the caller of the benchmark asked for."""

    payments: int
    payers: int
    zipf_exponent: float
    seed: int
    runs: int


def bench_backtest(plan: Plan, say: place.Say, report: place.Report) -> dict[str, Any]:
    """Run the benchmark and return its figures: the median of the runs, and each."""
    say(f"A history of {plan.payments:,} payments of {plan.payers:,} payers, seed {plan.seed} …")
    history = make_history(plan.payments, plan.payers, plan.zipf_exponent, plan.seed)
    pack = parse_pack(_PACK)
    vectors = replay(history.select(np.arange(min(_WARM_UP_ROWS, plan.payments)))).vectors  # compiles
    pack.fired(vectors.astype(np.float32))
    features_s, rules_s, whole_s, cpu_s = [], [], [], []
    for run in range(plan.runs):
        begun, begun_cpu = time.perf_counter(), time.thread_time()
        observation = replay(history)
        whole_s.append(time.perf_counter() - begun)
        cpu_s.append(time.thread_time() - begun_cpu)  # where others use the machine too, the clock says little
        features_s.append(observation.kernel_s)
        wide = observation.vectors.astype(np.float32)
        begun = time.perf_counter()
        pack.verdicts(pack.fired(wide))
        rules_s.append(time.perf_counter() - begun)
        report("runs", run + 1, plan.runs)
    each = [features + rules for features, rules in zip(features_s, rules_s, strict=True)]
    return {
        "bench": "backtest", "method": "features and rules in the lane's kernels, one thread; median of the runs",
        "payments": plan.payments, "payments_per_second": round(plan.payments / statistics.median(each), 1),
        "runs_payments_per_second": [round(plan.payments / seconds, 1) for seconds in each],
        "us_per_payment": {
            "features": round(1e6 * statistics.median(features_s) / plan.payments, 3),
            "rules": round(1e6 * statistics.median(rules_s) / plan.payments, 3),
            "features_with_preparation": round(1e6 * statistics.median(whole_s) / plan.payments, 3),
            "features_with_preparation_cpu": round(1e6 * statistics.median(cpu_s) / plan.payments, 3),
        },
        "payers": plan.payers, "zipf_exponent": plan.zipf_exponent, "seed": plan.seed, **place.circumstances(),
    }  # fmt: skip
