"""Command ids: unique per client, and of the right kind.

A 64-bit hash of each id is written to one of many temporary files, so that memory stays small; equal
hashes within a file are then looked up in the journal and compared in full.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from penstock.review.verify.columns import IntArray, Rows
from penstock.review.verify.findings import Findings
from penstock.review.verify.read import Reader

_FILE_BITS: Final = 5
_ENTRY: Final = np.dtype([("hash", "<u8"), ("seq", "<i8")])
_AT_ONCE: Final = 10_000


class Ids:
    """Remembers the ids of one lane; use it as a context, it keeps temporary files."""

    def __init__(self, lane: int, reader: Reader, findings: Findings) -> None:
        self._lane = lane
        self._reader = reader
        self._findings = findings
        self._folder = tempfile.TemporaryDirectory(prefix="penstock-verify-")
        self._files = [(Path(self._folder.name) / f"{n}").open("w+b") for n in range(1 << _FILE_BITS)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files:
            file.close()
        self._folder.cleanup()

    def feed(self, rows: Rows) -> None:
        """Check the kind of each id and remember it."""
        self._check_kind(rows)
        entries = np.empty(len(rows), dtype=_ENTRY)
        entries["hash"] = mix(rows["client"].astype(np.uint64), rows["id_hi"], rows["id_lo"])
        entries["seq"] = rows["seq"]
        files = (entries["hash"] >> np.uint64(64 - _FILE_BITS)).astype(np.uint8)
        entries = entries[np.argsort(files, kind="stable")]
        bounds = np.cumsum(np.bincount(files, minlength=len(self._files)))
        for file, part in zip(self._files, np.split(entries, bounds[:-1]), strict=True):
            file.write(part.view(np.uint8).data)

    def finish(self) -> None:
        """Find the ids that two rows have."""
        for file in self._files:
            file.seek(0)
            entries = np.frombuffer(file.read(), dtype=_ENTRY)
            order = np.argsort(entries["hash"], kind="stable")
            hashes, seqs = entries["hash"][order], entries["seq"][order]
            same = np.flatnonzero(hashes[1:] == hashes[:-1])
            suspects = np.union1d(seqs[same], seqs[same + 1])
            for start in range(0, len(suspects), _AT_ONCE):
                self._compare(suspects[start : start + _AT_ONCE].tolist())

    def _check_kind(self, rows: Rows) -> None:
        """A client's id is a UUIDv7; the lane's own is a UUIDv8 that carries its sequence (RFC 9562)."""
        own = rows["client"] == 0
        version, variant = rows["id_hi"] >> 12 & 15, rows["id_lo"] >> 62 & 3
        made = (rows["id_hi"] == 8 << 12) & (rows["id_lo"] == rows["seq"] + -(2**63))
        right = np.where(own, made, (version == 7) & (variant == 2))
        self._findings.mark(
            "ids", ~right, rows["seq"],
            "Row {seq} of client {found} has a command id of the wrong kind (a client's is a UUIDv7, the lane's own a "
            "UUIDv8 of its sequence).", found=rows["client"],
        )  # fmt: skip

    def _compare(self, seqs: list[int]) -> None:
        first: dict[tuple[int, str], int] = {}
        for seq, name in sorted(self._reader.ids_at(self._lane, seqs).items()):
            earlier = first.setdefault(name, seq)
            if earlier != seq:
                self._findings.add(
                    "ids", seq, f"Row {seq} has the command id {name[1]} of client {name[0]}, which row {earlier} "
                    "already has.", expected=earlier, found=seq,
                )  # fmt: skip


def mix(start: NDArray[np.uint64], *columns: IntArray) -> NDArray[np.uint64]:
    """A 64-bit hash of numbers (n,) each (splitmix64's finaliser, https://prng.di.unimi.it/splitmix64.c)."""
    mixed = start
    for column in columns:
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) ^ column.view(np.uint64)
        mixed = (mixed ^ mixed >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ mixed >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return mixed
