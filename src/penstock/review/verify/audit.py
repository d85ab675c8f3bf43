"""The audit of one lane: every check, fed with the same rows in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import Final

from penstock.review.verify.approvals import Approvals
from penstock.review.verify.chain import Chain
from penstock.review.verify.checkpoint import CheckpointCheck, Recomputed
from penstock.review.verify.entities import Entities
from penstock.review.verify.findings import MOST, Findings
from penstock.review.verify.freezes import Freezes
from penstock.review.verify.ids import Ids
from penstock.review.verify.labels import Labels
from penstock.review.verify.ledger import Ledger
from penstock.review.verify.limits import Limits
from penstock.review.verify.look_ups import LookUps
from penstock.review.verify.manifest import Checkpoint
from penstock.review.verify.models import Models
from penstock.review.verify.movements import Movements
from penstock.review.verify.origins import Origins
from penstock.review.verify.own_limits import OwnLimits
from penstock.review.verify.payments import Payments
from penstock.review.verify.policies import Policies
from penstock.review.verify.ranges import check_ranges
from penstock.review.verify.read import READERS, Chunk, Reader
from penstock.review.verify.records import check_records, check_sheets
from penstock.review.verify.reviews import Reviews
from penstock.review.verify.sides import check_sides
from penstock.review.verify.vectors import Vectors
from penstock.review.verify.verdicts import Verdicts

#: Rows that are worked on together: enough for numpy, few enough for memory (about 250 MB in all).
CHUNK_ROWS: Final = 100_000
#: The checks in the order in which they are told.
CHECKS: Final = (
    "sequence", "sheets", "record", "time", "batches", "digest", "encoding", "lane", "side_records", "features", "range",
    "numbering", "accounts", "ownership", "approvals", "declined", "state", "payments", "authorised", "left", "fees", "holds",
    "reviews", "expiry", "models", "verdicts", "labels", "freezes", "suspense", "balances", "sums", "policy", "business_day",
    "limits", "ids", "look_ups", "links", "checkpoint", "heads",
)  # fmt: skip
OnRows = Callable[[int], None]


@dataclass(frozen=True)
class LaneResult:
    """What the audit of a lane saw; ``digest`` is the recomputed one of the last batch."""

    lane: int
    rows: int
    batches: int
    last_seq: int
    digest: str
    sums: dict[str, int]
    digests: dict[int, bytes]
    compared_segments: int
    findings: Findings


class LaneAudit:
    """Recomputes one lane."""

    def __init__(self, lane: int, reader: Reader, findings: Findings, wanted: set[int]) -> None:
        """Prepare the checks; ``wanted`` are the sequences whose digests the caller needs."""
        self._lane = lane
        self._reader = reader
        self._findings = findings
        self._wanted = wanted
        self._entities = Entities(findings)
        self._policies = Policies(findings)
        self._approvals = Approvals(findings)
        self._models = Models(self._approvals, findings)
        self._vectors = Vectors(self._policies, findings)
        self._verdicts = Verdicts(self._policies, findings)
        self._labels = Labels(lane, reader, findings)
        self._own_limits = OwnLimits(self._entities, self._approvals, findings)
        self._freezes = Freezes(self._entities, self._approvals, findings)
        self._ledger = Ledger(self._entities, self._freezes, findings)
        self._movements = Movements(self._entities, self._policies, self._freezes, self._own_limits, findings)
        self._reviews = Reviews(self._policies, findings)
        self._payments = Payments(
            self._entities, self._policies, self._freezes, self._approvals, Origins(lane, reader, findings), findings
        )
        self._limits = Limits(self._entities, self._policies, self._own_limits, findings)
        self._look_ups = LookUps(lane, reader, findings)
        self._rows = 0
        self._day = 0

    def run(self, checkpoint: Checkpoint | None, last_seq: int, on_rows: OnRows) -> LaneResult:
        """Read the lane from its first row to ``last_seq`` and check everything but the heads."""
        compare = None
        if checkpoint is not None:
            compare = CheckpointCheck(checkpoint, self._kept(), self._findings)
            self._wanted.add(checkpoint.manifest.seq)
            compare.at(0, 0)
        end = self._reader.lane_end(self._lane)
        ends = [partition.end_seq for partition in self._reader.partitions(self._lane)]
        chain = Chain(self._lane, self._reader.batches(self._lane), self._wanted, self._findings)
        with ExitStack() as stack:
            ids = stack.enter_context(Ids(self._lane, self._reader, self._findings))
            for chunk in self._chunks(last_seq, compare.stops() if compare else set()):
                check_sheets(chunk.sheets, chunk.first, ends, self._findings)
                check_records(chunk.rows, self._lane, self._findings)
                chain.feed(chunk.first, chunk.last, chunk.rows)
                self._look_ups.feed(chunk.rows)
                self._feed(chunk, ids)
                if compare:
                    compare.at(chunk.last, self._day)
                on_rows(chunk.last - chunk.first + 1)
            ids.finish()
        self._look_ups.finish()
        chain.finish(end)
        self._finish(last_seq, end is None, end.last_seq if end else 0)
        if compare:
            compare.finish(last_seq, chain.digests)
        return LaneResult(
            self._lane, self._rows, chain.batches, last_seq, chain.computed.hex(), self._ledger.sums(), chain.digests,
            compare.compared if compare else 0, self._findings,
        )  # fmt: skip

    def _kept(self) -> Recomputed:
        return Recomputed(
            self._entities, self._limits, self._own_limits, self._payments, self._freezes, self._approvals, self._reviews,
            self._ledger, self._labels, self._models, self._policies,
        )  # fmt: skip

    def _feed(self, chunk: Chunk, ids: Ids) -> None:
        check_sides(chunk, self._findings)
        if not len(chunk.rows):
            return
        rows = check_ranges(chunk.rows, self._findings)
        in_force = self._policies.feed(rows, chunk.sides)
        tiers = self._policies.tiers[in_force]
        self._entities.feed(rows, tiers)
        self._approvals.feed(rows)
        model = self._models.feed(rows, chunk.sides)
        self._vectors.feed(rows, in_force)
        verdicts = self._verdicts.feed(rows, in_force, model)
        self._own_limits.feed(rows, tiers)
        self._freezes.feed(rows)
        self._ledger.feed(rows)
        self._movements.feed(rows, in_force)
        self._reviews.feed(rows, in_force, verdicts)
        approved = self._payments.feed(rows, in_force)
        self._labels.feed(rows)
        self._limits.feed(rows, in_force, approved)
        self._own_limits.settle()
        ids.feed(rows)
        self._rows += len(rows)
        self._day = int(rows["business_day"][-1])

    def _finish(self, last_seq: int, lacks_record: bool, recorded: int) -> None:
        self._ledger.finish(last_seq)
        self._payments.finish(last_seq)
        if lacks_record and last_seq > 0:
            self._findings.add("lane", 1, f"Lane {self._lane} has no record in the table lane.")
        elif recorded > last_seq:
            self._findings.add(
                "sequence", last_seq + 1, f"Rows {last_seq + 1} to {recorded} are missing: the lane's record says that "
                f"it ends at {recorded}.", expected=recorded, found=last_seq,
            )  # fmt: skip
        for table, check, outside in (
            ("journal_sheet", "sequence", self._reader.rows_outside),
            ("journal_side", "side_records", self._reader.sides_outside),
        ):
            for seq in outside(self._lane, last_seq, MOST):
                self._findings.add(
                    check, seq, f"The table {table} has something for {seq}, outside the lane's rows 1 to {last_seq}."
                )

    def _chunks(self, last_seq: int, stops: set[int]) -> Iterator[Chunk]:
        """The lane's rows in ranges that end at each stop, fetched ahead."""
        ranges = _ranges(last_seq, stops)
        waiting: list[Future[Chunk]] = [self._reader.fetch(self._lane, *r) for r in islice(ranges, READERS)]
        while waiting:
            chunk = waiting.pop(0).result()
            waiting += [self._reader.fetch(self._lane, *r) for r in islice(ranges, 1)]
            yield chunk


def _ranges(last_seq: int, stops: set[int]) -> Iterator[tuple[int, int]]:
    ends = sorted({*range(CHUNK_ROWS, last_seq, CHUNK_ROWS), *(s for s in stops if 0 < s < last_seq), last_seq} - {0})
    first = 1
    for end in ends:
        yield first, end
        first = end + 1
