"""CPU time by process of the running system, so that figures say which stage costs what."""

from __future__ import annotations

from pathlib import Path

import psutil

from penstock.app import running


def cpu_seconds(home: Path) -> dict[str, float]:
    """CPU seconds so far by stage: edge, lane, keeper, postgres (with its children), supervisor is our own."""
    status = running.read_status(home) or {"processes": {}}
    spent: dict[str, float] = {}
    for name, pid in status["processes"].items():
        stage = name.partition("-")[0]
        spent[stage] = spent.get(stage, 0.0) + _tree_seconds(pid)
    return spent


def cpu_us_per_payment(before: dict[str, float], after: dict[str, float], payments: int) -> dict[str, float]:
    """CPU µs per payment by stage between two readings."""
    return {stage: round(1e6 * (after[stage] - before.get(stage, 0.0)) / max(payments, 1), 3) for stage in sorted(after)}


def _tree_seconds(pid: int) -> float:
    try:
        process = psutil.Process(pid)
        return _own_seconds(process) + sum(_own_seconds(child) for child in process.children(recursive=True))
    except psutil.NoSuchProcess:
        return 0.0


def _own_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)
