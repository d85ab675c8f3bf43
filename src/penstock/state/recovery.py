"""Recovery: the newest good checkpoint, then the rows since. Replay applies recorded outcomes and decides nothing."""

from __future__ import annotations

import json
import mmap
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import structlog
from numpy.typing import NDArray

from penstock.kit import zstd
from penstock.kit.kernels import kernel
from penstock.state import layout as at
from penstock.state.behaviour.events import events_of_rows
from penstock.state.behaviour.learning import replay_events
from penstock.state.checkpoint import FORMAT, key_mark, lane_folder, layout_hash, places_of
from penstock.state.checkpoint_files import Entry, canonical
from penstock.state.fold import fold_rows
from penstock.state.holds import index_hold
from penstock.state.segments import flat
from penstock.state.tables import Capacity, Int64, State, forget_partition, reserve

_log = structlog.get_logger("recovery")
#: Formats that can be read: in the first one segments are not packed.
_READABLE: Final = (1, FORMAT)
#: The table that tells which entries of the id tables are still wanted.
_FIRST: Final = "generations"
#: Tables that are filled at the same time: most of it is memory that comes by and is written, without the GIL.
_LOADERS: Final = 2


class BadCheckpoint(Exception):
    """A checkpoint that must not be used; the message says why."""


class Recovered(NamedTuple):
    """What recovery did."""

    state: State
    checkpoint_seq: int  # 0 = none was good
    rows: int  # replayed


def recover(
    home: Path,
    lane: int,
    capacity: Capacity,
    hash_key: int,
    end_seq: int,
    digest_at: Callable[[int], bytes | None],
    rows_between: Callable[[int, int], Iterator[NDArray[Any]]],
    first_partition: int,
    maturity_us: int,
) -> Recovered:
    """Rebuild a lane's memory as of ``end_seq``, where its journal ends.

    ``digest_at(seq)`` is the chain's digest of the batch that ends there; ``rows_between(after, until)`` yields rows
    in order; partitions before ``first_partition`` have their id index in the database; ``maturity_us`` is that of the
    journal's first policy.
    """
    state, start_seq, checkpoint_seq = _load_newest(home, lane, capacity, hash_key, maturity_us, end_seq, digest_at)
    _forget_before(state, first_partition)
    replayed = 0
    for rows in rows_between(start_seq, end_seq):
        replay_rows(state, rows)
        replayed += len(rows)
    reached = int(state.scalars[0, at.LAST_SEQ])
    if reached != end_seq:
        raise RuntimeError(f"the journal says {end_seq}, but its rows end at {reached}: run `penstock verify`")
    return Recovered(state, checkpoint_seq, replayed)


def replay_rows(state: State, rows: NDArray[Any]) -> None:
    """Apply journal rows in order, to the money and to the behaviour."""
    fold_rows(state, rows)
    replay_events(state, events_of_rows(rows))


def _forget_before(state: State, first_partition: int) -> None:
    """Drop the generations whose partitions were indexed since the checkpoint: nobody else would make room for the next."""
    for begun in state.generations[:, at.GENERATION_PARTITION].tolist():
        if 0 < begun <= first_partition:
            forget_partition(state, begun - 1)
    state.scalars[0, at.FIRST_PARTITION] = max(int(state.scalars[0, at.FIRST_PARTITION]), first_partition)


def _load_newest(
    home: Path,
    lane: int,
    capacity: Capacity,
    hash_key: int,
    maturity_us: int,
    end_seq: int,
    digest_at: Callable[[int], bytes | None],
) -> tuple[State, int, int]:
    for folder in sorted(lane_folder(home, lane).glob("[0-9]*"), reverse=True):
        state = reserve(capacity, hash_key, maturity_us)
        try:
            manifest = read_manifest(folder)
            check_manifest(manifest, lane, state, end_seq, digest_at)
            start_seq = _load_segments(folder, manifest, state)
        except (BadCheckpoint, OSError) as error:
            _log.warning("checkpoint rejected", folder=folder.name, reason=str(error))
            continue
        derive_holds(state)
        return state, start_seq, manifest["seq"]
    return reserve(capacity, hash_key, maturity_us), 0, 0


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a checkpoint's manifest.

    :raises BadCheckpoint: when it is torn or of another format.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
        crc32 = manifest.pop("crc32")
    except (ValueError, KeyError, AttributeError) as error:
        raise BadCheckpoint(f"the manifest is torn: {error!r}") from error
    if zlib.crc32(canonical(manifest)) != crc32:
        raise BadCheckpoint("the manifest's CRC is wrong")
    if manifest["format"] not in _READABLE:
        raise BadCheckpoint(f"format {manifest['format']} is not one of {_READABLE}")
    return manifest


