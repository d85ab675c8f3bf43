"""Rows as the sheets that the table stores, both ways: consecutive rows, as many as fill a page of the database.

A row lies in a sheet as the bytes that the digest covers: its canonical encoding, without the vector in a sheet none of
whose rows has one. A sheet never crosses the end of a partition.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
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
#: What ``rows_of`` reads, in order: the sheets with rows of which ``after < seq <= until``; the first and last may have others too.
READ_SHEETS: Final = f"""
    SELECT rows, records FROM {TABLE}
    WHERE lane = %(lane)s AND first_seq > %(after)s - {BARE_ROWS} AND first_seq <= %(until)s ORDER BY first_seq
"""  # noqa: S608 - constants


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
    vectors = [0, *accumulate((rows["feature_registry"] > 0).tolist())]  # how many rows before each have one
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


def rows_of(sheets: Sequence[tuple[int, bytes]]) -> NDArray[Any]:
    """The rows (n,) of ``ROW`` in sheets, each given by how many it has and their bytes; vectors as zeros where there is none.

    :raises ValueError: when a sheet has not the bytes that its rows need.
    """
    counts = np.array([count for count, _ in sheets], np.int64)
    sizes = np.array([len(records) for _, records in sheets], np.int64)
    is_long = sizes == counts * RECORD_BYTES
    if not (is_long | (sizes == counts * BARE_BYTES)).all():
        raise ValueError("a sheet of the journal is longer or shorter than its rows; run `penstock verify`")
    if is_long.all():
        return np.frombuffer(b"".join([records for _, records in sheets]), ROW)
    rows = np.zeros(int(counts.sum()), ROW)
    for wanted, size in ((is_long, RECORD_BYTES), (~is_long, BARE_BYTES)):
        records = b"".join([records for (_, records), chosen in zip(sheets, wanted.tolist(), strict=True) if chosen])
        _windows(rows.view(np.uint8).data, size, RECORD_BYTES)[np.repeat(wanted, counts)] = np.frombuffer(records, f"V{size}")
    return rows


def _windows(octets: memoryview, size: int, step: int) -> NDArray[Any]:
    """The first ``size`` bytes of each ``step``."""
    return np.ndarray(len(octets) // step, f"V{size}", octets, 0, (step,))
