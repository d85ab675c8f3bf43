"""Where a benchmark runs: a home of its own with accounts and a model in it, and what is written down about it."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil

from penstock.app import local, wiring
from penstock.app.bench import wal
from penstock.app.bench.behind import wait_for_tails
from penstock.app.bench.model import publish_model
from penstock.app.bench.opening import open_accounts
from penstock.contracts.policy import load_policy
from penstock.kit import db, postgres
from penstock.kit.client import Access
from penstock.kit.settings import Settings, load_settings

_ROOM: Final = 1_000
#: From so many accounts on, the server is brought to its lasting speed first.
_LARGE: Final = 100_000
#: Under which name the benchmarks call the API.
_CLIENT: Final = "bench"
_POLICY: Final = Path(__file__).with_name("policy.toml")
#: Figures that are lists over time: for reports, not for a line of results.
COURSES: Final = frozenset({"by_second", "by_second_full", "course"})
_NUMBER: Final = "SELECT client FROM api_client WHERE name = %s"
Say = Callable[[str], None]
Report = Callable[[str, int, int], None]


@contextlib.contextmanager
def bench_home(home: Path | None) -> Iterator[Path]:
    """The home given, which is kept, or a fresh one in the temporary folder, which is removed afterwards."""
    if home is not None:
        home.mkdir(parents=True, exist_ok=True)
        yield home.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    folder.chmod(0o755)  # the database server runs as another user when we are root
    try:
        yield folder
    finally:
        postgres.remove_runtime_folder(folder)
        shutil.rmtree(folder)


def bench_settings(environment: Mapping[str, str], home: Path, accounts: int, **changes: Any) -> Settings:
    """Settings of a benchmark: room for its accounts, its policy, any free port, no cap on one client's requests."""
    wanted = {"requests_per_second": 1e9, "log_level": "info", "policy_file": str(_POLICY), **changes}
    settings = load_settings(environment, home=home, port=_free_port(), **wanted)
    least = accounts + _ROOM
    more = {name: least for name in ("customers_max", "accounts_max") if getattr(settings, name) < least}
    return load_settings(environment, home=home, port=settings.port, **{**wanted, **more})


@dataclass(frozen=True)
class System:
    """What a benchmark measures: it runs, and has accounts with money and a model in force."""

    settings: Settings
    access: Access
    accounts: Path  # public ids as letters (n, 17), a numpy file
    model: dict[str, Any]
    opening_s: float
    log: Path
    report: Report


@contextlib.contextmanager
def prepared(home: Path | None, accounts: int, seed: int, say: Say, report: Report) -> Iterator[System]:
    """Start the system on a home (``bench_home``), open what is missing of the accounts, and publish a model."""
    with bench_home(home) as folder:
        settings = bench_settings(os.environ, folder, accounts)
        log = folder / "run" / "bench.log"
        with local.started(settings, log, say):
            if accounts >= _LARGE and not (folder / "bench").exists():
                say("Going through the write-ahead log once, so that its segments are used again …")
                wal.recycle(settings)
            access = local.local_access(settings, _CLIENT)
            begun_s = time.perf_counter()
            opened = accounts_file(settings, accounts, seed, report)
            opening_s = round(time.perf_counter() - begun_s, 1)
            say("Training and publishing a model …")
            model = publish_model(settings, access, seed)
            wait_for_tails(settings, say)
            yield System(settings, access, opened, model, opening_s, log, report)


def accounts_file(settings: Settings, accounts: int, seed: int, report: Report) -> Path:
    """The file with the public ids of at least so many accounts with money, letters (n, 17); opens them if need be."""
    path = settings.home / "bench" / "accounts.npy"
    known = np.load(path) if path.exists() else np.empty((0, 17), np.uint8)
    if len(known) < accounts:
        policy = load_policy(Path(settings.policy_file).read_text("utf-8"))
        opened = open_accounts(settings, policy, _client_number(settings), accounts - len(known), seed, report)
        path.parent.mkdir(exist_ok=True)
        known = np.concatenate([known, opened])
        np.save(path, known)
    if len(known) == accounts:
        return path
    chosen = path.with_name(f"accounts-{accounts}.npy")
    np.save(chosen, known[:accounts])
    return chosen


def _client_number(settings: Settings) -> int:
    with db.connect(wiring.dsn(settings, "penstock_edge"), name="penstock-bench") as connection:
        found = connection.execute(_NUMBER, [_CLIENT]).fetchone()
    assert found is not None, "the client has a key"
    return int(found[0])


def circumstances() -> dict[str, Any]:
    """When, which commit, and on which machine."""
    return {"time": datetime.now(UTC).isoformat(timespec="seconds"), "commit": _commit(), "machine": _machine()}


def save(result: dict[str, Any], folder: Path = Path("bench")) -> Path:
    """Append a result to ``results.jsonl``, without its courses over time."""
    folder.mkdir(exist_ok=True)
    path = folder / "results.jsonl"
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({name: value for name, value in result.items() if name not in COURSES}) + "\n")
    return path


def _machine() -> dict[str, Any]:
    memory_gib = psutil.virtual_memory().total / 2**30
    return {"cpu": _cpu_name(), "cores": len(os.sched_getaffinity(0)), "memory_gib": round(memory_gib, 1), "python": platform.python_version()}


def text_of_machine(machine: dict[str, Any]) -> str:
    """A machine in one line."""
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, Python {machine['python']}"


def _cpu_name() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text("utf-8").splitlines() if information.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor() or "unknown")


def _commit() -> str:
    """The git revision of the source, with + when it was changed since; ``unknown`` outside of a checkout."""
    folder = Path(__file__).resolve().parent
    answers = []
    for arguments in (("rev-parse", "--short=12", "HEAD"), ("status", "--porcelain", "--", ".")):
        found = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)  # noqa: S607 - the git on the path
        if found.returncode:
            return "unknown"
        answers.append(found.stdout.strip())
    return answers[0] + ("+" if answers[1] else "")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