def check_manifest(
    manifest: dict[str, Any], lane: int, state: State, end_seq: int, digest_at: Callable[[int], bytes | None]
) -> None:
    """Refuse a checkpoint that is not of this lane, this journal and these tables."""
    if manifest["lane"] != lane:
        raise BadCheckpoint(f"it is of lane {manifest['lane']}")
    if manifest["seq"] > end_seq:
        raise BadCheckpoint(f"it is at {manifest['seq']}, above the journal's end {end_seq}")
    digest = digest_at(manifest["seq"])
    if digest is None or digest.hex() != manifest["digest"]:
        raise BadCheckpoint(f"its digest at {manifest['seq']} is not the journal's")
    if manifest["hash_key"] != key_mark(state):
        raise BadCheckpoint("it was made with another hash key")
    for table, there in manifest["places"].items():
        if there != places_of(state)[table]:
            raise BadCheckpoint(f"its table {table} has {there} places, not {places_of(state)[table]}: a setting was changed")


def _load_segments(folder: Path, manifest: dict[str, Any], state: State) -> int:
    """Fill the tables, several at once; the sequence from which rows must be replayed."""
    same = manifest["layout_hash"] == layout_hash()
    tables: dict[str, list[Entry]] = {}
    for segment in manifest["segments"]:
        tables.setdefault(segment["table"], []).append(segment)

    def load(table: str) -> None:
        names = manifest["layout"][table]
        columns = None if same else _columns(table, names)
        for segment in tables[table]:  # in order: what a piece gained comes after it
            _fill(state, segment, _read(folder, segment), len(names), columns)

    load(_FIRST)
    rest = sorted(tables.keys() - {_FIRST}, key=lambda table: -sum(segment["bytes"] for segment in tables[table]))
    with ThreadPoolExecutor(_LOADERS, "load") as loaders:
        list(loaders.map(load, rest))
    return min(segment["seq"] for segment in manifest["segments"])


def _read(folder: Path, segment: Entry) -> Int64:
    """A segment's numbers. The file is mapped: reading it into fresh memory would take several times as long."""
    path = folder / segment["file"]
    size = path.stat().st_size
    if size != segment["bytes"]:
        raise BadCheckpoint(f"{segment['file']} is torn")
    body: Any = b""
    if size:
        with path.open("rb") as file:
            body = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
    if zlib.crc32(body) != segment["crc32"]:
        raise BadCheckpoint(f"{segment['file']} is torn")
    return np.frombuffer(_unpacked(segment, body), "<i8")


def _unpacked(segment: Entry, body: Any) -> Any:
    if "raw_bytes" not in segment:
        return body
    try:
        return zstd.unpack(body, segment["raw_bytes"])
    except ValueError as error:
        raise BadCheckpoint(f"{segment['file']}: {error}") from error


def _columns(table: str, names: list[str]) -> list[tuple[int, int]]:
    """Old and new place of each column, by name; a column that has gone may only have been a reserve."""
    new = at.LAYOUT[table]
    lost = [name for name in names if name not in new and not name.startswith("reserved_")]
    if lost:
        raise BadCheckpoint(f"{table} has no column {', '.join(lost)} any more")
    return [(i, new.index(name)) for i, name in enumerate(names) if name in new]


def _fill(
    state: State, segment: dict[str, Any], numbers: Int64, width: int, columns: list[tuple[int, int]] | None
) -> None:
    table = flat(state, segment["table"])
    if segment["first"] + segment["count"] > len(table):
        raise BadCheckpoint(f"{segment['table']} holds more records than the settings allow")
    if segment["packed"]:
        entries = numbers.reshape(-1, width + 1)
        if segment["table"] in ("ids", "refs"):
            entries = _wanted(state, segment["table"], entries)
        table[entries[:, 0]] = entries[:, 1:]
        return
    records = numbers.reshape(-1, width)
    target = table[segment["first"] : segment["first"] + segment["count"]]
    if columns is None:
        target[:] = records
        return
    for old, new in columns:
        target[:, new] = records[:, old]


def _wanted(state: State, table: str, entries: Int64) -> Int64:
    """Those entries, each after its place, whose generation was still of their partition when the checkpoint ended.

    Between the copying of a piece and the end of the checkpoint, its partition may have been forgotten, and the
    generation begun anew.
    """
    column = at.ID_SEQ if table == "ids" else at.REF_LAST_SEQ
    seqs = entries[:, 1 + column] & ((1 << at.SEQ_BITS) - 1)
    generations = entries[:, 0] // getattr(state, table).shape[1]
    partitions = (seqs - 1) // state.scalars[0, at.PARTITION_ROWS]
    wanted: Int64 = entries[state.generations[generations, at.GENERATION_PARTITION] == partitions + 1]
    return wanted


@kernel
def derive_holds(state: Any) -> None:
    """Rebuild what is derived from the open holds: their index and the order in which they run out."""
    state.scalars[0, at.HOLDS_OPEN] = 0
    for slot in range(1, state.scalars[0, at.HOLDS_HIGH] + 1):
        if state.holds[slot, at.ORIGIN_SEQ] != 0:
            index_hold(state, slot)
