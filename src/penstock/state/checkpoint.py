"""Checkpoints: the lane's memory on disk, written in the background while the lane runs.

Between batches the lane copies a bounded piece (``step``); a thread of low priority writes and fsyncs
it. The pieces of the large tables are therefore true at different sequences, which the fold allows for
(see ``state/fold.py``); the small tables are caught together at the end, at the manifest's sequence.
The last step waits for a moment in which everything in memory has been committed, so a published manifest
never lies above the journal's end; a piece caught before may be ahead of it. Segments that have not changed are hard links to the last checkpoint's
files. The format is documented in docs/checkpoint-format.md.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import queue
import shutil
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import structlog

from penstock.kit.kernels import kernel
from penstock.state import layout as at
from penstock.state.spare import Spare
from penstock.state.tables import Int64, State

FORMAT: Final = 1
#: Tables whose records carry the sequence of the last row that touched them, and where; caught piece by piece.
_STAMPED: Final = {
    "accounts": at.ACCOUNT_LAST_SEQ, "customers": at.CUSTOMER_LAST_SEQ, "purses": at.PURSE_LAST_SEQ,
    "payers": at.STAMP_US, "payees": at.STAMP_US,
}  # fmt: skip
_COUNTS: Final = {
    "accounts": at.ACCOUNTS, "customers": at.CUSTOMERS, "purses": at.PURSES, "payers": at.ACCOUNTS, "payees": at.ACCOUNTS,
}  # fmt: skip
#: Tables of which only the occupied places are written, and the column that is not 0 in those.
_PACKED: Final = {
    "ids": at.ID_SEQ, "refs": at.REF_ORIGIN, "entities": at.SET_STAMP_US, "pairs": at.SET_STAMP_US,
}  # fmt: skip
#: Into how many pieces a table of sets is cut at most.
_MOST_PIECES: Final = 256
#: Tables whose stamps are times, not sequences.
_TIMED: Final = frozenset({"payers", "payees", "entities", "pairs"})


@dataclass(frozen=True)
class Segment:
    """A piece of a table: ``count`` records from ``first``, or, packed, the occupied places among ``count``."""

    table: str
    first: int
    count: int
    packed: bool


def layout_hash() -> str:
    """What a checkpoint must agree with to be read without conversion."""
    return hashlib.sha256(canonical(at.LAYOUT)).hexdigest()


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def lane_folder(home: Path, lane: int) -> Path:
    """Where a lane's checkpoints lie."""
    return home / "checkpoints" / f"lane-{lane}"


def flat(state: State, table: str) -> Int64:
    """A table as (records, columns); generations of the id tables follow one another."""
    array: Int64 = getattr(state, table)
    return array.reshape(-1, array.shape[-1])


def places_of(state: State) -> dict[str, int]:
    """The sizes on which the places in hashed tables depend."""
    tables = ("overrides", "entities", "pairs", "labels")
    return {name: getattr(state, name).shape[1] for name in ("ids", "refs")} | {
        name: len(getattr(state, name)) for name in tables
    }


def key_mark(state: State) -> str:
    """Marks the hash key, without which the places in the id tables mean nothing."""
    return hashlib.sha256(b"penstock-hash-key" + state.hash_key.tobytes()).hexdigest()[:16]


@dataclass
class Draft:
    """A checkpoint that is being made, or the one published last: its folder and the segments in it."""

    folder: Path
    segments: list[dict[str, Any]] = field(default_factory=list)

    def find(self, segment: Segment) -> dict[str, Any] | None:
        """The entry of the same piece, None = there is none."""
        wanted = (segment.table, segment.first, segment.count)
        return next((s for s in self.segments if (s["table"], s["first"], s["count"]) == wanted), None)


