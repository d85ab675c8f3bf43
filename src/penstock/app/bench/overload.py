"""``penstock bench overload``: more than the system can take, for a while, and how soon it is itself again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import msgspec
import numpy as np

from penstock.app import local
from penstock.app.bench import bodies, place
from penstock.app.bench.lane import SHARE
from penstock.app.bench.load import Load
from penstock.app.bench.measuring import Course, Measured, base_load, declined, measure, scored, verify
from penstock.app.bench.payments import Draw
from penstock.app.bench.place import System
from penstock.kit.client import Client

#: Together they carry more than a ring holds, so that the edge has to push back.
CONNECTIONS: Final = 128
#: How long capacity and usual latency are measured, as a share of the overload.
_BEFORE_SHARE: Final = 0.25
_PROBES_BEFORE: Final = 40
_PROBE_PAUSE_S: Final = 0.02
#: It is itself again with so many usual answers in a row.
_IN_A_ROW: Final = 3
_AFTER_S: Final = 30.0
_ACCEPTED: Final = range(200, 300)


@dataclass(frozen=True)
class Plan:
    """What the caller of the benchmark asked for. ``capacity`` in payments/s, 0 = measure it; ``times`` it is offered."""

    seconds: float
    accounts: int
    capacity: float
    times: float
    batch: int
    seed: int
    zipf_exponent: float
    verify: bool
    home: Path | None
    warm_up_s: float = 3.0
    in_flight: int = 6


class Probe(NamedTuple):
    """One single payment: when it was sent (Unix time), how long its answer took, and whether it was one."""

    sent_s: float
    took_ms: float
    accepted: bool


def bench_overload(plan: Plan, say: place.Say, report: place.Report) -> dict[str, Any]:
    """Run the benchmark and return its figures."""
    with place.prepared(plan.home, plan.accounts, plan.seed, say, report) as system:
        figures = _measure(system, plan, say)
        verified = verify(system.settings, say) if plan.verify else None
    return {
        "bench": "overload", **figures, "accounts": plan.accounts, "batch": plan.batch, "seed": plan.seed,
        "zipf_exponent": plan.zipf_exponent, "verify_ok": verified, **place.circumstances(),
    }  # fmt: skip


def _measure(system: System, plan: Plan, say: place.Say) -> dict[str, Any]:
    brief_s = max(plan.seconds * _BEFORE_SHARE, 1.0)
    base = base_load(
        system, seconds=brief_s, warm_up_s=plan.warm_up_s, seed=plan.seed, zipf_exponent=plan.zipf_exponent,
        batch=plan.batch, in_flight=plan.in_flight,
    )  # fmt: skip
    capacity = plan.capacity or _capacity(system, base, say)
    usual = measure(system, _at(base, SHARE * capacity, 1))
    prober = Prober(system, plan.seed)
    usual_ms = _usual_ms([prober.probe() for _ in range(_PROBES_BEFORE)])
    offered = plan.times * capacity
    say(f"{offered:,.0f} payments/s for {plan.seconds:.0f} s, {plan.times:.0%} of what is sustained …")
    over = msgspec.structs.replace(_at(base, offered, 2), seconds=plan.seconds, connections=CONNECTIONS)
    with prober.running() as probes:
        loaded = measure(system, over)
        _probe_until_usual(probes, loaded.result.ended_unix_s, usual_ms)
    after = recovered_s(probes, loaded.result.ended_unix_s, usual_ms)
    return {
        **_pushed_back(plan, capacity, offered, usual, loaded),
        "single_payment_usual_ms": usual_ms,
        "single_payment_overload_ms": _median_ms([p for p in probes if p.sent_s < loaded.result.ended_unix_s]),
        "usual_again_s": after, "memory_mib": memory_growth(loaded.course), "course": loaded.course.as_lists(),
        "by_second": loaded.result.by_second, "model": scored(system, usual.result, loaded.result),
    }  # fmt: skip


def _capacity(system: System, base: Load, say: place.Say) -> float:
    say(f"How much is sustained: load for {base.seconds:.0f} s …")
    return measure(system, base).result.payments_per_second


def _at(base: Load, rate: float, further_seed: int) -> Load:
    return msgspec.structs.replace(base, rate=max(rate, 1.0), seed=base.seed + further_seed)


def _pushed_back(plan: Plan, capacity: float, offered: float, usual: Measured, loaded: Measured) -> dict[str, Any]:
    result = loaded.result
    return {
        "method": f"open loop at {plan.times:.0%} of what {plan.in_flight} batches on their way sustain; {CONNECTIONS} connections",
        "seconds": plan.seconds, "capacity_payments_per_second": capacity, "offered_payments_per_second": round(offered, 1),
        "payments": result.payments, "payments_per_second": result.payments_per_second,
        "pushed_back": result.pushed_back, "unsent": result.unsent, "errors": result.errors,
        "latency_ms": result.latency_ms, "latency_usual_ms": usual.result.latency_ms,
        "longest_pause": result.longest_pause, "cpu_us_per_payment": loaded.cpu_us, "lane": loaded.lane,
        "declined": declined(result),
    }  # fmt: skip


class Prober:
    """Sends single payments, one after the other."""

    def __init__(self, system: System, seed: int) -> None:
        self._access = system.access
        self._draw = Draw(np.load(system.accounts), 0.0, np.random.default_rng([seed, 7]))
        self._http = Client(system.access, timeout_s=_AFTER_S)
        self._ready: list[bytes] = []

    def probe(self) -> Probe:
        """One payment; any answer counts, and so does none."""
        body = bodies.single_bodies(self._draw.payments(1, local.now_ms()))[0]
        sent_s, begun_s = time.time(), time.perf_counter()
        try:
            accepted = self._http.send_once("POST", "/v1/payments", msgspec.Raw(body)).status in _ACCEPTED
        except httpx.TransportError:
            accepted = False
        time.sleep(_PROBE_PAUSE_S)
        return Probe(sent_s, round(1000 * (time.perf_counter() - begun_s - _PROBE_PAUSE_S), 2), accepted)

    @contextmanager
    def running(self) -> Iterator[list[Probe]]:
        """Probe all the time, beside what is done here."""
        probes: list[Probe] = []
        stop = threading.Event()

        def run() -> None:
            while not stop.is_set():
                probes.append(self.probe())

        thread = threading.Thread(target=run, name="probe")
        thread.start()
        try:
            yield probes
        finally:
            stop.set()
            thread.join()


def _probe_until_usual(probes: list[Probe], ended_s: float, usual_ms: float) -> None:
    """Let the probes go on until they are usual again, for a bounded time."""
    while recovered_s(probes, ended_s, usual_ms) is None and time.time() < ended_s + _AFTER_S:
        time.sleep(_PROBE_PAUSE_S)


def recovered_s(probes: list[Probe], ended_s: float, usual_ms: float) -> float | None:
    """Seconds from the end of the overload until the first of several usual answers in a row; None = not seen."""
    after = [probe for probe in list(probes) if probe.sent_s >= ended_s]
    usual = [probe.accepted and probe.took_ms <= usual_ms for probe in after]
    for first in range(len(usual) - _IN_A_ROW + 1):
        if all(usual[first : first + _IN_A_ROW]):
            return round(after[first].sent_s + after[first].took_ms / 1000 - ended_s, 3)
    return None


def _usual_ms(probes: list[Probe]) -> float:
    """What 95 of 100 answers of an idle system take at most."""
    return round(float(np.quantile([probe.took_ms for probe in probes], 0.95)), 2)


def _median_ms(probes: list[Probe]) -> float | None:
    accepted = [probe.took_ms for probe in probes if probe.accepted]
    return round(float(np.median(accepted)), 2) if accepted else None


def memory_growth(course: Course) -> dict[str, dict[str, float]]:
    """MiB of each process when the load began, at its end, the most, and the growth within the second half."""
    found = {}
    for stage, values in course.mib.items():
        half = values[len(values) // 2]
        found[stage] = {
            "begin": values[0], "end": values[-1], "most": max(values), "growth_second_half": round(values[-1] - half, 1),
        }  # fmt: skip
    return found
