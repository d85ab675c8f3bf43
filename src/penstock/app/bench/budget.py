"""The design's budget of 20 µs of CPU for a payment, and what was measured beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: µs of CPU a payment at 100,000/s on two cores, by step (docs/benchmarks.md).
DESIGN_US: Final = {
    "edge": 3.5, "ring": 0.5, "features": 3.0, "model": 2.5, "rules": 0.1, "posting": 0.7, "encode_digest": 1.2,
    "copy": 3.5, "wal_checkpoint_tails": 2.0, "load_generator": 3.0,
}  # fmt: skip
#: Which processes do which steps, as far as processes can tell them apart.
GROUPS: Final = {
    ("edge",): ("edge", "ring"),
    ("lane",): ("features", "model", "rules", "posting", "encode_digest"),
    ("postgres", "office", "keeper"): ("copy", "wal_checkpoint_tails"),
    ("load_generator",): ("load_generator",),
    ("total",): tuple(DESIGN_US),
}


def budget(cpu_us: Mapping[str, float]) -> list[dict[str, object]]:
    """Processes, what they spent (µs a payment), what the design gives them, and for which steps."""
    return [
        {
            "processes": list(processes),
            "measured_us": round(sum(cpu_us.get(name, 0.0) for name in processes), 3),
            "budget_us": round(sum(DESIGN_US[step] for step in steps), 1),
            "steps": list(steps),
        }
        for processes, steps in GROUPS.items()
    ]
