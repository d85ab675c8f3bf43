"""Stored records: each has one of the two lengths, and lies where it says that it belongs."""

from __future__ import annotations

import numpy as np

from penstock.review.verify.columns import BARE_BYTES, RECORD_BYTES, Rows
from penstock.review.verify.findings import Findings


def check_records(rows: Rows, lane: int, findings: Findings) -> None:
    """Compare each record with the table's columns beside it, lane and sequence."""
    whole = np.isin(rows.record_bytes, (BARE_BYTES, RECORD_BYTES))
    findings.mark(
        "record", ~whole, rows["seq"],
        f"Row {{seq}} has a record of {{found}} bytes; it should be {RECORD_BYTES}, or {BARE_BYTES} without a vector.",
        found=rows.record_bytes,
    )  # fmt: skip
    inside = rows.canonical["seq"].astype(np.int64)
    findings.mark(
        "record", inside != rows["seq"], rows["seq"], "The record at row {seq} says that it is row {found}.",
        expected=rows["seq"], found=inside,
    )  # fmt: skip
    lanes = rows.canonical["lane"].astype(np.int64)
    findings.mark(
        "record", lanes != lane, rows["seq"], "The record at row {seq} says that it is of lane {found}.", expected=lane,
        found=lanes,
    )  # fmt: skip
