"""Where time goes: nanoseconds by stage, added up over the life of a process."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Stages:
    """Adds up the time spent in each of a fixed set of stages. Each stage belongs to one thread, so nothing is locked."""

    def __init__(self, names: Iterable[str]) -> None:
        self.spent_ns = dict.fromkeys(names, 0)

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Add the time that passes within the block to a stage."""
        started_ns = time.perf_counter_ns()
        try:
            yield
        finally:
            self.spent_ns[name] += time.perf_counter_ns() - started_ns
