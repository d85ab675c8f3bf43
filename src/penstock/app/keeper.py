"""The keeper process: partitions ahead of the lane, signed heads, indices on what is closed and its freezing, old keys forgotten.

It works on the database alone, at low priority, and outlives restarts of the database. Two loops:
signing and attaching must go on each second while an index is built for minutes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
import structlog
from psycopg import Connection

from penstock.app import wiring
from penstock.app.resting import Resting
from penstock.journal import closing, partitions
from penstock.journal.gathering import Gathering
from penstock.journal.heads import HeadSigner
from penstock.journal.ids import WrongPartition
from penstock.journal.touching import Touching
from penstock.kit import db
from penstock.kit.settings import Settings
from penstock.kit.telemetry import set_up_logging
from penstock.process.idempotency import store as idempotency

log = structlog.get_logger()

_ROLE: Final = "penstock_keeper"
#: The priority of the keeper and of what it asks the server to do.
_NICE: Final = 10
_INDEX_PAUSE_S: Final = 1.0
#: Most Idempotency-Keys forgotten in one round, which takes a second or more.
_KEYS_A_ROUND: Final = 2_000
_LONGEST_PAUSE_S: Final = 5.0
#: After so long without a database the process ends; the supervisor says so and starts another.
_PATIENCE_S: Final = 300.0
_POSITION: Final = "SELECT last_seq, digest, time_us FROM lane WHERE lane = %s"

Step = Callable[[Connection[Any]], None]


class DatabaseGone(RuntimeError):
    """The database stayed away for longer than the keeper's patience."""


def keep_ahead(settings: Settings, signer: HeadSigner, resting: Resting, touching: Touching, connection: Connection[Any]) -> None:
    """Attach the partitions that are missing, sign the lane's head, look how far indexing is, and touch what is new; one round."""
    position = connection.execute(_POSITION, [settings.lane]).fetchone()
    last_seq = 0 if position is None else position[0]
    resting.suit(len(partitions.closed(connection, settings.lane, last_seq)))
    for made in partitions.ensure_ahead(
        connection, settings.lane, last_seq, settings.partition_rows, settings.partitions_ahead
    ):
        log.info("partition attached", lane=made.lane, first_seq=made.first_seq, end_seq=made.end_seq)
    if position is not None and last_seq > 0:
        signer.sign(settings.lane, last_seq, bytes(position[1]), position[2], wiring.clock_us())
    touching.touch(connection, settings.lane, last_seq)


def index_closed(gathering: Gathering, resting: Resting, connection: Connection[Any]) -> None:
    """Index the partitions that the lane has left, and gather the keys of the one that it fills; one round."""
    position = connection.execute(_POSITION, [gathering.lane]).fetchone()
    if position is None:
        return
    resting.begin()
    for partition in closing.close_and_index(connection, gathering, position[0], resting.rest):
        log.info("partition indexed", lane=partition.lane, first_seq=partition.first_seq)
    if (filled := partitions.filled(connection, gathering.lane, position[0])) is not None:
        gathering.of(filled).gather(connection, position[0], resting.rest)


