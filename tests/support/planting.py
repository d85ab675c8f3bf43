"""Rows that no lane wrote, and faults: into the journal as the table stores it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from penstock.contracts.row import ROW
from penstock.journal.encoding import COLUMNS, encode_rows
from penstock.journal.layout import TABLE

COPY = f"COPY {TABLE} ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"
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
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        copy.write(encode_rows(rows))


def change_row(connection: Connection[Any], seq: int, lane: int = 0, /, **fields: Any) -> None:
    """Change fields of a row that lies there; a value may be a function of the old one.

    The columns ``lane`` and ``seq`` follow the record. Whether the record has a vector stays as it is unless
    ``features`` is among the fields: bytes give it one, None takes it away.
    """
    old = connection.execute("SELECT record FROM journal WHERE lane = %s AND seq = %s", [lane, seq]).fetchone()
    assert old is not None, f"there is no row {seq}"
    row = np.frombuffer(old[0].ljust(ROW.itemsize, b"\0"), ROW).copy()
    set_fields(row, **{name: value(row[name][0].item()) if callable(value) else value for name, value in fields.items()})
    has_vector = fields["features"] is not None if "features" in fields else len(old[0]) == ROW.itemsize
    record = row.tobytes() if has_vector else row.tobytes()[: -ROW["features"].itemsize]
    changed = connection.execute(
        "UPDATE journal SET lane = %s, seq = %s, record = %s WHERE lane = %s AND seq = %s",
        [row["lane"][0].item(), row["seq"][0].item(), record, lane, seq],
    )
    assert changed.rowcount == 1


def _signed(half: int) -> int:
    return half - _HALF if half >= _HALF // 2 else half
