"""Sheets as they are stored: each is of the documented form, none reaches into another, and rows lie where they say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.review.verify.columns import BARE_BYTES, BARE_ROWS, RECORD_BYTES, RECORD_ROWS, BoolArray, Rows, Sheets
from penstock.review.verify.findings import Findings


def check_sheets(sheets: Sheets, since: int, ends: Sequence[int], findings: Findings) -> None:
    """Compare sheets with what a sheet may be.

    :param since: sheets that begin before this row are there for those that they reach into.
    :param ends: in order, the first row behind each partition.
    """
    new = sheets.first_seq >= since
    _check_form(sheets, new, findings)
    seqs, last = sheets.first_seq, sheets.last_seq
    before = np.concatenate(([-(2**63)], np.maximum.accumulate(last)))[:-1]
    findings.mark(
        "sequence", new & (np.minimum(before, last) >= seqs), seqs,
        "Row {seq} is there twice: a sheet begins with it, and one in front of that goes up to row {found}.",
        expected=seqs - 1, found=before,
    )  # fmt: skip
    end = np.array([*ends, 2**63 - 1])[np.searchsorted(ends, seqs, side="right")]
    findings.mark(
        "sheets", new & (last >= end), seqs, "The sheet of row {seq} goes up to row {found}, into the partition behind its own.",
        expected=end - 1, found=last,
    )  # fmt: skip


def _check_form(sheets: Sheets, new: BoolArray, findings: Findings) -> None:
    seqs, rows, long = sheets.first_seq, sheets.rows, sheets.row_bytes == RECORD_BYTES
    most = np.where(long, RECORD_ROWS, BARE_ROWS)
    findings.mark(
        "sheets", new & ((rows < 1) | (rows > most)), seqs,
        "The sheet of row {seq} says that it has {found} rows; it should be 1 to {expected}.", expected=most, found=rows,
    )  # fmt: skip
    findings.mark(
        "sheets", new & (sheets.octets != rows * sheets.row_bytes), seqs,
        f"The sheet of row {{seq}} has {{found}} bytes; for its rows it should be {{expected}}, that is {RECORD_BYTES} for each "
        f"row, or {BARE_BYTES} where none has a vector.", expected=rows * sheets.row_bytes, found=sheets.octets,
    )  # fmt: skip
    findings.mark(
        "sheets", new & long & (sheets.vectors == 0), seqs,
        f"The sheet of row {{seq}} has {RECORD_BYTES} bytes for each row, though none of its rows has a vector.",
    )  # fmt: skip


def check_records(rows: Rows, lane: int, findings: Findings) -> None:
    """Compare what each row says of its lane and sequence with where the table has it."""
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
