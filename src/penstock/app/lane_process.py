"""The lane process: takes commands from the edges' rings, one batch after another, until it is told to stop.

``python -m penstock.app.lane_process``. It ends by itself when it must not go on: fenced by another lane
process, without a database, or with a clock that cannot be trusted. Whoever watches it starts it again.
"""

from __future__ import annotations

import gc
import signal
import sys
import time
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from penstock.app import wiring
from penstock.app.lane_start import open_lane
from penstock.contracts.commands import COMMAND, REPLY
from penstock.contracts.policy import BadPolicy
from penstock.journal import reader
from penstock.journal.writer import DatabaseAway, Fenced
from penstock.kit.ring import Edge, RingServer
from penstock.kit.settings import BadSetting, Settings
from penstock.kit.telemetry import set_up_logging
from penstock.process.clock import ClockError
from penstock.process.lane import Lane
from penstock.process.warm import warm_kernels
from penstock.state.checkpoint import Checkpointer

#: Exit statuses (sysexits.h): 75 = start it again; 78 = it would fail again, an operator must look.
EXIT_RETRY, EXIT_OPERATOR = 75, 78
_TICK_S = 1.0
_log = structlog.get_logger("lane")


class LaneProcess:
    """Connects a lane with its edges, ticks it, and writes its checkpoints."""

    def __init__(self, settings: Settings, lane: Lane, ring: RingServer, checkpointer: Checkpointer) -> None:
        self._settings = settings
        self._lane = lane
        self._ring = ring
        self._checkpointer = checkpointer
        self._next_tick = 0.0
        self._next_checkpoint = time.monotonic() + settings.checkpoint_interval_s
        self._stopping = False

    def stop(self, *_: object) -> None:
        """End after the batch under way."""
        self._stopping = True

    def run(self) -> None:
        """Serve until stopped.

        :raises Fenced, DatabaseAway, ClockError: memory is worthless, the process must end.
        """
        while not self._stopping:
            if not self._lane.has_room():
                self._wait_for_room()
                continue
            self._ring.wait(0.002 if self._checkpointer.running else max(self._next_tick - time.monotonic(), 0.0))
            self._serve()
            now = time.monotonic()
            if now >= self._next_tick:
                self._tick(now)
            self._checkpoint(now)

    def _serve(self) -> None:
        """One batch: a fair share from each edge, then the answers to each."""
        edges = [edge for edge in self._ring.edges if edge.waiting()]
        if not edges:
            return
        share = max(self._settings.batch_rows // len(edges), 1)
        self._lane.figures.ring_depth = sum(edge.waiting() for edge in edges)
        taken = [edge.take(share) for edge in edges]
        commands, payloads = _join(taken)
        replies, answers = self._lane.process(commands, payloads, wiring.clock_us())
        first = 0
        for edge, (own, _) in zip(edges, taken, strict=True):
            _answer(edge, replies[first : first + len(own)], answers, first)
            first += len(own)

    def _tick(self, now: float) -> None:
        self._next_tick = now + _TICK_S
        self._lane.tick(wiring.clock_us())
        self._learn_partitions()
        gc.collect(0)

    def _learn_partitions(self) -> None:
        self._lane.learn_partitions(reader.read_partitions(self._lane.writer.connection, self._settings.lane))

    def _wait_for_room(self) -> None:
        """The keeper is late with a partition or an index: commands wait in the rings, and the edges push back."""
        _log.warning("waiting for the keeper", last_seq=self._lane.last_seq, partition_end=self._lane.partition_end)
        time.sleep(0.1)
        self._learn_partitions()

    def _checkpoint(self, now: float) -> None:
        if now >= self._next_checkpoint:
            self._next_checkpoint = now + self._settings.checkpoint_interval_s
            self._checkpointer.begin(self._lane.state)
        self._checkpointer.step(self._lane.state, self._lane.writer.position.digest)
        self._lane.figures.checkpoint_seq, self._lane.figures.checkpoint_us = self._checkpointer.published


def _join(taken: list[tuple[NDArray[Any], dict[int, bytes]]]) -> tuple[NDArray[Any], dict[int, bytes]]:
    commands = taken[0][0] if len(taken) == 1 else np.concatenate([own for own, _ in taken])
    payloads: dict[int, bytes] = {}
    first = 0
    for own, bodies in taken:
        payloads.update({first + place: body for place, body in bodies.items()})
        first += len(own)
    return commands, payloads


def _answer(edge: Edge, replies: NDArray[Any], answers: dict[int, bytes], first: int) -> None:
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
    checkpointer = Checkpointer(settings.home, settings.lane, settings.checkpoint_step_bytes, settings.checkpoints_kept)
    ring = RingServer(wiring.lane_socket(settings), COMMAND, REPLY)
    process = LaneProcess(settings, lane, ring, checkpointer)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, process.stop)
    gc.freeze()
    _log.info("ready", last_seq=lane.last_seq, epoch=lane.writer.position.epoch)
    try:
        process.run()
    finally:
        ring.close()


if __name__ == "__main__":
    sys.exit(main())
