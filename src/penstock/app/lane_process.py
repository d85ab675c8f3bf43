"""The lane process: takes commands from the edges' rings, one batch after another, until it is told to stop.

``python -m penstock.app.lane_process``. It ends by itself when it must not go on: fenced by another lane
process, without a database, or with a clock that cannot be trusted. Whoever watches it starts it again.
"""

from __future__ import annotations

import gc
import signal
import sys
import time
from collections import deque
from concurrent.futures import Future
from typing import Any, Final, NamedTuple

import numpy as np
import structlog
from numpy.typing import NDArray

from penstock.app import wiring
from penstock.app.lane_start import open_lane
from penstock.contracts.commands import COMMAND, REPLY
from penstock.contracts.policy import BadPolicy
from penstock.journal import reader
from penstock.journal.reader import Partition
from penstock.journal.writer import DatabaseAway, Fenced
from penstock.kit.ring import Bell, Edge, RingServer
from penstock.kit.settings import BadSetting, Settings
from penstock.kit.telemetry import set_up_logging
from penstock.process.clock import ClockError
from penstock.process.lane import Answers, Lane
from penstock.process.warm import warm_kernels
from penstock.state.ahead import NextGeneration
from penstock.state.checkpoint import Checkpointer

#: Exit statuses (sysexits.h): 75 = start it again; 78 = it would fail again, an operator must look.
EXIT_RETRY, EXIT_OPERATOR = 75, 78
_TICK_S = 1.0
#: A record as bytes: numpy copies records of fields twenty times as slowly.
_WHOLE = np.dtype((np.void, COMMAND.itemsize))
#: Batches: one becomes durable while the next is decided.
_MOST_ON_THEIR_WAY = 2
#: So few commands are committed by the lane's own thread, when nobody else waits.
_FEW: Final = 8
#: How long a thread may keep the GIL while the other wants it: the committing one must not wait for the other's loops.
_SWITCH_S = 0.0005
_log = structlog.get_logger("lane")


class Asked(NamedTuple):
    """A batch on its way: its answers, and how many of them are for which edge, in order."""

    answers: Answers
    edges: list[tuple[Edge, int]]