class Freezer:
    """Freezes closed partitions while the lane is quiet, or when too many have gathered.

    A lane that has been slow for a moment may wait for a disk that has enough to do.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen: tuple[int, float] | None = None  # the lane's last row, and when that was
        self._quiet_since_s: float | None = None

    def step(self, connection: Connection[Any], now_s: float) -> partitions.Partition | None:
        """Freeze one partition, if there is one and the time has come; ``now_s`` is monotonic."""
        waiting = partitions.unfrozen(connection, self._settings.lane)
        quiet = self._is_quiet(connection, now_s)
        if not waiting or not (quiet or len(waiting) > self._settings.unfrozen_partitions_max):
            return None
        partitions.freeze(connection, waiting[0])
        return waiting[0]

    def _is_quiet(self, connection: Connection[Any], now_s: float) -> bool:
        position = connection.execute(_POSITION, [self._settings.lane]).fetchone()
        last_seq = 0 if position is None else int(position[0])
        before, self._seen = self._seen, (last_seq, now_s)
        if before is None or last_seq - before[0] >= self._settings.quiet_rows_per_second * (now_s - before[1]):
            self._quiet_since_s = None
            return False
        if self._quiet_since_s is None:
            self._quiet_since_s = before[1]
        return now_s - self._quiet_since_s >= self._settings.quiet_s


def forget_keys(settings: Settings, connection: Connection[Any], now: datetime) -> int:
    """Forget Idempotency-Keys that are older than they need to be; one bounded piece, and how many they were."""
    return idempotency.purge(connection, now - timedelta(days=settings.idempotency_days), _KEYS_A_ROUND)


def repeat(connect: Callable[[], Connection[Any]], step: Step, pause_s: float, stop: threading.Event) -> None:
    """Do a step again and again until told to stop, with a new connection after each loss.

    :raises DatabaseGone: when nothing worked for ``_PATIENCE_S``.
    """
    connection: Connection[Any] | None = None
    good_at, pause = time.monotonic(), pause_s
    while not stop.is_set():
        try:
            connection = connection or connect()
            step(connection)
            good_at, pause = time.monotonic(), pause_s
        except psycopg.OperationalError as error:  # connection lost, lock or statement time-out
            _close(connection)
            connection, pause = None, min(2 * pause, _LONGEST_PAUSE_S)
            log.warning("database away or busy; trying again", pause_s=pause, problem=str(error).splitlines()[0])
            if time.monotonic() - good_at > _PATIENCE_S:
                raise DatabaseGone(f"no database for {_PATIENCE_S} s; last: {error}") from error
        stop.wait(pause)
    _close(connection)


def run(settings: Settings, stop: threading.Event) -> None:
    """Keep the journal until ``stop`` is set.

    :raises DatabaseGone: when the database stayed away.
    """
    signer = HeadSigner(settings.home / "heads", wiring.secrets(settings).head_key())

    resting, touching = Resting(), Touching()

    def ahead(connection: Connection[Any]) -> None:
        keep_ahead(settings, signer, resting, touching, connection)

    indexer = threading.Thread(target=_index, args=(settings, resting, stop), name="indexer", daemon=True)
    indexer.start()
    try:
        repeat(lambda: _connect(settings, "keeper"), ahead, settings.head_interval_s, stop)
    finally:
        stop.set()
        resting.end()
        indexer.join(timeout=1)  # an index under construction is given up, and made at the next start


def _index(settings: Settings, resting: Resting, stop: threading.Event) -> None:
    freezer, gathering = Freezer(settings), Gathering(settings.lane)
    try:
        repeat(lambda: _connect_quietly(settings), lambda c: _tidy(settings, gathering, freezer, resting, c), _INDEX_PAUSE_S, stop)
    except DatabaseGone:
        stop.set()
    except WrongPartition:
        log.exception("the journal is wrong; indexing stops until the keeper is started again")


def _tidy(settings: Settings, gathering: Gathering, freezer: Freezer, resting: Resting, connection: Connection[Any]) -> None:
    index_closed(gathering, resting, connection)
    if (frozen := freezer.step(connection, time.monotonic())) is not None:
        log.info("partition frozen", lane=frozen.lane, first_seq=frozen.first_seq)
    if forgotten := forget_keys(settings, connection, datetime.now(UTC)):
        log.info("idempotency keys forgotten", count=forgotten)


def _connect(settings: Settings, name: str) -> Connection[Any]:
    return db.connect(wiring.dsn(settings, _ROLE), name=f"penstock-{name}-{settings.lane}", autocommit=True)


def _connect_quietly(settings: Settings) -> Connection[Any]:
    """A connection for long work; the embedded server's end of it has the keeper's priority."""
    name = f"penstock-indexer-{settings.lane}"
    connection = db.connect(wiring.dsn(settings, _ROLE), name=name, autocommit=True, statement_timeout_ms=0)
    if not settings.database_url:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it has gone, or runs as another user and we are not root
            os.setpriority(os.PRIO_PROCESS, connection.info.backend_pid, _NICE)
    return connection


def _close(connection: Connection[Any] | None) -> None:
    if connection is not None:
        connection.close()


def main() -> None:
    """Run as a process: ``python -m penstock.app.keeper``."""
    settings = wiring.load()
    set_up_logging(settings.log_level, "keeper")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    os.nice(_NICE)
    run(settings, stop)
    log.info("keeper stopped")


if __name__ == "__main__":
    main()
