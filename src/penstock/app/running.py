"""What runs for one home: a lock that lets one supervisor in, and the list of its processes."""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil


class AlreadyRunning(RuntimeError):
    """Another supervisor holds this home; the message names it."""


@contextlib.contextmanager
def sole_supervisor(home: Path) -> Iterator[None]:
    """Hold the lock of a home; the kernel gives it back however the process ends.

    :raises AlreadyRunning: when another process holds it.
    """
    folder = home / "run"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "supervisor.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = (read_status(home) or {}).get("pid", "unknown")
            raise AlreadyRunning(
                f"Penstock already runs on {home} (supervisor pid {pid}); stop it, or set PENSTOCK_HOME to another folder"
            ) from error
        yield


def write_status(home: Path, status: Mapping[str, Any]) -> None:
    """Publish ``run/supervisor.json``: pid, addresses and ``processes``, name → process id."""
    created = {name: _created(pid) for name, pid in status["processes"].items()}
    path = _path(home)
    unfinished = path.with_name(".supervisor.json")
    unfinished.write_text(json.dumps({**status, "created": created}, indent=2) + "\n", "utf-8")
    unfinished.replace(path)


def read_status(home: Path) -> dict[str, Any] | None:
    """What ``write_status`` published last; None when nothing did."""
    try:
        status = json.loads(_path(home).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return status if isinstance(status, dict) else None


def forget_status(home: Path) -> None:
    """Remove the list after an orderly stop."""
    _path(home).unlink(missing_ok=True)


def end_left_over(home: Path, timeout_s: float = 10.0) -> list[int]:
    """End the processes that a killed supervisor left behind, except the database; their ids.

    A process is only taken for one of ours when its id and its time of creation are those noted.
    """
    status = read_status(home)
    if status is None:
        return []
    left = []
    for name, pid in status["processes"].items():
        if name != "postgres" and status["created"].get(name) is not None and _created(pid) == status["created"][name]:
            left.append(psutil.Process(pid))
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(left, timeout=timeout_s)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=timeout_s)
    return [process.pid for process in left]


def _path(home: Path) -> Path:
    return home / "run" / "supervisor.json"


def _created(pid: int) -> float | None:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None
