"""Rows as the sheets that the table stores, both ways: consecutive rows, as many as fill a page of the database.

A row lies in a sheet as the bytes that the digest covers: its canonical encoding, without the vector in a sheet none of
whose rows has one. A sheet never crosses the end of a partition.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.row import ROW
from penstock.journal.layout import BARE_BYTES, BARE_ROWS, RECORD_BYTES, SHEET_ROWS, STORED, TABLE, within_partitions

#: How a binary COPY begins and ends: PostgreSQL documentation, COPY, *Binary Format*.
COPY_BEGIN: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
COPY_END: Final = b"\xff\xff"
#: What precedes a sheet's records: the number of columns, and each column's size before its value.
_HEAD: Final = struct.Struct(">hihiqihi")
#: Sheets in one value, by how many rows they may have. Fewer cost more for each value; many more are copied again and again while it grows.
_PIECE_ROWS: Final = 512
#: What ``rows_of`` reads: the sheets with rows of which ``after < seq <= until``; the first and last may have others too.
READ_SHEETS: Final = f"""
    SELECT heads, records FROM generate_series(%(after)s::bigint - {BARE_ROWS - 1}, %(until)s::bigint, {_PIECE_ROWS}) AS start
    CROSS JOIN LATERAL (
        SELECT string_agg(int2send(rows) || int4send(octet_length(records)), '') AS heads, string_agg(records, '') AS records
        FROM (
            SELECT rows, records FROM {TABLE}
            WHERE lane = %(lane)s AND first_seq >= start AND first_seq < least(start + {_PIECE_ROWS}, %(until)s + 1) ORDER BY first_seq
        ) AS ordered
    ) AS piece WHERE heads IS NOT NULL
"""  # noqa: S608 - constants
#: What is said of each sheet before the records of all.
_SAID: Final = np.dtype([("rows", ">i2"), ("bytes", ">i4")])


class Sheet(NamedTuple):
    """Rows ``first_seq`` … ``first_seq + rows - 1`` of a lane; ``records`` has their bytes."""

    first_seq: int
    rows: int
    records: bytes | memoryview


def sheets_of(rows: NDArray[Any], ends: Sequence[int] = ()) -> list[Sheet]:
    """Consecutive rows (n > 0,) of ``ROW`` as sheets; ``rows`` must stay as it is while they are used.

    :param ends: in order, the first sequence behind each partition that the rows may reach.
    """
    first_seq, octets = int(rows["seq"][0]), np.ascontiguousarray(rows).view(np.uint8).data
    vectors = [0, *np.cumsum(rows["feature_registry"] > 0).tolist()]  # how many rows before each have one
    sheets = []
    for edge, next_edge in within_partitions(first_seq, len(rows), ends):
        for start, end in _cut(vectors, edge, next_edge):
            records = octets[start * RECORD_BYTES : end * RECORD_BYTES]
            sheets.append(Sheet(first_seq + start, end - start, records if vectors[start] < vectors[end] else _bare(records)))
    return sheets


def _cut(vectors: Sequence[int], start: int, end: int) -> Iterator[tuple[int, int]]:
    """From where to where each sheet goes: without vectors it has room for more rows."""
    while start < end:
        most = min(start + BARE_ROWS, end)
        stop = most if vectors[start] == vectors[most] else min(start + SHEET_ROWS, end)
        yield start, stop
        start = stop


def _bare(records: memoryview) -> bytes:
    return _windows(records, BARE_BYTES, RECORD_BYTES).tobytes()


def copy_stream(lane: int, sheets: Iterable[Sheet]) -> bytes:
    """Sheets of a lane as PostgreSQL's binary COPY format, for the columns ``STORED``."""
    parts: list[bytes | memoryview] = [COPY_BEGIN]
    for first_seq, rows, records in sheets:
        parts += (_HEAD.pack(len(STORED), 2, lane, 8, first_seq, 2, rows, len(records)), records)
    parts.append(COPY_END)
    return b"".join(parts)


def rows_of(pieces: Sequence[tuple[bytes, bytes]]) -> NDArray[Any]:
    """The rows (n,) of ``ROW`` in what ``READ_SHEETS`` gives, vectors as zeros where there is none.

    :raises ValueError: when a sheet has not the bytes that its rows need.
    """
    said = np.frombuffer(b"".join([heads for heads, _ in pieces]), _SAID)
    records = b"".join([octets for _, octets in pieces])
    counts, is_long = said["rows"].astype(np.int64), said["bytes"] == said["rows"] * RECORD_BYTES
    if not (is_long | (said["bytes"] == said["rows"] * BARE_BYTES)).all() or said["bytes"].sum() != len(records):
        raise ValueError("a sheet of the journal is longer or shorter than its rows; run `penstock verify`")
    if is_long.all():
        return np.frombuffer(records, ROW)
    sizes = np.repeat(np.where(is_long, RECORD_BYTES, BARE_BYTES), counts)
    starts = np.cumsum(sizes) - sizes
    rows = np.zeros(len(sizes), ROW)
    for size in (RECORD_BYTES, BARE_BYTES):
        wanted = sizes == size
        _windows(rows.view(np.uint8).data, size, RECORD_BYTES)[wanted] = _windows(records, size, 1)[starts[wanted]]
    return rows


def within(rows: NDArray[Any], after: int, until: int) -> NDArray[Any]:
    """Of the rows (n,) of whole sheets those with ``after < seq <= until``; others are in the first and the last sheet at most."""
    first = np.count_nonzero(rows["seq"][:BARE_ROWS] <= after)
    beyond = np.count_nonzero(rows["seq"][-BARE_ROWS:] > until)
    return rows[first : len(rows) - beyond]


def _windows(octets: bytes | memoryview, size: int, step: int) -> NDArray[Any]:
    """The windows of ``size`` bytes, one each ``step`` bytes, as far as they lie within."""
    return np.ndarray(max((len(octets) - size) // step + 1, 0), f"V{size}", octets, 0, (step,))
