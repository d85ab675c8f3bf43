"""Checkpoints on disk: the newest whole one is read, its checksums are checked (docs/checkpoint-format.md)."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from penstock.kit import zstd
from penstock.review.verify.columns import IntArray
from penstock.review.verify.findings import Findings
from penstock.review.verify.read import CannotVerify

#: Segments of the first one are not packed.
_FORMATS: Final = (1, 2)
#: The tables whose records the auditor compares. Others are for the lane's own use; only their checksum is read.
COMPARED: Final = frozenset({"accounts", "customers", "purses", "overrides", "holds", "labels", "totals", "scalars"})
_TRIES: Final = 5
OctetArray = np.ndarray[Any, np.dtype[np.uint8]]


class SegmentEntry(msgspec.Struct, frozen=True):
    """One segment, as the manifest lists it."""

    table: str
    first: int
    count: int
    seq: int
    file: str
    bytes: int
    crc32: int
    raw_bytes: int | None = None  # None = it is not packed


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
class Stored:
    """A segment as it lies on disk, mapped, so that the lane may delete it meanwhile; its checksum is right."""

    entry: SegmentEntry
    columns: list[str]
    octets: OctetArray

    def load(self) -> Segment:
        """Its records.

        :raises Damaged: when they cannot be unpacked.
        """
        octets = self.octets
        if self.entry.raw_bytes is not None:
            try:
                octets = np.frombuffer(zstd.unpack(octets, self.entry.raw_bytes), np.uint8)
            except ValueError as error:
                raise Damaged(f"its segment {self.entry.file} cannot be unpacked ({error})") from error
        values = octets.view("<i8").reshape(self.entry.count, len(self.columns))
        return Segment(self.entry.table, self.entry.first, self.entry.seq, self.columns, values)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose checksums are right."""

    manifest: Manifest
    segments: list[Stored]  # of the tables that are compared


class Damaged(ValueError):
    """The checkpoint is not whole; the message says what is wrong."""


def load_checkpoint(folder: Path, lane: int, findings: Findings) -> Checkpoint | None:
    """Read the newest whole checkpoint of a lane; None when there is none.

    Newer ones that are damaged are findings.
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
        except Damaged as error:
            seq = int(manifest.parent.name) if manifest.parent.name.isdecimal() else 0
            findings.add("checkpoint", seq, f"The checkpoint {manifest.parent.name} is damaged: {error}.")
    return None


def _load(path: Path, lane: int) -> Checkpoint:
    content = path.read_bytes()
    try:
        fields: dict[str, Any] = msgspec.json.decode(content, type=dict[str, Any])
        manifest = msgspec.convert(fields, Manifest)
    except msgspec.MsgspecError as error:
        raise Damaged(f"its manifest cannot be read ({error})") from error
    rest = {name: value for name, value in fields.items() if name != "crc32"}
    if zlib.crc32(msgspec.json.encode(rest, order="sorted")) != manifest.crc32:
        raise Damaged("its manifest has another checksum")
    layout = hashlib.sha256(msgspec.json.encode(manifest.layout, order="sorted")).hexdigest()
    if manifest.format not in _FORMATS or manifest.lane != lane or manifest.layout_hash != layout:
        raise Damaged(f"it has the format {manifest.format} of lane {manifest.lane}, or another layout hash")
    stored = [_map(path.parent, entry, manifest) for entry in manifest.segments]
    return Checkpoint(manifest, [segment for segment in stored if segment.entry.table in COMPARED])


def _map(folder: Path, entry: SegmentEntry, manifest: Manifest) -> Stored:
    octets = np.memmap(folder / entry.file, dtype=np.uint8, mode="r") if entry.bytes else np.zeros(0, dtype=np.uint8)
    if len(octets) != entry.bytes:
        raise Damaged(f"its segment {entry.file} has {len(octets)} bytes instead of {entry.bytes}")
    if zlib.crc32(octets.data) != entry.crc32:
        raise Damaged(f"its segment {entry.file} has another checksum")
    columns = manifest.layout.get(entry.table, [])
    size = entry.bytes if entry.raw_bytes is None else entry.raw_bytes
    if entry.table in COMPARED and size != entry.count * len(columns) * 8:
        raise Damaged(f"its segment {entry.file} holds {size} bytes instead of {entry.count * len(columns) * 8}")
    return Stored(entry, columns, octets)
