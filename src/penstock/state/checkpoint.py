"""Checkpoints: the lane's memory on disk, written in the background while the lane runs.

Between batches the lane copies a bounded piece (``step``); a thread writes it (``state/checkpoint_files.py``). The
pieces of the large tables are therefore true at different sequences, which the fold allows for (``state/fold.py``);
the small tables are caught together at the end, at the manifest's sequence. The last step waits for a moment in which
everything in memory has been committed, so a published manifest never lies above the journal's end; a piece caught
before may be ahead of it. Of a piece that has not changed the last checkpoint's files are taken over, and of one that
only gained entries they are taken over with those entries added (``state/segments.py``, ADR 0025).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from penstock.state import layout as at
from penstock.state.checkpoint_files import CheckpointFiles, Entry, canonical
from penstock.state.segments import GROWING, Segment, copy, copy_whole, first_seq_of, newest_change, plan, small_tables
from penstock.state.spare import Spare
from penstock.state.tables import State

FORMAT: Final = 2
#: Files of one piece, the whole of it and what it gained since; then it is written as a whole again.
_MOST_ADDITIONS: Final = 8


def layout_hash() -> str:
    """What a checkpoint must agree with to be read without conversion."""
    return hashlib.sha256(canonical(at.LAYOUT)).hexdigest()


def lane_folder(home: Path, lane: int) -> Path:
    """Where a lane's checkpoints lie."""
    return home / "checkpoints" / f"lane-{lane}"


def places_of(state: State) -> dict[str, int]:
    """The sizes on which the places in hashed tables depend."""
    tables = ("overrides", "entities", "pairs", "labels")
    return {name: getattr(state, name).shape[1] for name in ("ids", "refs")} | {
        name: len(getattr(state, name)) for name in tables
    }


def key_mark(state: State) -> str:
    """Marks the hash key, without which the places in the id tables mean nothing."""
    return hashlib.sha256(b"penstock-hash-key" + state.hash_key.tobytes()).hexdigest()[:16]


class Checkpointer:
    """Makes one checkpoint after another; owned by the lane process."""

    def __init__(self, home: Path, lane: int, step_bytes: int, keep: int, bytes_per_second: float = math.inf) -> None:
        """``bytes_per_second``: no faster is memory copied, so that payments and their journal have time."""
        self._lane = lane
        self._step_bytes = step_bytes
        self._spare = Spare()
        self._files = CheckpointFiles(lane_folder(home, lane), keep, bytes_per_second, self._spare)
        self._pending: Iterator[Segment] | None = None
        self._caught_all = False  # the last step is left

    @property
    def running(self) -> bool:
        """Whether a checkpoint is being copied."""
        return self._pending is not None

    @property
    def published(self) -> tuple[int, int]:
        """Sequence and lane time of the newest checkpoint of this process; zeros = there is none yet."""
        return self._files.published

    @property
    def can_step(self) -> bool:
        """Whether a step would do something now; ``when_it_can`` tells when that changes.

        :raises OSError: when an earlier piece could not be written (disk full, for example).
        """
        return not self._files.full and self.running

    def when_it_can(self, call: Callable[[], None]) -> None:
        """Have this called, in another thread, whenever there is room for another step."""
        self._files.on_room = call

    @property
    def waits_for_commits(self) -> bool:
        """Whether only the last step is left, for which everything in memory must have been committed."""
        return self._caught_all and self.can_step

    def begin(self, state: State) -> None:
        """Begin a checkpoint unless one runs or the last one is still being written."""
        if not self._files.busy:
            self._files.begin()
            self._pending = plan(state, self._step_bytes)

    def step(self, state: State, digest: bytes | None) -> None:
        """Copy one piece.

        :param digest: of the journal's end, when everything in memory has been committed; None = something is on its way.
        :raises OSError: when an earlier piece could not be written.
        """
        if not self.can_step:
            return
        assert self._pending is not None
        segment = None if self._caught_all else next(self._pending, None)
        if segment is not None:
            self._catch(state, segment)
            return
        self._caught_all = True
        if digest is not None:
            self._finish(state, digest)

    def wait(self) -> None:
        """Return when everything handed over has been written.

        :raises OSError: when it could not be.
        """
        self._files.wait()

    def _catch(self, state: State, segment: Segment) -> None:
        """Hand over what must be written of a piece, and what the last checkpoint has of it."""
        before = [] if self._files.last is None else self._files.last.find(segment)
        now: Entry = {"seq": int(state.scalars[0, at.LAST_SEQ]), "time_us": int(state.scalars[0, at.LAST_TIME_US])}
        kept = [entry | now for entry in before]
        if before and newest_change(state, segment) <= before[-1][segment.clock]:
            self._files.link(kept)
            return
        since = before[-1]["seq"] if _may_add(state, segment, before) else 0
        records = copy(state, segment, since, self._spare)
        if len(records):
            self._files.write(kept if since else [], asdict(segment) | now, records)
            return
        self._spare.give(records)
        if since:
            self._files.link(kept)

    def _finish(self, state: State, digest: bytes) -> None:
        """Catch the small tables together and hand the manifest over."""
        seq = int(state.scalars[0, at.LAST_SEQ])
        small = [
            ({"table": table, "first": 0, "count": len(records), "packed": False, "seq": seq}, copy_whole(records, self._spare))
            for table, records in small_tables(state).items()
        ]
        manifest = {
            "format": FORMAT, "lane": self._lane, "seq": seq, "digest": digest.hex(),
            "time_us": int(state.scalars[0, at.LAST_TIME_US]), "layout": at.LAYOUT, "layout_hash": layout_hash(),
            "places": places_of(state), "hash_key": key_mark(state),
        }  # fmt: skip
        self._files.publish(small, manifest)
        self._pending, self._caught_all = None, False


def _may_add(state: State, segment: Segment, before: list[Entry]) -> bool:
    """Whether what a piece gained since may be added to its files: if it only gains, and they are few and of its partition."""
    if segment.table not in GROWING or not 0 < len(before) <= _MOST_ADDITIONS:
        return False
    return bool(before[-1]["seq"] >= first_seq_of(state, segment))