class Checkpointer:
    """Writes one checkpoint after another; owned by the lane process."""

    def __init__(self, home: Path, lane: int, step_bytes: int, keep: int, bytes_per_second: float = math.inf) -> None:
        """``bytes_per_second``: no faster is written, so that the journal's disk has time for the journal."""
        self._folder = lane_folder(home, lane)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lane = lane
        self._step_bytes = step_bytes
        self._keep = keep
        self._bytes_per_second = bytes_per_second
        self._log = structlog.get_logger("checkpoint").bind(lane=lane)
        self._work: queue.Queue[Any] = queue.Queue(maxsize=2)
        self._spare = Spare()
        self._pending: Iterator[Segment] | None = None
        self._caught_all = False  # the last step is left
        self._draft: Draft | None = None  # owned by the writing thread from `_finish` until it is published
        self._last: Draft | None = None
        self._failure: Exception | None = None
        self.published: tuple[int, int] = (0, 0)  # sequence and lane time of the newest
        for unfinished in self._folder.glob("unfinished-*"):
            shutil.rmtree(unfinished)
        threading.Thread(target=self._write_forever, name="checkpoint", daemon=True).start()

    @property
    def running(self) -> bool:
        """Whether a checkpoint is being copied."""
        return self._pending is not None

    def begin(self, state: State) -> None:
        """Begin a checkpoint unless one runs or the last one is still being written."""
        if self._draft is None:
            self._draft = Draft(self._folder / f"unfinished-{os.getpid()}")
            self._draft.folder.mkdir()
            self._pending = self._plan(state)

    @property
    def waits_for_commits(self) -> bool:
        """Whether only the last step is left, for which everything in memory must have been committed."""
        return self._caught_all and not self._work.full()

    def step(self, state: State, digest: bytes | None) -> None:
        """Copy one piece.

        :param digest: of the journal's end, when everything in memory has been committed; None = something is on its way.
        :raises OSError: when an earlier piece could not be written (disk full, for example).
        """
        if self._failure is not None:
            raise self._failure
        if self._pending is None or self._work.full():
            return
        segment = None if self._caught_all else next(self._pending, None)
        if segment is not None:
            self._catch(state, segment)
            return
        self._caught_all = True
        if digest is not None:
            self._finish(state, digest)

    def _plan(self, state: State) -> Iterator[Segment]:
        """The pieces of the large tables, each about ``step_bytes`` of memory."""
        for table in _STAMPED:
            records = flat(state, table)
            used = int(state.scalars[0, _COUNTS[table]]) + 1
            step = max(self._step_bytes // (records.shape[1] * 8), 1)
            for first in range(0, used, step):
                yield Segment(table, first, min(step, used - first), packed=False)
        for table in ("ids", "refs"):
            places = getattr(state, table).shape[1]
            step = max(min(self._step_bytes // 32, places), 1)
            for generation in np.flatnonzero(state.generations[:, at.GENERATION_PARTITION]):
                for first in range(int(generation) * places, (int(generation) + 1) * places, step):
                    yield Segment(table, first, min(step, (int(generation) + 1) * places - first), packed=True)
        for table in ("entities", "pairs"):
            sets, width = getattr(state, table).shape
            step = max(self._step_bytes // (width * 8), sets // _MOST_PIECES, 1)
            for first in range(0, sets, step):
                yield Segment(table, first, min(step, sets - first), packed=True)

    def _catch(self, state: State, segment: Segment) -> None:
        before = self._last.find(segment) if self._last is not None else None
        now = {"seq": int(state.scalars[0, at.LAST_SEQ]), "time_us": int(state.scalars[0, at.LAST_TIME_US])}
        entry: dict[str, Any] = {**asdict(segment), **now}
        clock = "time_us" if segment.table in _TIMED else "seq"
        if before is not None and _newest_change(state, segment) <= before[clock]:
            self._work.put((entry, before))
        else:
            records = self._copy(state, segment)
            if len(records):
                self._work.put((entry, records))
            else:
                self._spare.give(records)

    def _copy(self, state: State, segment: Segment) -> Int64:
        """A piece as it is now; packed: rows of (place, record) for the occupied places."""
        records = flat(state, segment.table)[segment.first : segment.first + segment.count]
        if not segment.packed:
            return self._copy_whole(records)
        copy = self._spare.take(len(records), records.shape[1] + 1)
        return copy[: pack(records, _PACKED[segment.table], segment.first, copy)]

    def _copy_whole(self, records: Int64) -> Int64:
        copy = self._spare.take(*records.shape)
        copy[:] = records
        return copy

    def _finish(self, state: State, digest: bytes) -> None:
        """Catch the small tables together and hand the manifest over."""
        seq = int(state.scalars[0, at.LAST_SEQ])
        small = {
            "overrides": state.overrides[: len(state.overrides) if state.scalars[0, at.OVERRIDES] else 0],
            "labels": state.labels[: len(state.labels) if state.scalars[0, at.LABELS] else 0],
            "holds": state.holds[: int(state.scalars[0, at.HOLDS_HIGH]) + 1],
            "holds_free": state.holds_free[: int(state.scalars[0, at.HOLDS_FREE])],
            "generations": state.generations, "totals": state.totals, "scalars": state.scalars,
        }  # fmt: skip
        pieces = [
            ({"table": table, "first": 0, "count": len(records), "packed": False, "seq": seq}, self._copy_whole(records))
            for table, records in small.items()
        ]
        manifest = {
            "format": FORMAT, "lane": self._lane, "seq": seq, "digest": digest.hex(),
            "time_us": int(state.scalars[0, at.LAST_TIME_US]), "layout": at.LAYOUT, "layout_hash": layout_hash(),
            "places": places_of(state), "hash_key": key_mark(state),
        }  # fmt: skip
        self._work.put((pieces, manifest))
        self._pending, self._caught_all = None, False

    def wait(self) -> None:
        """Return when everything handed over has been written.

        :raises OSError: when it could not be.
        """
        self._work.join()
        if self._failure is not None:
            raise self._failure

    # --- the writing thread

    def _write_forever(self) -> None:
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
        while True:
            what, data = self._work.get()
            try:
                if isinstance(what, dict):
                    self._write_segment(what, data)
                else:
                    for entry, records in what:
                        self._write_segment(entry, records)
                    self._publish(data)
            except Exception as error:  # noqa: BLE001 - whatever it is, `step` raises it in the lane, which ends
                self._failure = error
                return
            finally:
                self._work.task_done()

    def _write_segment(self, entry: dict[str, Any], data: Int64 | dict[str, Any]) -> None:
        assert self._draft is not None
        name = f"{entry['table']}-{entry['first']}.bin"
        path = self._draft.folder / name
        if isinstance(data, dict):  # unchanged: the file of the last checkpoint
            assert self._last is not None
            os.link(self._last.folder / data["file"], path)
            entry |= {"file": name, "bytes": data["bytes"], "crc32": data["crc32"]}
        else:
            body, begun_s = data.reshape(-1).view(np.uint8).data, time.monotonic()
            write_durably(path, body)
            time.sleep(max(body.nbytes / self._bytes_per_second - (time.monotonic() - begun_s), 0.0))
            entry |= {"file": name, "bytes": body.nbytes, "crc32": zlib.crc32(body)}
            self._spare.give(data)
        self._draft.segments.append(entry)

    def _publish(self, manifest: dict[str, Any]) -> None:
        draft = self._draft
        assert draft is not None
        manifest["segments"] = draft.segments
        manifest["crc32"] = zlib.crc32(canonical(manifest))
        write_durably(draft.folder / "manifest.json", json.dumps(manifest, indent=1).encode())
        sync_folder(draft.folder)
        final = self._folder / f"{manifest['seq']:016d}"
        if final.exists():  # nothing has happened since, or what is there was rejected: the new one counts
            shutil.rmtree(final)
        draft.folder.rename(final)
        draft.folder = final
        sync_folder(self._folder)
        for old in sorted(self._folder.glob("[0-9]*"))[: -self._keep]:
            shutil.rmtree(old)
        self.published = (manifest["seq"], manifest["time_us"])
        written = sum(s["bytes"] for s in draft.segments)
        self._log.info("checkpoint published", seq=manifest["seq"], segments=len(draft.segments), bytes=written)
        self._last, self._draft = draft, None


def _newest_change(state: State, segment: Segment) -> int:
    """The sequence (or the time, see ``_TIMED``) of the last row that touched a piece, or a bound above it."""
    if segment.table in ("ids", "refs"):
        generation = segment.first // getattr(state, segment.table).shape[1]
        return int(state.generations[generation, at.GENERATION_LAST_SEQ])
    records = flat(state, segment.table)[segment.first : segment.first + segment.count]
    return int(records[:, _STAMPED.get(segment.table, at.SET_STAMP_US)].max(initial=0))


@kernel
def pack(records: Any, stamp: int, first: int, out: Any) -> int:
    """Copy the records (n, w) whose column ``stamp`` is not 0 to ``out`` (n, w + 1), each after its place; their number."""
    count = 0
    for i in range(records.shape[0]):
        if records[i, stamp] != 0:
            out[count, 0] = first + i
            for column in range(records.shape[1]):
                out[count, 1 + column] = records[i, column]
            count += 1
    return count


def write_durably(path: Path, body: bytes | memoryview) -> None:
    """Write a file and fsync it."""
    with path.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
