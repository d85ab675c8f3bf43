"""Checkpoints on disk: the newest whole one is read, its checksums are checked (docs/checkpoint-format.md)."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from penstock.review.verify.columns import IntArray
from penstock.review.verify.findings import Findings
from penstock.review.verify.read import CannotVerify

_FORMAT: Final = 1
#: The tables whose records the auditor compares. Others are for the lane's own use; only their checksum is read.
COMPARED: Final = frozenset({"accounts", "customers", "purses", "overrides", "holds", "labels", "totals", "scalars"})
_TRIES: Final = 5


class SegmentEntry(msgspec.Struct, frozen=True):
    """One segment, as the manifest lists it."""

    table: str
    first: int
    count: int
    seq: int
    file: str
    bytes: int
    crc32: int


class Manifest(msgspec.Struct, frozen=True):
    """The manifest."""

    format: int
    lane: int
    seq: int
    digest: str
    time_us: int
    layout: dict[str, list[str]]
    layout_hash: str
    segments: list[SegmentEntry]
    crc32: int


@dataclass(frozen=True)
class Segment:
    """Records ``first`` and following of a table, true at ``seq``; ``values`` int64 (records, columns)."""

    table: str
    first: int
    seq: int
    columns: list[str]
    values: IntArray

    def __getitem__(self, name: str) -> IntArray:
        return self.values[:, self.columns.index(name)]


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose checksums are right."""

    manifest: Manifest
    segments: list[Segment]


class _Damaged(ValueError):
    """The checkpoint is not whole; the message says what is wrong."""


def load_checkpoint(folder: Path, lane: int, findings: Findings) -> Checkpoint | None:
    """Read the newest whole checkpoint of a lane; None when there is none.

    Newer ones that are damaged are findings. Segments stay mapped, so that the lane may delete them meanwhile.
    """
    for _ in range(_TRIES):
        try:
            return _load_newest(folder, lane, findings)
        except FileNotFoundError:  # the lane deleted an old checkpoint while we looked; look again
            continue
    raise CannotVerify(f"the checkpoints in {folder} change faster than they can be read; use --no-checkpoint")


def _load_newest(folder: Path, lane: int, findings: Findings) -> Checkpoint | None:
    for manifest in sorted(folder.glob("*/manifest.json"), reverse=True):
        try:
            return _load(manifest, lane)
        except _Damaged as error:
            seq = int(manifest.parent.name) if manifest.parent.name.isdecimal() else 0
            findings.add("checkpoint", seq, f"The checkpoint {manifest.parent.name} is damaged: {error}.")
    return None


def _load(path: Path, lane: int) -> Checkpoint:
    content = path.read_bytes()
    try:
        fields: dict[str, Any] = msgspec.json.decode(content, type=dict[str, Any])
        manifest = msgspec.convert(fields, Manifest)
    except msgspec.MsgspecError as error:
        raise _Damaged(f"its manifest cannot be read ({error})") from error
    rest = {name: value for name, value in fields.items() if name != "crc32"}
    if zlib.crc32(msgspec.json.encode(rest, order="sorted")) != manifest.crc32:
        raise _Damaged("its manifest has another checksum")
    layout = hashlib.sha256(msgspec.json.encode(manifest.layout, order="sorted")).hexdigest()
    if manifest.format != _FORMAT or manifest.lane != lane or manifest.layout_hash != layout:
        raise _Damaged(f"it has the format {manifest.format} of lane {manifest.lane}, or another layout hash")
    segments = [_map(path.parent, entry, manifest) for entry in manifest.segments]
    return Checkpoint(manifest, segments)


def _map(folder: Path, entry: SegmentEntry, manifest: Manifest) -> Segment:
    columns = manifest.layout.get(entry.table, [])
    size = entry.count * len(columns) * 8 if entry.table in COMPARED else entry.bytes
    octets = np.memmap(folder / entry.file, dtype=np.uint8, mode="r") if entry.bytes else np.zeros(0, dtype=np.uint8)
    if len(octets) != entry.bytes or size != entry.bytes:
        raise _Damaged(f"its segment {entry.file} has {len(octets)} bytes instead of {size}")
    if zlib.crc32(octets.data) != entry.crc32:
        raise _Damaged(f"its segment {entry.file} has another checksum")
    if entry.table not in COMPARED:
        octets, columns = octets[:0], []
    values = octets.view("<i8").reshape(-1, max(len(columns), 1))
    return Segment(entry.table, entry.first, entry.seq, columns, values)
