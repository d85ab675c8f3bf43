"""The limit by waiting time, beside a lane that answers by the clock of the test: nothing sleeps here."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from penstock.app.edge.waiting import WaitingLimit

TARGET_S, PATIENCE_S = 0.1, 0.5
LANE_PER_S = 100_000
RING, BATCH, LANE_BATCH = 32_768, 2_000, 8_192
STEP_S = 0.001


@dataclass
class Seen:
    """Of one kind of request: commands offered and refused, and how long those let in had waited when answered."""

    offered: int = 0
    refused: int = 0
    refused_s: list[float] = field(default_factory=list)
    waited_s: list[float] = field(default_factory=list)

    @property
    def share_refused(self) -> float:
        return self.refused / self.offered


class Simulation:
    """Requests of two sizes before a lane that takes what waits, up to a batch, and answers all of it at once."""

    def __init__(self, lane_per_s: float = LANE_PER_S) -> None:
        self.limit = WaitingLimit(TARGET_S, PATIENCE_S)
        self.now_s = 1_000.0
        self.lane_per_s = lane_per_s
        self.batches, self.singles = Seen(), Seen()
        self.answered = 0
        self._under_way = 0
        self._waiting: deque[tuple[int, float, Seen]] = deque()
        self._taken: list[tuple[int, float, Seen]] = []
        self._done_s: float | None = None

    def run(self, seconds: float, offered_per_s: float, stalls_at: Callable[[float], bool] = lambda _: False) -> None:
        """Offer batches at a rate, and 200 single requests a second beside them."""
        end_s, begin_s, owed = self.now_s + seconds, self.now_s, 0.0
        for n in _count():
            if self.now_s >= end_s:
                return
            if n % 5 == 0:
                self.offer(1, self.singles)
            owed += offered_per_s * STEP_S
            while owed >= BATCH:
                owed -= BATCH
                self.offer(BATCH, self.batches)
            if not stalls_at(self.now_s - begin_s):
                self._serve()
            self.now_s += STEP_S

    def offer(self, count: int, seen: Seen) -> None:
        seen.offered += count
        refused = self.limit.refuses(self._under_way, self.now_s, batch=count > 1)
        if refused or self._under_way + count > RING:
            seen.refused += count
            seen.refused_s.append(self.now_s)
            return
        self.limit.sent(count, self.now_s)
        self._under_way += count
        self._waiting.append((count, self.now_s, seen))

    def _serve(self) -> None:
        if self._done_s is not None and self.now_s >= self._done_s:
            count = sum(count for count, _, _ in self._taken)
            for _, sent_s, seen in self._taken:
                seen.waited_s.append(self.now_s - sent_s)
            self.answered += count
            self._under_way -= count
            self.limit.answered(count, self.now_s)
            self._done_s = None
        if self._done_s is None and self._waiting:
            self._taken, room = [], LANE_BATCH
            while self._waiting and self._waiting[0][0] <= room:
                self._taken.append(self._waiting.popleft())
                room -= self._taken[-1][0]
            self._done_s = self.now_s + (LANE_BATCH - room) / self.lane_per_s


def _count() -> Iterator[int]:
    n = 0
    while True:
        yield n
        n += 1


def test_a_burst_waits_in_the_ring() -> None:
    lane = Simulation()
    lane.run(1.0, 50_000)
    for _ in range(12):
        lane.offer(BATCH, lane.batches)
    lane.run(1.0, 50_000)
    assert lane.batches.refused == lane.singles.refused == 0
    assert max(lane.batches.waited_s) > 2 * TARGET_S


def test_a_disk_that_stands_still_for_a_moment_makes_nobody_refused() -> None:
    lane = Simulation()
    lane.run(3.0, 50_000, lambda at_s: 1.0 <= at_s < 1.4)
    assert lane.batches.refused == lane.singles.refused == 0
    assert max(lane.batches.waited_s) > 0.3
    assert not lane.limit.overloaded


@pytest.mark.parametrize("times", [1.2, 1.5, 4.0])
def test_overload_is_refused_and_what_is_let_in_does_not_wait_longer_than_the_target(times: float) -> None:
    lane = Simulation()
    lane.run(2.0, times * LANE_PER_S)
    assert lane.limit.overloaded
    before, lane.batches.waited_s = lane.answered, []
    lane.run(10.0, times * LANE_PER_S)
    waits_s = sorted(lane.batches.waited_s)
    assert waits_s[len(waits_s) // 2] <= 1.1 * TARGET_S
    assert waits_s[-1] <= 2 * TARGET_S
    assert lane.answered - before >= 0.95 * 10 * LANE_PER_S


def test_overload_ends_with_what_is_offered() -> None:
    lane = Simulation()
    lane.run(5.0, 1.5 * LANE_PER_S)
    ended_s, lane.singles.waited_s = lane.now_s, []
    lane.run(2.0, 0.5 * LANE_PER_S)
    assert not [at_s for at_s in lane.batches.refused_s + lane.singles.refused_s if at_s > ended_s + 0.2]
    assert max(lane.singles.waited_s[100:]) < TARGET_S
    assert not lane.limit.overloaded


def test_single_requests_are_not_crowded_out_by_batches() -> None:
    lane = Simulation()
    lane.run(2.0, 1.5 * LANE_PER_S)
    lane.batches, lane.singles = Seen(), Seen()
    lane.run(10.0, 1.5 * LANE_PER_S)
    assert lane.batches.share_refused == pytest.approx(1 / 3, abs=0.05)
    assert lane.singles.share_refused < 0.1


def test_a_lane_that_stood_still_in_overload_gets_enough_to_do_afterwards() -> None:
    lane = Simulation()
    lane.run(5.0, 1.5 * LANE_PER_S, lambda at_s: 2.0 <= at_s < 4.9)
    before = lane.answered
    lane.run(2.0, 1.5 * LANE_PER_S)
    assert lane.answered - before >= 0.9 * 2 * LANE_PER_S


def test_the_limit_follows_a_lane_that_becomes_slower() -> None:
    lane = Simulation()
    lane.run(3.0, 1.5 * LANE_PER_S)
    lane.lane_per_s = LANE_PER_S / 2
    lane.run(3.0, 1.5 * LANE_PER_S)
    lane.batches.waited_s = []
    lane.run(5.0, 1.5 * LANE_PER_S)
    assert sorted(lane.batches.waited_s)[len(lane.batches.waited_s) // 2] <= 1.2 * TARGET_S


def test_one_late_answer_after_another_with_pauses_between_is_no_overload() -> None:
    limit = WaitingLimit(TARGET_S, PATIENCE_S)
    for second in range(10):
        limit.sent(1, float(second))
        limit.answered(1, second + 3 * TARGET_S)
    assert not limit.overloaded
    assert not limit.refuses(RING, 10.0, batch=True)
