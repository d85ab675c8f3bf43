"""The outcome of a verification, for machines and for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from penstock.contracts.money import BY_CODE, format_minor
from penstock.review.verify.audit import CHECKS, LaneResult
from penstock.review.verify.findings import MOST, Finding, Findings


@dataclass(frozen=True)
class Report:
    """What was verified and found. ``findings`` are the first hundred, ``more`` counts the others."""

    lanes: tuple[LaneResult, ...]
    findings: tuple[Finding, ...]
    more: int
    heads: int
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    @property
    def rows(self) -> int:
        """How many rows were read."""
        return sum(lane.rows for lane in self.lanes)


def make_report(lanes: Sequence[LaneResult], others: Findings, heads: int, notes: Sequence[str]) -> Report:
    """Put the lanes' findings, and those of no lane, in order of their place."""
    collected = [*(lane.findings for lane in lanes), others]
    findings = sorted((f for one in collected for f in one.kept()), key=Finding.place)[:MOST]
    total = sum(one.counts.total() for one in collected)
    return Report(tuple(lanes), tuple(findings), total - len(findings), heads, tuple(notes))


def as_json(report: Report, seconds: float) -> dict[str, Any]:
    """The report as plain values; ``seconds`` is how long it took."""
    first = _finding(report.findings[0]) if report.findings else None
    return {
        "ok": report.ok,
        "first": first,
        "lanes": [_lane(lane) for lane in report.lanes],
        "findings": [_finding(finding) for finding in report.findings],
        "more_findings": report.more,
        "heads": report.heads,
        "notes": list(report.notes),
        "rows": report.rows,
        "seconds": round(seconds, 3),
        "rows_per_second": round(report.rows / seconds) if seconds > 0 else 0,
    }


def as_words(report: Report, seconds: float) -> list[str]:
    """The report in sentences, one a line."""
    lines = []
    for lane in report.lanes:
        sums = ", ".join(format_minor(total, BY_CODE[code]) for code, total in lane.sums.items())
        lines.append(
            f"Lane {lane.lane}: {lane.rows:,} rows in {lane.batches:,} batches up to row {lane.last_seq:,}, digest "
            f"{lane.digest[:16]}…; balances sum to {sums}; {lane.compared_segments} checkpoint segments compared."
        )
    lines += [f"Note: {note}" for note in report.notes]
    rate = f"{report.rows / seconds:,.0f} rows/s" if seconds > 0 else "at once"
    lines.append(f"{report.rows:,} rows and {report.heads:,} signed heads verified in {seconds:.1f} s ({rate}).")
    lines += _verdict(report)
    return lines


def _verdict(report: Report) -> list[str]:
    if report.ok:
        return ["Everything is right."]
    first = report.findings[0]
    place = f", in lane {first.lane}" if first.lane >= 0 else ""
    lines = [f"WRONG. The first thing{place}: {first.sentence}"]
    lines += [f"  [{f.check}] {f.sentence}" for f in report.findings[1:]]
    if report.more:
        lines.append(f"  … and {report.more:,} more findings.")
    return lines


def _lane(lane: LaneResult) -> dict[str, Any]:
    counts = lane.findings.counts
    return {
        "lane": lane.lane,
        "rows": lane.rows,
        "batches": lane.batches,
        "last_seq": lane.last_seq,
        "digest": lane.digest,
        "checks": {check: counts[check] for check in CHECKS},
        "sums": lane.sums,
        "checkpoint_segments": lane.compared_segments,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return asdict(finding)
