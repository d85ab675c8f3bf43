"""One load and what the system spent on it: the generator, and readings of processes, lane and disk around it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from penstock.app import wiring
from penstock.app.bench import load, place, processes, volume
from penstock.app.bench.load import Load
from penstock.app.bench.place import System
from penstock.app.bench.tally import LoadResult
from penstock.kit.client import Client
from penstock.kit.settings import Settings

_LOOK_S: Final = 1.0


@dataclass(frozen=True)
class Measured:
    """A load's result, CPU µs per payment by process, the lane's counters, volume, and the processes over time."""

    result: LoadResult
    cpu_us: dict[str, float]
    lane: dict[str, Any]
    volume: dict[str, Any]
    course: Course
    stages: dict[str, float]


@dataclass
class Course:
    """Readings once a second: seconds since the start, CPU cores in use and MiB of memory by process."""

    at_s: list[float] = field(default_factory=list)
    cores: dict[str, list[float]] = field(default_factory=dict)
    mib: dict[str, list[float]] = field(default_factory=dict)

    def as_lists(self) -> dict[str, Any]:
        """For JSON."""
        return {"at_s": self.at_s, "cores": self.cores, "mib": self.mib}


def base_load(system: System, *, seconds: float, warm_up_s: float, seed: int, zipf_exponent: float, **more: Any) -> Load:
    """A load on a system; ``more``: further fields of ``Load``."""
    access = system.access
    return Load(
        url=access.url, ca_file=str(access.ca_file), key=access.key, accounts_file=str(system.accounts),
        seconds=seconds, warm_up_s=warm_up_s, seed=seed, zipf_exponent=zipf_exponent, **more,
    )  # fmt: skip


def measure(system: System, wanted: Load) -> Measured:
    """Run a load."""
    home = system.settings.home
    ends_s = round(wanted.warm_up_s + wanted.seconds)
    with Client(system.access) as api, watched(home, lambda at_s: system.report("load", min(round(at_s), ends_s), ends_s)) as course:
        before, cpu_before, sizes_before = api.get("/v1/status"), processes.cpu_seconds(home), volume.sizes(system.settings)
        result = generate(wanted)
        after, cpu_after, sizes_after = api.get("/v1/status"), processes.cpu_seconds(home), volume.sizes(system.settings)
    rows, batches = after["rows"] - before["rows"], after["batches"] - before["batches"]
    spent = processes.cpu_us_per_payment(cpu_before, cpu_after, rows)
    spent["load_generator"] = round(1e6 * result.cpu_s / max(rows, 1), 3)
    spent["total"] = round(sum(spent.values()), 3)
    return Measured(
        result, spent, {"rows": rows, "batches": batches, "rows_per_batch": round(rows / max(batches, 1), 1)},
        volume.volume(system.settings, sizes_before, sizes_after, rows), course, _stages(before, after, rows),
    )  # fmt: skip


def _stages(before: dict[str, Any], after: dict[str, Any], rows: int) -> dict[str, float]:
    """µs per payment that the lane spent in each stage; the commit happens beside the others."""
    return {name: round((spent - before["stages_us"][name]) / max(rows, 1), 3) for name, spent in after["stages_us"].items()}


@contextmanager
def watched(home: Path, tell: Callable[[float], None]) -> Iterator[Course]:
    """Read the processes once a second, beside what is done here; ``tell`` is told the seconds since the start."""
    course, stop = Course(), threading.Event()
    thread = threading.Thread(target=_watch, args=(home, course, stop, tell), name="watch")
    thread.start()
    try:
        yield course
    finally:
        stop.set()
        thread.join()


def _watch(home: Path, course: Course, stop: threading.Event, tell: Callable[[float], None]) -> None:
    begun_s = last_s = time.monotonic()
    before = processes.cpu_seconds(home)
    while not stop.wait(_LOOK_S):
        now_s, spent, used = time.monotonic(), processes.cpu_seconds(home), processes.resident_bytes(home)
        course.at_s.append(round(now_s - begun_s, 1))
        for stage, seconds in spent.items():
            cores = max(0.0, seconds - before.get(stage, 0.0)) / (now_s - last_s)
            _extend(course.cores, stage, round(cores, 3), len(course.at_s))
            _extend(course.mib, stage, round(used.get(stage, 0) / 2**20, 1), len(course.at_s))
        before, last_s = spent, now_s
        tell(now_s - begun_s)


def _extend(series: dict[str, list[float]], stage: str, value: float, length: int) -> None:
    """Append; a process that was not there before has zeros until now."""
    values = series.setdefault(stage, [])
    values += [0.0] * (length - 1 - len(values))
    values.append(value)


def generate(wanted: Load) -> LoadResult:
    """Run the load generator as a process of its own.

    :raises RuntimeError: when it ends badly.
    """
    command = [sys.executable, "-m", load.__name__]
    ended = subprocess.run(command, input=msgspec.json.encode(wanted), capture_output=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"the load generator ended with status {ended.returncode}: {ended.stderr.decode()[-2000:]}")
    return msgspec.json.decode(ended.stdout, type=LoadResult)


def verify(settings: Settings, say: place.Say) -> bool:
    """Whether ``penstock verify`` finds everything right; what it finds wrong is said."""
    command = [sys.executable, "-m", "penstock", "verify", "--json"]
    ended = subprocess.run(command, env=wiring.environment(settings), capture_output=True, check=False)
    if ended.returncode not in (0, 1):
        raise RuntimeError(f"penstock verify could not run: {ended.stderr.decode()[-2000:]}")
    if ended.returncode == 1:
        say(ended.stdout.decode())
    return ended.returncode == 0


def declined(result: LoadResult) -> dict[str, int]:
    """Payments that were decided and not done, by reason."""
    return {reason: number for reason, number in result.reasons.items() if reason != "ok"}


def scored(system: System, *results: LoadResult) -> dict[str, Any]:
    """The model and the share of answered payments that had a score of it."""
    answered = sum(sum(result.reasons.values()) for result in results)
    share = sum(result.scored for result in results) / max(answered, 1)
    versions = sorted({result.model_version for result in results})
    return {**system.model, "scored_share": round(share, 6), "versions_seen": versions}
