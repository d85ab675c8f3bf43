"""Rows that no lane wrote, and faults: into the journal as the table stores it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from penstock.contracts.row import ROW
from penstock.journal.keys import keys_of
from penstock.journal.layout import BARE_BYTES, RECORD_BYTES, SHEET_ROWS, STORED, TABLE
from penstock.journal.sheets import Sheet, copy_stream, rows_of, sheets_of

COPY = f"COPY {TABLE} ({', '.join(STORED)}) FROM STDIN (FORMAT BINARY)"
_TAKE = f"""
    DELETE FROM {TABLE} WHERE lane = %s AND first_seq <= %s AND first_seq + rows > %s RETURNING first_seq, rows, records
"""
_ENDS = "SELECT end_seq FROM journal_partition WHERE lane = %s ORDER BY end_seq"
_HALF = 2**64


def empty_rows(first: int, count: int, **fields: Any) -> NDArray[Any]:
    """Rows (count,) of zeros from a sequence on, with ids of their own; ``fields`` as for ``set_fields``."""
    rows = np.zeros(count, ROW)
    rows["seq"] = rows["id_lo"] = np.arange(first, first + count)
    set_fields(rows, **fields)
    return rows


def set_fields(rows: NDArray[Any], **fields: Any) -> None:
    """Set fields of rows (n,) by the names of the table's columns: ``command_id`` is a UUID, ``features`` may be None."""
    for name, value in fields.items():
        if name == "command_id":
            rows["id_hi"], rows["id_lo"] = (_signed(half) for half in divmod(value.int, _HALF))
        elif isinstance(value, bytes) or value is None:
            field = ROW[name]
            rows[name] = np.frombuffer(value or bytes(field.itemsize), field.base)
        else:
            rows[name] = value


def insert_rows(connection: Connection[Any], rows: NDArray[Any]) -> None:
    """Put rows into the journal as the lane does."""
    for run in _runs(rows):
        lane = run["lane"][0].item()
        ends = [end for (end,) in connection.execute(_ENDS, [lane])]
        _put(connection, lane, sheets_of(run, ends))
        connection.cursor().executemany("INSERT INTO journal_key VALUES (%s, %s, %s)", [(lane, *keys) for keys in keys_of(run, ends)])


def change_row(connection: Connection[Any], seq: int, lane: int = 0, /, **fields: Any) -> None:
    """Change fields of a row that lies there; a value may be a function of the old one.

    A row that says another ``lane`` or ``seq`` afterwards lies there. Its sheet has room for vectors when a row of it says that
    it has one, or has one: ``features`` of None are zeros.
    """

    def change(rows: NDArray[Any]) -> NDArray[Any]:
        row = rows[rows["seq"] == seq]
        set_fields(row, **{name: value(row[name][0].item()) if callable(value) else value for name, value in fields.items()})
        rows[rows["seq"] == seq] = row
        return rows

    _rewrite_sheet(connection, seq, lane, change)


def delete_row(connection: Connection[Any], seq: int, lane: int = 0) -> None:
    """Take a row out of its sheet."""
    _rewrite_sheet(connection, seq, lane, lambda rows: rows[rows["seq"] != seq])


def _rewrite_sheet(connection: Connection[Any], seq: int, lane: int, change: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
    """Take the sheet of a row out, and store what became of its rows, in sheets without a gap."""
    found = connection.execute(_TAKE, [lane, seq, seq]).fetchall()
    assert len(found) == 1, f"there are {len(found)} rows {seq}"
    _, rows, records = found[0]
    for run in _runs(change(rows_of([(struct.pack(">hi", rows, len(records)), records)]).copy())):
        parts = np.split(run, range(SHEET_ROWS, len(run), SHEET_ROWS))
        _put(connection, run["lane"][0].item(), [_sheet(part) for part in parts])


def _sheet(rows: NDArray[Any]) -> Sheet:
    """Rows as they are, with vectors where no row should have one."""
    octets = rows.view(np.uint8).reshape(len(rows), RECORD_BYTES)
    is_long = (rows["feature_registry"] > 0).any() or octets[:, BARE_BYTES:].any()
    return Sheet(rows["seq"][0].item(), len(rows), octets[:, : RECORD_BYTES if is_long else BARE_BYTES].tobytes())


def _put(connection: Connection[Any], lane: int, sheets: list[Sheet]) -> None:
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        copy.write(copy_stream(lane, sheets))


def _runs(rows: NDArray[Any]) -> list[NDArray[Any]]:
    """The rows of one lane without gaps between them, each."""
    breaks = np.flatnonzero((np.diff(rows["seq"]) != 1) | (np.diff(rows["lane"]) != 0)) + 1
    edges = [0, *breaks.tolist(), len(rows)]
    return [rows[start:end] for start, end in pairwise(edges) if start < end]


def _signed(half: int) -> int:
    return half - _HALF if half >= _HALF // 2 else half