class LaneProcess:
    """Connects a lane with its edges, ticks it, and writes its checkpoints."""

    def __init__(self, settings: Settings, lane: Lane, ring: RingServer, checkpointer: Checkpointer) -> None:
        self._settings = settings
        self._lane = lane
        self._ring = ring
        self._checkpointer = checkpointer
        self._next_generation = NextGeneration(lane.state)
        self._next_tick = 0.0
        self._next_checkpoint = time.monotonic() + settings.checkpoint_interval_s
        self._stopping = False
        self._bell = Bell()
        lane.committer.on_done = self._bell.ring
        checkpointer.when_it_can(self._bell.ring)
        self._on_their_way: deque[Asked] = deque()
        self._partitions: Future[list[Partition]] | None = None

    def stop(self, *_: object) -> None:
        """End after the batches under way."""
        self._stopping = True

    def run(self) -> None:
        """Serve until stopped.

        :raises Fenced, DatabaseAway, ClockError: memory is worthless, the process must end.
        """
        try:
            while not self._stopping:
                self._turn()
            self._answer_all()
            self._lane.committer.settle()
        finally:
            self._bell.close()

    def _turn(self) -> None:
        if not self._lane.has_room():
            self._wait_for_room()
            return
        self._ring.wait(self._patience_s(), self._bell)
        self._answer_durable()
        self._serve()
        self._next_generation.step()
        now = time.monotonic()
        if now >= self._next_tick:
            self._tick(now)
        self._checkpoint(now)

    def _patience_s(self) -> float:
        """How long nothing needs to be done unless the bell rings or somebody asks."""
        return 0.0 if self._checkpointer.can_step else max(self._next_tick - time.monotonic(), 0.0)

    def _serve(self) -> None:
        """Begin one batch, a fair share from each edge, as soon as no more than one is on its way."""
        edges = [edge for edge in self._ring.edges if edge.waiting()]
        if not edges:
            return
        if len(self._on_their_way) >= _MOST_ON_THEIR_WAY:
            self._answer(self._on_their_way.popleft())
        share = max(self._settings.batch_rows // len(edges), 1)
        self._lane.figures.ring_depth = sum(edge.waiting() for edge in edges)
        taken = [edge.take(share) for edge in edges]
        commands, payloads = _join(taken)
        self._lane.committer.at_once = len(commands) <= _FEW and not any(edge.waiting() for edge in edges)
        answers = self._lane.begin(commands, payloads, wiring.clock_us())
        self._lane.committer.at_once = False
        shares = [(edge, len(own)) for edge, (own, _) in zip(edges, taken, strict=True)]
        self._on_their_way.append(Asked(answers, shares))
        self._answer_durable()

    def _answer_durable(self) -> None:
        while self._on_their_way and self._on_their_way[0].answers.durable.done():
            self._answer(self._on_their_way.popleft())

    def _answer_all(self) -> None:
        while self._on_their_way:
            self._answer(self._on_their_way.popleft())

    def _answer(self, asked: Asked) -> None:
        """Tell the edges what is durable, waiting until it is."""
        replies, payloads = asked.answers.wait()
        first = 0
        for edge, count in asked.edges:
            _tell(edge, replies[first : first + count], payloads, first)
            first += count

    def _tick(self, now: float) -> None:
        self._next_tick = now + _TICK_S
        self._lane.tick(wiring.clock_us())
        self._learn_partitions()
        gc.collect(0)

    def _learn_partitions(self) -> None:
        """Take note of the partitions that the last look has found, and look again behind the commits on their way."""
        if self._partitions is not None and self._partitions.done():
            self._lane.learn_partitions(self._partitions.result())
            self._partitions = None
        if self._partitions is None:
            self._partitions = self._lane.committer.soon(self._read_partitions)

    def _read_partitions(self) -> list[Partition]:
        return reader.read_partitions(self._lane.writer.connection, self._settings.lane)

    def _wait_for_room(self) -> None:
        """The keeper is late with a partition or an index: commands wait in the rings, and the edges push back."""
        self._answer_all()
        _log.warning("waiting for the keeper", last_seq=self._lane.last_seq, partition_end=self._lane.partition_end)
        time.sleep(0.1)
        self._lane.committer.settle()
        self._lane.learn_partitions(self._read_partitions())

    def _checkpoint(self, now: float) -> None:
        if now >= self._next_checkpoint:
            self._next_checkpoint = now + self._settings.checkpoint_interval_s
            self._checkpointer.begin(self._lane.state)
        if self._checkpointer.waits_for_commits:
            self._answer_all()
            self._lane.committer.settle()
        digest = self._lane.writer.position.digest if self._lane.committer.idle else None
        self._checkpointer.step(self._lane.state, digest)
        self._lane.figures.checkpoint_seq, self._lane.figures.checkpoint_us = self._checkpointer.published


def _join(taken: list[tuple[NDArray[Any], dict[int, bytes]]]) -> tuple[NDArray[Any], dict[int, bytes]]:
    commands = taken[0][0] if len(taken) == 1 else np.concatenate([own.view(_WHOLE) for own, _ in taken]).view(COMMAND)
    payloads: dict[int, bytes] = {}
    first = 0
    for own, bodies in taken:
        payloads.update({first + place: body for place, body in bodies.items()})
        first += len(own)
    return commands, payloads


def _tell(edge: Edge, replies: NDArray[Any], answers: dict[int, bytes], first: int) -> None:
    own = {place - first: body for place, body in answers.items() if first <= place < first + len(replies)}
    edge.reply(replies, own)


def main() -> int:
    """Run the lane of the environment's settings."""
    try:
        settings = wiring.load()
    except BadSetting as error:
        print(f"penstock lane: {error}", file=sys.stderr)
        return EXIT_OPERATOR
    set_up_logging(settings.log_level)
    try:
        _run(settings)
    except (BadSetting, BadPolicy, ClockError) as error:
        _log.error("stopped; an operator must look", reason=str(error))
        return EXIT_OPERATOR
    except (Fenced, DatabaseAway) as error:
        _log.error("stopped", reason=str(error))
        return EXIT_RETRY
    return 0


def _run(settings: Settings) -> None:
    warm_kernels()
    lane = open_lane(
        settings, wiring.dsn(settings, "penstock_lane"), wiring.secrets(settings).lane_hash_key(), wiring.clock_us()
    )
    checkpointer = Checkpointer(
        settings.home, settings.lane, settings.checkpoint_step_bytes, settings.checkpoints_kept,
        settings.checkpoint_bytes_per_second,
    )  # fmt: skip
    ring = RingServer(wiring.lane_socket(settings), COMMAND, REPLY)
    process = LaneProcess(settings, lane, ring, checkpointer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, process.stop)
    gc.freeze()
    sys.setswitchinterval(_SWITCH_S)
    _log.info("ready", last_seq=lane.last_seq, epoch=lane.writer.position.epoch)
    try:
        process.run()
    finally:
        ring.close()


if __name__ == "__main__":
    sys.exit(main())
