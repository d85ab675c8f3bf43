"""Sequence, time, batches and the digest chain of one lane."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from penstock.review.verify.columns import ENCODING, Rows
from penstock.review.verify.findings import Findings
from penstock.review.verify.read import Batch, LaneEnd

_ZEROS = bytes(32)


def digest_header(lane: int, first_seq: int, last_seq: int, encoding: int, before: bytes) -> bytes:
    """The bytes that a batch's digest covers before its rows (docs/journal-format.md, *Digest chain*)."""
    return b"".join(
        (
            b"penstock",
            (encoding & 0xFF).to_bytes(1, "little"),
            lane.to_bytes(2, "little", signed=True),
            first_seq.to_bytes(8, "little", signed=True),
            last_seq.to_bytes(8, "little", signed=True),
            before,
        )
    )


@dataclass
class _Open:
    """A batch whose rows are being hashed."""

    batch: Batch
    hasher: hashlib._Hash
    rows: int = 0


class Chain:
    """Follows one lane's batches beside its rows.

    ``digests`` keeps the recomputed digest at each sequence in ``wanted`` at which a batch ends.
    """

    def __init__(self, lane: int, batches: Iterator[Batch], wanted: set[int], findings: Findings) -> None:
        self.digests: dict[int, bytes] = {}
        self.batches = 0
        self.last: Batch | None = None
        self.computed = _ZEROS
        self._lane = lane
        self._batches = batches
        self._wanted = wanted
        self._findings = findings
        self._open: _Open | None = None
        self._seq = 0
        self._time_us = -(2**63)

    def feed(self, first: int, last: int, rows: Rows) -> None:
        """Check the rows of the range ``first`` to ``last``."""
        self._check_sequence(first, last, rows)
        self._check_time(rows)
        self._hash(rows, last)

    def finish(self, end: LaneEnd | None) -> None:
        """Compare the end of the chain with the lane's record."""
        if self._open is not None:
            self._close(self._open)
        for batch in self._batches:
            self._start(batch)
            self._findings.add(
                "batches", batch.first_seq, f"Batch {batch.first_seq}–{batch.last_seq} lies after the lane's last row "
                f"{self._seq}.", expected=self._seq, found=batch.last_seq, until_seq=batch.last_seq,
            )  # fmt: skip
        covered = self.last.last_seq if self.last else 0
        if covered < self._seq:
            self._findings.add(
                "batches", covered + 1, f"Rows {covered + 1} to {self._seq} belong to no batch.", found=self._seq
            )
        if end is not None:
            self._check_end(end)

    def _check_sequence(self, first: int, last: int, rows: Rows) -> None:
        seqs = rows["seq"]
        edges = np.concatenate(([first - 1], seqs, [last + 1]))
        for place in np.flatnonzero(np.diff(edges) != 1)[:1000]:
            missing, until = int(edges[place]) + 1, int(edges[place + 1]) - 1
            many = f"Rows {missing} to {until} are" if until > missing else f"Row {missing} is"
            self._findings.add("sequence", missing, f"{many} missing.", expected=missing, found=until + 1)

    def _check_time(self, rows: Rows) -> None:
        if not len(rows):
            return
        times, seqs = rows["time_us"], rows["seq"]
        before = np.concatenate(([self._time_us], times[:-1]))
        self._findings.mark(
            "time", times < before, seqs, "Row {seq} has the time {found} µs, before the row in front of it ({expected} µs).",
            expected=before, found=times,
        )  # fmt: skip
        self._time_us, self._seq = int(times[-1]), int(seqs[-1])

    def _hash(self, rows: Rows, last: int) -> None:
        seqs, place = rows["seq"], 0
        while place < len(rows) or (self._open is not None and self._open.batch.last_seq <= last):
            if self._open is None and not self._start_next():
                return
            assert self._open is not None
            until = int(np.searchsorted(seqs, self._open.batch.last_seq, side="right"))
            self._take(self._open, rows, place, until)
            place = max(place, until)
            if self._open.batch.last_seq > last:
                return
            self._close(self._open)

    def _take(self, opened: _Open, rows: Rows, start: int, until: int) -> None:
        if until <= start:
            return
        opened.hasher.update(rows.canonical[start:until].view(np.uint8).data)
        opened.rows += until - start

    def _start_next(self) -> bool:
        batch = next(self._batches, None)
        if batch is not None:
            self._start(batch)
        return batch is not None

    def _start(self, batch: Batch) -> None:
        self._check_batch(batch)
        before = self.last.digest if self.last else _ZEROS
        header = digest_header(self._lane, batch.first_seq, batch.last_seq, batch.encoding, before)
        self._open = _Open(batch, hashlib.sha256(header))
        self.last = batch
        self.batches += 1

    def _check_batch(self, batch: Batch) -> None:
        expected = self.last.last_seq + 1 if self.last else 1
        name = f"Batch {batch.first_seq}–{batch.last_seq}"
        if batch.first_seq != expected or batch.last_seq < batch.first_seq:
            self._findings.add(
                "batches", min(expected, batch.first_seq), f"{name} should start at {expected}.",
                expected=expected, found=batch.first_seq, until_seq=batch.last_seq,
            )  # fmt: skip
        if batch.encoding != ENCODING:
            self._findings.add(
                "encoding", batch.first_seq, f"{name} has the encoding version {batch.encoding}; this auditor knows "
                f"{ENCODING}.", expected=ENCODING, found=batch.encoding, until_seq=batch.last_seq,
            )  # fmt: skip
        if self.last and batch.epoch < self.last.epoch:
            self._findings.add(
                "batches", batch.first_seq, f"{name} is of epoch {batch.epoch}, after a batch of epoch {self.last.epoch}.",
                expected=self.last.epoch, found=batch.epoch, until_seq=batch.last_seq,
            )  # fmt: skip

    def _close(self, opened: _Open) -> None:
        self._open = None
        batch = opened.batch
        self.computed = opened.hasher.digest()
        if batch.last_seq in self._wanted:
            self.digests[batch.last_seq] = self.computed
        if self.computed != bytes(batch.digest):
            self._findings.add(
                "digest", batch.first_seq, f"Rows {batch.first_seq} to {batch.last_seq} do not give the digest of their "
                "batch: at least one of them was changed after it was committed.",
                expected=bytes(batch.digest).hex(), found=self.computed.hex(), until_seq=batch.last_seq,
            )  # fmt: skip

    def _check_end(self, end: LaneEnd) -> None:
        last_seq, digest = (self.last.last_seq, bytes(self.last.digest)) if self.last else (0, _ZEROS)
        place = min(last_seq, end.last_seq) + 1
        if last_seq != end.last_seq:
            self._findings.add(
                "lane", place, f"The last batch ends at {last_seq}, but the lane's record says {end.last_seq}.",
                expected=end.last_seq, found=last_seq,
            )  # fmt: skip
        elif digest != bytes(end.digest):
            self._findings.add(
                "lane", last_seq, "The lane's record has another digest than the last batch.",
                expected=bytes(end.digest).hex(), found=digest.hex(),
            )  # fmt: skip
        if self._seq == end.last_seq and self._seq > 0 and end.time_us != self._time_us:
            self._findings.add(
                "lane", self._seq, f"The lane's record has the time {end.time_us} µs, its last row {self._time_us} µs.",
                expected=end.time_us, found=self._time_us,
            )  # fmt: skip
        if self.last and self.last.epoch > end.epoch:
            self._findings.add(
                "lane", last_seq, f"The last batch is of epoch {self.last.epoch}, above the lane's {end.epoch}.",
                expected=end.epoch, found=self.last.epoch,
            )  # fmt: skip
