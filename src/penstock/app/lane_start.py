"""Opening a lane: claim it, recover its memory, put the policy in force. Used by the process, tests and notebooks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import structlog
from numpy.typing import NDArray

from penstock.contracts.policy import Policy, decode_policy, default_policy, load_policy
from penstock.journal import reader
from penstock.journal.writer import DatabaseAway, JournalWriter
from penstock.kit import db
from penstock.kit.settings import BadSetting, Settings
from penstock.process.genesis import check_successor
from penstock.process.lane import Lane
from penstock.state import layout as at
from penstock.state.recovery import Recovered, recover
from penstock.state.tables import Capacity

#: Few enough to stay in the processor's cache, and in memory that was used before.
_REPLAY_ROWS = 20_000
_log = structlog.get_logger("lane")
#: Of a full batch on its way to the database: some 8,000 rows.
_BATCH_BYTES = 4 << 20


def connect_lane(dsn: str) -> psycopg.Connection[Any]:
    """A connection as the lane needs it: autocommit, room for a batch, and look-ups in closed partitions by index only."""
    connection = db.connect(dsn, name="penstock-lane", autocommit=True)
    db.send_at_once(connection, _BATCH_BYTES)
    connection.execute("SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off")
    return connection


def open_lane(settings: Settings, dsn: str, hash_key: int, now_us: int) -> Lane:
    """Claim the lane (which fences whoever ran it), recover its memory, and publish the policy if it is new.

    :raises BadSetting, BadPolicy: when settings do not fit the journal.
    :raises Fenced, DatabaseAway, ClockError: see ``Lane.process``.
    """
    writer = JournalWriter(lambda: connect_lane(dsn), settings.lane, settings.commit_retry_s)
    if settings.profile == "production":
        db.refuse_unsafe_database(writer.connection)
    partitions = _wait_for_partitions(writer, settings)
    recovered = _recover(settings, writer, partitions, hash_key)
    before = _policy_in_force(writer, recovered)
    lane = Lane(settings, writer, recovered.state, before, now_us)
    lane.learn_partitions(partitions)
    wanted = _wanted_policy(settings, before)
    if wanted is not None:
        if before is not None:
            check_successor(before, wanted)
        lane.publish(wanted, now_us)
        _log.info("policy published", name=wanted.name, sha256=wanted.fingerprint())
    return lane


def _recover(settings: Settings, writer: JournalWriter, partitions: list[reader.Partition], hash_key: int) -> Recovered:
    def digest_at(seq: int) -> bytes | None:
        return reader.read_digest(writer.connection, settings.lane, seq)

    def rows_between(after: int, until: int) -> Iterator[NDArray[Any]]:
        return reader.read_rows(writer.connection, settings.lane, after, until, _REPLAY_ROWS)

    maturity_us = _first_policy(writer, settings).label_maturity_s * 1_000_000
    first_hot = sum(partition.indexed for partition in partitions)
    started = time.perf_counter()
    recovered = recover(
        settings.home, settings.lane, capacity_of(settings), hash_key, writer.position.last_seq, digest_at, rows_between,
        first_hot, maturity_us,
    )  # fmt: skip
    _log.info(
        "recovered",
        last_seq=writer.position.last_seq, epoch=writer.position.epoch, checkpoint_seq=recovered.checkpoint_seq,
        rows=recovered.rows, seconds=round(time.perf_counter() - started, 3),
    )  # fmt: skip
    return recovered


def capacity_of(settings: Settings) -> Capacity:
    """How many records the settings allow."""
    return Capacity(
        customers=settings.customers_max,
        accounts=settings.accounts_max,
        holds=settings.holds_max,
        partition_rows=settings.partition_rows,
        own_limits=settings.own_limits_max,
        entities=settings.entities_max,
        pairs=settings.pairs_max,
        labels=settings.labels_max,
    )


def _first_policy(writer: JournalWriter, settings: Settings) -> Policy:
    """The policy with which the journal begins, or will begin: the maturity of labels stays what it says."""
    if writer.position.last_seq == 0:
        wanted = _wanted_policy(settings, None)
        assert wanted is not None, "a new journal always gets a policy"
        return wanted
    body = reader.read_side(writer.connection, settings.lane, 1)
    assert body is not None, "the first row publishes a policy, and has no side record: run `penstock verify`"
    return decode_policy(body)


def _wait_for_partitions(writer: JournalWriter, settings: Settings) -> list[reader.Partition]:
    """The keeper attaches the first partitions; their size is the journal's for good.

    :raises BadSetting: when they are of another size, or too small for the lane's batches.
    """
    most = settings.batch_rows + settings.expiries_per_batch
    if most >= settings.partition_rows * settings.partitions_ahead:
        raise BadSetting(
            f"partition_rows: a batch may write {most} rows, more than {settings.partitions_ahead} partitions of "
            f"{settings.partition_rows} take; raise partition_rows, or lower batch_rows and expiries_per_batch"
        )
    deadline = time.monotonic() + 60
    while not (partitions := reader.read_partitions(writer.connection, settings.lane)):
        if time.monotonic() > deadline:
            raise DatabaseAway(f"lane {settings.lane} has no journal partition after 60 s; does the keeper run?")
        time.sleep(0.1)
    size = partitions[0].end_seq - partitions[0].first_seq
    if size != settings.partition_rows:
        raise BadSetting(f"partition_rows: this journal has partitions of {size} rows; set it to that")
    return partitions


def _policy_in_force(writer: JournalWriter, recovered: Recovered) -> Policy | None:
    seq = int(recovered.state.scalars[0, at.POLICY_SEQ])
    if seq == 0:
        return None
    body = reader.read_side(writer.connection, int(writer.lane), seq)
    assert body is not None, f"the policy published at {seq} has no side record: run `penstock verify`"
    return decode_policy(body)


def _wanted_policy(settings: Settings, before: Policy | None) -> Policy | None:
    """The policy to publish at start, None = the one in force stays.

    Without a policy file the shipped defaults apply to a new journal only, so that an upgrade of Penstock
    changes nobody's limits.
    """
    if not settings.policy_file:
        return default_policy() if before is None else None
    wanted = load_policy(Path(settings.policy_file).read_text("utf-8"))
    return wanted if before is None or wanted.fingerprint() != before.fingerprint() else None
