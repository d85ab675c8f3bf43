"""What a lane counts while it works, for people and monitoring; not part of its state."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from penstock.contracts.commands import Status
from penstock.contracts.lane_port import COMMIT_BOUNDS_MS, STAGES
from penstock.contracts.reasons import Reason
from penstock.kit.stages import Stages
from penstock.process.post.terms import Int64, Verdicts
from penstock.state import layout as at
from penstock.state.tables import State


@dataclass
class Figures:
    """Counters since the lane process started. Those of commits are written by the committing thread alone."""

    start_us: int
    epoch: int = 0
    batches: int = 0
    commands: int = 0
    rows: int = 0
    replays: int = 0
    refused: int = 0
    ring_depth: int = 0
    batch_rows: int = 0
    commit_us: int = 0
    checkpoint_seq: int = 0
    checkpoint_us: int = 0
    commit_histogram: Int64 = field(default_factory=lambda: np.zeros(len(COMMIT_BOUNDS_MS) + 1, np.int64))
    reasons: Int64 = field(default_factory=lambda: np.zeros(max(Reason) + 1, np.int64))
    stages: Stages = field(default_factory=lambda: Stages(STAGES))

    def count_batch(self, commands: int, rows: int, verdicts: Verdicts) -> None:
        """Count one batch that is being committed."""
        self.batches += 1
        self.commands += commands
        self.rows += rows
        status = verdicts.status[:commands]
        self.replays += int(np.count_nonzero(status == Status.REPLAYED))
        self.refused += int(np.count_nonzero(status == Status.REFUSED))
        self.reasons += np.bincount(verdicts.reason[:commands], minlength=len(self.reasons))
        self.batch_rows = rows

    def note_commit(self, commit_ns: int) -> None:
        """Count one commit."""
        self.stages.spent_ns["commit"] += commit_ns
        self.commit_us = commit_us = commit_ns // 1000
        self.commit_histogram[np.searchsorted(COMMIT_BOUNDS_MS, commit_us / 1000)] += 1

    def as_numbers(self, state: State, lane: int) -> Int64:
        """The answer to a STATUS query, in the order of ``contracts.lane_port``."""
        scalars = state.scalars[0]
        first_hot = int(scalars[at.FIRST_PARTITION] * scalars[at.PARTITION_ROWS])
        head = [
            lane, self.epoch, scalars[at.LAST_SEQ], scalars[at.LAST_TIME_US], scalars[at.ACCOUNTS], scalars[at.CUSTOMERS],
            scalars[at.PURSES], scalars[at.HOLDS_OPEN], self.batches, self.commands, self.rows, self.replays, self.refused,
            self.ring_depth, self.batch_rows, self.commit_us, self.checkpoint_seq, self.checkpoint_us, self.start_us,
            scalars[at.POLICY_VERSION], max(int(scalars[at.LAST_SEQ]) - first_hot, 0), 0,
        ]  # fmt: skip
        seen = np.flatnonzero(self.reasons)
        pairs = [number for code in seen for number in (int(code), int(self.reasons[code]))]
        totals = state.totals[:, : at.TOTAL_GIVEN_BACK + 1].ravel()
        tail = [len(seen), *pairs, *self.stages.spent_ns.values(), int(scalars[at.POLICY_SEQ])]
        return np.concatenate([head, self.commit_histogram, totals, tail]).astype(np.int64)
