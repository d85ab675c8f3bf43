"""The lane's status as JSON."""

from __future__ import annotations

import msgspec

from penstock.contracts.lane_port import COMMIT_BOUNDS_MS, StatusAnswer
from penstock.contracts.reasons import Reason
from penstock.contracts.words import time_text
from penstock.review.status.actions import OfficeState


class CurrencyView(msgspec.Struct, frozen=True):
    """What has been counted of one currency since the first row, in minor units; ``held`` is now."""

    held_minor: int
    cleared_minor: int
    deposited_minor: int
    withdrawn_minor: int
    fees_minor: int
    given_back_minor: int


class TailView(msgspec.Struct, frozen=True):
    """What follows from the journal: the last row that was seen, and how many are still to be seen."""

    seq: int
    lag_rows: int


class JobView(msgspec.Struct, frozen=True):
    """A job of the back office; ``failures``: since it was last well, ``problem``: the kind of the newest."""

    well: bool
    failures: int
    problem: str | None


class OfficeView(msgspec.Struct, frozen=True):
    """The back office, as its process noted last, every few seconds; ``noted`` is null before it ever did."""

    noted: str | None
    tails: dict[str, TailView]
    jobs: dict[str, JobView]


class StatusView(msgspec.Struct, frozen=True):
    """The lane: position, rates, capacity, money. Counters other than money begin with the lane's process."""

    lane: int
    epoch: int
    last_seq: int
    as_of_seq: int
    time: str
    started: str
    rows_per_second: float
    accounts: int
    customers: int
    purses: int
    open_holds: int
    batches: int
    commands: int
    rows: int
    replays: int
    refused: int
    ring_depth_last: int
    batch_rows_last: int
    commit_us_last: int
    commit_ms_histogram: dict[str, int]
    stages_us: dict[str, int]  # time spent in each stage of a batch; the commit happens beside the others
    checkpoint_seq: int
    checkpoint_time: str | None
    policy_version: int
    policy_seq: int
    ids_in_memory: int
    money: dict[str, CurrencyView]
    reasons: dict[str, int]
    office: OfficeView | None  # null while the database is away


def status_view(status: StatusAnswer, rows_per_second: float, office: OfficeState | None) -> StatusView:
    """Show the lane's answer, only currencies in which something happened; and the back office."""
    counters = status.counters
    labels = [*(f"<= {bound}" for bound in COMMIT_BOUNDS_MS), f"> {COMMIT_BOUNDS_MS[-1]}"]
    return StatusView(
        lane=counters.lane,
        epoch=counters.epoch,
        last_seq=counters.last_seq,
        as_of_seq=counters.last_seq,
        time=time_text(counters.time_us),
        started=time_text(counters.start_time_us),
        rows_per_second=round(rows_per_second, 1),
        accounts=counters.accounts,
        customers=counters.customers,
        purses=counters.purses,
        open_holds=counters.open_holds,
        batches=counters.batches,
        commands=counters.commands,
        rows=counters.rows,
        replays=counters.replays,
        refused=counters.refused,
        ring_depth_last=counters.ring_depth_last,
        batch_rows_last=counters.batch_rows_last,
        commit_us_last=counters.commit_us_last,
        commit_ms_histogram=dict(zip(labels, status.commit_times, strict=True)),
        stages_us={name: spent_ns // 1000 for name, spent_ns in status.stages_ns.items()},
        checkpoint_seq=counters.checkpoint_seq,
        checkpoint_time=time_text(counters.checkpoint_time_us) if counters.checkpoint_time_us else None,
        policy_version=counters.policy_version,
        policy_seq=status.policy_seq,
        ids_in_memory=counters.ids_in_memory,
        money={code: CurrencyView(*totals) for code, totals in status.totals.items() if any(totals)},
        reasons={Reason(code).name.lower(): count for code, count in status.reasons.items()},
        office=None if office is None else _office_view(office),
    )


def _office_view(office: OfficeState) -> OfficeView:
    return OfficeView(
        noted=time_text(office.noted_us) if office.noted_us else None,
        tails={name: TailView(progress.seq, progress.lag) for name, progress in office.tails.items()},
        jobs={job.job: JobView(job.failures == 0, job.failures, job.problem or None) for job in office.jobs},
    )
