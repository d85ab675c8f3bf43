"""``penstock bench backtest``: how fast a generated history goes through the kernels that judge it."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from penstock.app.bench import place
from penstock.contracts.features import EXTRAS
from penstock.improve.history.columns import FRAUD, GENUINE, NO_PLACE, History
from penstock.improve.observing.observing import replay
from penstock.process.decide.rules.pack import parse_pack

_DAY_US: Final = 86_400_000_000
_DAYS: Final = 90
_MATURITY_DAYS: Final = 7
_FRAUD_SHARE: Final = 0.01
#: Entities for each payer.
_PAYEES: Final = 0.1
_DEVICES: Final = 1.3
_NETWORKS: Final = 1.6
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
    history = make_history(plan)
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


def make_history(plan: Plan) -> History:
    """A generated history: payers and payees by Zipf, each payer with devices and networks of its own, some frauds."""
    chance = np.random.default_rng(plan.seed)
    count = plan.payments
    time_us = np.sort(chance.integers(0, _DAYS * _DAY_US, count)) + 20_000 * _DAY_US
    payer = _popular(chance, plan.payers, plan.zipf_exponent, count)
    payees = max(1, int(plan.payers * _PAYEES))
    fraud = chance.random(count) < _FRAUD_SHARE
    delay = np.where(fraud, chance.integers(_DAY_US, _MATURITY_DAYS * _DAY_US, count), _MATURITY_DAYS * _DAY_US)
    nothing, numbers = np.zeros(count, np.int64), np.arange(count)
    return History(
        time_us=time_us,
        second_of_day=time_us // 1_000_000 % 86_400,
        weekday=(time_us // _DAY_US + 3) % 7,
        payer=payer,
        payee=plan.payers + _popular(chance, payees, plan.zipf_exponent, count),
        instrument=payer,
        device=_own(chance, payer, _DEVICES),
        network=_own(chance, payer, _NETWORKS),
        place=1 + chance.integers(0, payees, count),
        category=1 + chance.integers(0, 20, count),
        latitude_e4=np.full(count, NO_PLACE),
        longitude_e4=np.full(count, NO_PLACE),
        payment_type=1 + chance.integers(0, 3, count),
        channel=1 + chance.integers(0, 3, count),
        amount_minor=(100 * chance.lognormal(4, 1, count)).astype(np.int64) + 1,
        extras=np.full((count, EXTRAS), np.nan, np.float32),
        failed=chance.random(count) < _FRAUD_SHARE,
        label=np.where(fraud, FRAUD, GENUINE).astype(np.int8),
        known_us=time_us + delay,
        intent=numbers + 1,
        fraud_type=nothing,
        row=numbers,
        maturity_us=_MATURITY_DAYS * _DAY_US,
    )


def _popular(chance: np.random.Generator, names: int, exponent: float, count: int) -> NDArray[np.int64]:
    """Numbers from 1, of which rank r is drawn with weight 1 / r to the exponent."""
    weights = np.cumsum(1.0 / np.arange(1, names + 1) ** exponent)
    ranks = np.searchsorted(weights, chance.random(count) * weights[-1], side="right")
    numbers: NDArray[np.int64] = chance.permutation(names)[np.minimum(ranks, names - 1)] + 1
    return numbers


def _own(chance: np.random.Generator, payer: NDArray[np.int64], each: float) -> NDArray[np.int64]:
    """Things of which every payer has two, the second used so rarely that ``each`` are in use on average."""
    own: NDArray[np.int64] = 2 * payer - (chance.random(len(payer)) < (each - 1) / 4)
    return own
