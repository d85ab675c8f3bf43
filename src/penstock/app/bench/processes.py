"""CPU time and memory by process of the running system, so that figures say which stage costs what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil

from penstock.app import running


def cpu_seconds(home: Path) -> dict[str, float]:
    """CPU seconds so far by stage: edge, lane, keeper, office, postgres (with its children, also those that ended)."""
    spent: dict[str, float] = {}
    for name, pid in _processes(home).items():
        stage = name.partition("-")[0]
        spent[stage] = spent.get(stage, 0.0) + sum(_own_seconds(process) for process in _tree(pid))
    return spent


def resident_bytes(home: Path) -> dict[str, int]:
    """Memory of each stage that is in use now. What PostgreSQL's processes share counts once for all of them."""
    used: dict[str, int] = {}
    for name, pid in _processes(home).items():
        stage = name.partition("-")[0]
        used[stage] = used.get(stage, 0) + sum(_own_bytes(process) for process in _tree(pid))
    return used


def cpu_us_per_payment(before: dict[str, float], after: dict[str, float], payments: int) -> dict[str, float]:
    """CPU µs per payment by stage between two readings."""
    return {stage: round(1e6 * (after[stage] - before.get(stage, 0.0)) / max(payments, 1), 3) for stage in sorted(after)}


def _processes(home: Path) -> dict[str, int]:
    status: dict[str, Any] = running.read_status(home) or {"processes": {}}
    found: dict[str, int] = status["processes"]
    return found


def _tree(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _own_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _own_bytes(process: psutil.Process) -> int:
    """Of a child, what it does not share: PostgreSQL's buffers would count as often as there are connections."""
    try:
        memory = process.memory_info()
    except psutil.NoSuchProcess:
        return 0
    return int(memory.rss - memory.shared)
