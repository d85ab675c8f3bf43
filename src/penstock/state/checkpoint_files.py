"""The files of a checkpoint, written by a thread of low priority at a bounded rate. docs/checkpoint-format.md.

Each segment is a file of its own, packed and fsynced; one that has not changed is a hard link to the file of the
checkpoint before. The manifest comes last, and then the folder gets its name: until then there is no checkpoint.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import structlog

from penstock.kit import zstd
from penstock.kit.durable import sync_folder, write_durably
from penstock.state.segments import Segment
from penstock.state.spare import Spare
from penstock.state.tables import Int64

#: What a file counts for at least in the rate: to be durable, each makes the disk do what commits wait for too.
_LEAST_BYTES: Final = 4 << 20
#: A segment as the manifest lists it.
Entry = dict[str, Any]


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


@dataclass
class Draft:
    """A checkpoint that is being made, or the one published last: its folder and the segments in it."""

    folder: Path
    segments: list[Entry] = field(default_factory=list)
    _pieces: dict[tuple[str, int, int], list[Entry]] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Add a segment that is in the folder."""
        self.segments.append(entry)
        self._pieces.setdefault((entry["table"], entry["first"], entry["count"]), []).append(entry)

    def find(self, segment: Segment) -> list[Entry]:
        """The entries of the same piece, in order: the whole of it, then what it gained; none = it was empty."""
        return self._pieces.get((segment.table, segment.first, segment.count), [])


class CheckpointFiles:
    """Writes what the lane hands over, in a thread of its own. All that it writes belongs to ``folder``."""

    def __init__(self, folder: Path, keep: int, bytes_per_second: float, spare: Spare) -> None:
        """``bytes_per_second``: no faster are copies taken, as they are in memory; ``spare`` gets them back."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._keep = keep
        self._bytes_per_second = bytes_per_second
        self._spare = spare
        self._log = structlog.get_logger("checkpoint")
        self._work: queue.Queue[Callable[[], None]] = queue.Queue(maxsize=2)
        self._failure: Exception | None = None
        self._draft: Draft | None = None
        #: The checkpoint that was published last in this process.
        self.last: Draft | None = None
        self.published: tuple[int, int] = (0, 0)  # sequence and lane time of the newest
        #: Called in the writing thread whenever there is room for more.
        self.on_room: Callable[[], None] = _nothing
        for unfinished in folder.glob("unfinished-*"):
            shutil.rmtree(unfinished)
        threading.Thread(target=self._write_forever, name="checkpoint", daemon=True).start()

    # --- for the lane

    @property
    def busy(self) -> bool:
        """Whether a checkpoint has been begun and not yet published."""
        return self._draft is not None

    @property
    def full(self) -> bool:
        """Whether nothing more may be handed over for now.

        :raises Exception: what went wrong with an earlier piece (disk full, for example).
        """
        if self._failure is not None:
            raise self._failure
        return self._work.full()

    def begin(self) -> None:
        """Begin a checkpoint; none may be under way."""
        assert self._draft is None
        self._draft = Draft(self._folder / f"unfinished-{os.getpid()}")
        self._draft.folder.mkdir()

    def link(self, entries: list[Entry]) -> None:
        """Take over segments of the last checkpoint as they are."""
        self._work.put(lambda: self._link_segments(entries))

    def write(self, entries: list[Entry], entry: Entry, records: Int64) -> None:
        """Take over segments, and write a copy after them, which is given back to the spare memory then."""
        self._work.put(lambda: self._link_and_write(entries, entry, records))

    def publish(self, small: list[tuple[Entry, Int64]], manifest: dict[str, Any]) -> None:
        """Write the last segments and the manifest, and make it the newest checkpoint."""
        self._work.put(lambda: self._publish(small, manifest))

    def wait(self) -> None:
        """Return when everything handed over has been written.

        :raises Exception: when it could not be.
        """
        self._work.join()
        if self._failure is not None:
            raise self._failure

    # --- the writing thread

    def _write_forever(self) -> None:
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
        while True:
            work = self._work.get()
            try:
                if self._failure is None:
                    work()
            except Exception as error:  # noqa: BLE001 - whatever it is, `full` raises it in the lane, which ends
                self._failure = error
            finally:
                self._work.task_done()
                self.on_room()

    def _link_and_write(self, entries: list[Entry], entry: Entry, records: Int64) -> None:
        self._link_segments(entries)
        self._write_segment(entry, records)

    def _write_segment(self, entry: Entry, records: Int64) -> None:
        assert self._draft is not None
        begun_s, raw_bytes = time.monotonic(), records.nbytes
        block = zstd.pack(records.reshape(-1))
        self._spare.give(records)
        name = f"{entry['table']}-{entry['first']}-{entry['seq']}.zst"
        write_durably(self._draft.folder / name, block)
        sizes = {"bytes": len(block), "raw_bytes": raw_bytes, "crc32": zlib.crc32(block)}
        self._draft.add(entry | {"file": name} | sizes)
        time.sleep(max(max(raw_bytes, _LEAST_BYTES) / self._bytes_per_second - (time.monotonic() - begun_s), 0.0))

    def _link_segments(self, entries: list[Entry]) -> None:
        assert self._draft is not None
        for entry in entries:
            assert self.last is not None
            os.link(self.last.folder / entry["file"], self._draft.folder / entry["file"])
            self._draft.add(entry)

    def _publish(self, small: list[tuple[Entry, Int64]], manifest: dict[str, Any]) -> None:
        draft = self._draft
        assert draft is not None
        for entry, records in small:
            self._write_segment(entry, records)
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
        written = sum(entry["bytes"] for entry in draft.segments)
        self._log.info(
            "checkpoint published", lane=manifest["lane"], seq=manifest["seq"], segments=len(draft.segments), bytes=written
        )
        self.last, self._draft = draft, None


def _nothing() -> None:
    return
