"""``penstock bench recovery``: load, ``kill -9``, and the time until the system is ready again."""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from penstock.app import running
from penstock.app.bench import place
from penstock.app.bench.load import Load
from penstock.app.bench.measuring import base_load, generate, scored, verify
from penstock.app.bench.place import System
from penstock.app.bench.tally import LoadResult
from penstock.app.supervisor import is_ready
from penstock.kit.client import Client
from penstock.kit.settings import Settings

_IN_FLIGHT: Final = 6
#: The load lasts longer than until the kill, so that batches are on their way.
_BEYOND_S: Final = 2.0
_PATIENCE_S: Final = 600.0
_LOOK_S: Final = 0.02
#: The victims of each way to kill, as beginnings of process names.
VICTIMS: Final = {"lane": ("lane",), "all": ("edge", "lane", "keeper", "postgres")}


class NotBack(RuntimeError):
    """The system did not become ready again; the message names its log."""


@dataclass(frozen=True)
class Plan:
    """What the caller of the benchmark asked for."""

    seconds: float
    accounts: int
    batch: int
    seed: int
    zipf_exponent: float
    kill: str
    verify: bool
    home: Path | None


def bench_recovery(plan: Plan, say: place.Say, report: place.Report) -> dict[str, Any]:
    """Run the benchmark and return its figures."""
    with place.prepared(plan.home, plan.accounts, plan.seed, say, report) as system:
        say(f"Load for {plan.seconds:.0f} s, then kill -9 ({plan.kill}) …")
        wanted = base_load(
            system, seconds=plan.seconds + _BEYOND_S, warm_up_s=0.0, seed=plan.seed, zipf_exponent=plan.zipf_exponent,
            batch=plan.batch, in_flight=_IN_FLIGHT,
        )  # fmt: skip
        result, loaded = _load_and_kill(system, wanted, plan)
        result["model"] = scored(system, loaded)
        result["verify_ok"] = verify(system.settings, say) if plan.verify else None
    return {
        "bench": "recovery", **result, "accounts": plan.accounts, "opening_s": system.opening_s, "seconds": plan.seconds,
        "seed": plan.seed, **place.circumstances(),
    }  # fmt: skip


def _load_and_kill(system: System, wanted: Load, plan: Plan) -> tuple[dict[str, Any], LoadResult]:
    """Kill while batches are on their way, so long after the first of them as was asked for."""
    with ThreadPoolExecutor(1) as beside:
        loading = beside.submit(generate, wanted)
        _wait_for_load(system, loading)
        time.sleep(plan.seconds)
        already = len(_recoveries(system.log))
        killed_s = time.monotonic()
        _kill(system.settings, VICTIMS[plan.kill])
        recovered = _wait(system.settings, system.log, already, killed_s)
        ready_s = time.monotonic() - killed_s
        result = loading.result()
    return {
        "kill": plan.kill, "ready_seconds": round(ready_s, 3),
        "rows_per_second": round(recovered["rows"] / max(recovered["seconds"], 0.001), 1),
        "replay_seconds": recovered["seconds"], "rows_replayed": recovered["rows"],
        "checkpoint_seq": recovered["checkpoint_seq"], "last_seq": recovered["last_seq"],
        "payments": result.payments,
    }, result  # fmt: skip


def _wait_for_load(system: System, loading: Future[LoadResult]) -> None:
    """Return when the first payments have been recorded, or the generator has ended."""
    with Client(system.access) as api:
        before = api.get("/v1/status")["rows"]
        while not loading.done() and api.get("/v1/status")["rows"] == before:
            time.sleep(_LOOK_S)


def _kill(settings: Settings, victims: tuple[str, ...]) -> None:
    status = running.read_status(settings.home)
    assert status is not None, "the system runs in this process"
    for name, pid in status["processes"].items():
        if name.startswith(victims):
            os.kill(pid, signal.SIGKILL)


def _wait(settings: Settings, log: Path, already: int, killed_s: float) -> dict[str, Any]:
    """Wait until the lane has recovered once more and the edge says that it is ready; what the lane logged."""
    while len(found := _recoveries(log)) == already or not is_ready(settings, 0):
        if time.monotonic() > killed_s + _PATIENCE_S:
            raise NotBack(f"not ready {_PATIENCE_S:.0f} s after the kill; see {log}")
        time.sleep(_LOOK_S)
    return found[-1]


def _recoveries(log: Path) -> list[dict[str, Any]]:
    """What lanes said of their recoveries, in the order of the log."""
    lines = (line for line in log.read_text("utf-8", errors="replace").splitlines() if '"event": "recovered"' in line)
    return [json.loads(line) for line in lines]
