"""``penstock verify``: recompute every lane, and compare with checkpoint and signed heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from penstock.review.verify.audit import LaneAudit, LaneResult, OnRows
from penstock.review.verify.findings import Findings
from penstock.review.verify.heads import FoundHead, check_heads, head_files, load_public_key, read_heads
from penstock.review.verify.manifest import Checkpoint, load_checkpoint
from penstock.review.verify.read import AnyConnection, CannotVerify, LaneEnd, Reader, open_reader
from penstock.review.verify.report import Report, make_report

_NO_LANE: Final = -1


@dataclass(frozen=True)
class Request:
    """What to verify besides the journal.

    ``head``: None = every head in the folder, ``latest`` = the newest of each lane, else a file of heads.
    """

    heads_folder: Path
    checkpoints_folder: Path
    public_key: Path
    head: str | None = None
    checkpoint: bool = True


@dataclass(frozen=True)
class _Outside:
    """What lies outside the database; read before the snapshot, so that it cannot be ahead of it."""

    heads: dict[int, list[FoundHead]]
    key: Ed25519PublicKey | None
    notes: list[str]


def verify(
    connect: Callable[[], AnyConnection], request: Request, on_total: OnRows = lambda _: None,
    on_rows: OnRows = lambda _: None,
) -> Report:  # fmt: skip
    """Recompute the journal's lanes.

    :param connect: makes a connection with the journal's schema in its search path; three are opened.
    :param on_total: told how many rows there are, once; ``on_rows`` is then told of each chunk done.
    :raises CannotVerify: when something needed cannot be read.
    :raises psycopg.Error: when the database fails.
    """
    outside = _look_outside(request)
    checkpoints: dict[int, tuple[Checkpoint | None, Findings]] = {}
    for lane in _lanes_with_checkpoints(request):
        findings = Findings(lane)
        checkpoints[lane] = load_checkpoint(request.checkpoints_folder / f"lane-{lane}", lane, findings), findings
    with open_reader(connect) as reader:
        lanes = sorted({*reader.lanes(), *checkpoints, *(lane for lane in outside.heads if lane != _NO_LANE)})
        ends = {lane: _last_seq(reader, lane) for lane in lanes}
        on_total(sum(ends.values()))
        results = []
        for lane in lanes:
            checkpoint, findings = checkpoints.get(lane, (None, Findings(lane)))
            results.append(_verify_lane(reader, lane, ends[lane], checkpoint, findings, outside, on_rows))
    notes = outside.notes + [f"lane {r.lane} has no checkpoint to compare with" for r in results if _lacks(r, request)]
    return make_report(results, _check_unreadable(outside), sum(map(len, outside.heads.values())), notes)


def _verify_lane(
    reader: Reader, lane: int, last_seq: int, checkpoint: Checkpoint | None, findings: Findings, outside: _Outside,
    on_rows: OnRows,
) -> LaneResult:  # fmt: skip
    heads = outside.heads.get(lane, [])
    wanted = {found.head.seq for found in heads if found.head is not None}
    result = LaneAudit(lane, reader, findings, wanted).run(checkpoint, last_seq, on_rows)
    if outside.key is not None:
        check_heads(heads, outside.key, last_seq, result.digests, findings)
    return result


def _last_seq(reader: Reader, lane: int) -> int:
    """Where the lane's rows end; what lies beyond the lane's own record is reported as such."""
    end: LaneEnd | None = reader.lane_end(lane)
    return reader.last_row(lane, end.last_seq if end else 2**62)


def _look_outside(request: Request) -> _Outside:
    notes: list[str] = []
    named = request.head not in {None, "latest"}
    files = [Path(request.head or "")] if named else head_files(request.heads_folder)
    found = _newest(files) if request.head == "latest" else read_heads(files)
    if not found:
        if request.head is not None:
            raise CannotVerify(f"there is no signed head in {request.head if named else request.heads_folder}")
        notes.append("there are no signed heads, so a cut tail or a wholly rewritten chain cannot be noticed")
        return _Outside({}, None, notes)
    heads: dict[int, list[FoundHead]] = {}
    for head in found:
        heads.setdefault(head.head.lane if head.head else _NO_LANE, []).append(head)
    return _Outside(heads, load_public_key(request.public_key), notes)


def _newest(files: Sequence[Path]) -> list[FoundHead]:
    """The last head of each lane in the newest file that has any."""
    for file in reversed(files):
        found = {head.head.lane if head.head else _NO_LANE: head for head in read_heads([file])}
        if found:
            return list(found.values())
    return []


def _check_unreadable(outside: _Outside) -> Findings:
    """A line that is no head belongs to no lane."""
    findings = Findings(_NO_LANE)
    if outside.key is not None:
        check_heads(outside.heads.get(_NO_LANE, []), outside.key, 0, {}, findings)
    return findings


def _lanes_with_checkpoints(request: Request) -> list[int]:
    if not request.checkpoint:
        return []
    names = (folder.name.removeprefix("lane-") for folder in request.checkpoints_folder.glob("lane-*"))
    return sorted(int(name) for name in names if name.isdecimal())


def _lacks(result: LaneResult, request: Request) -> bool:
    return request.checkpoint and result.compared_segments == 0
