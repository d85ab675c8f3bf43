"""Rows to COPY and back: whatever rows have vectors, and however much a row's inside looks like a row's head."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from support import planting
from support.database import Database

from penstock.contracts.row import FEATURE_BYTES, ROW
from penstock.journal import reader
from penstock.journal.encoding import decode_rows, encode_rows

_HEADER, _END = b"PGCOPY\n\xff\r\n\x00" + bytes(8), b"\xff\xff"
_HEAD = struct.Struct(">hi")
#: What a row of either length begins with in a stream of records.
_HEADS = [_HEAD.pack(1, ROW.itemsize), _HEAD.pack(1, ROW.itemsize - FEATURE_BYTES)]


def rows_of(vectors: list[bool], fill: bytes = b"") -> NDArray[Any]:
    """Rows of random bits, or of one piece over and over, with a vector where it is said."""
    size = len(vectors) * ROW.itemsize
    octets = (fill * (size // len(fill) + 1))[:size] if fill else np.random.default_rng(len(vectors)).bytes(size)
    rows = np.frombuffer(octets, ROW).copy()
    rows["seq"], rows["lane"] = np.arange(1, len(rows) + 1), 0
    rows["feature_registry"] = vectors
    rows["features"][~np.array(vectors, bool)] = 0
    return rows


def records_of(rows: NDArray[Any]) -> list[bytes]:
    """What the table stores of each row, one by one."""
    return [row.tobytes()[: None if row["feature_registry"] else -FEATURE_BYTES] for row in rows]


def stream_of(records: list[bytes]) -> bytes:
    """The COPY of one column, written down slowly."""
    return _HEADER + b"".join(_HEAD.pack(1, len(record)) + record for record in records) + _END


@given(st.lists(st.booleans(), max_size=60))
def test_rows_become_what_copy_takes(vectors: list[bool]) -> None:
    rows = rows_of(vectors)
    heads = [struct.pack(">hihiqi", 3, 2, 0, 8, row["seq"], len(record)) for row, record in zip(rows, records_of(rows), strict=True)]
    slowly = b"".join(head + record for head, record in zip(heads, records_of(rows), strict=True))
    assert encode_rows(rows) == _HEADER + slowly + _END


@given(st.lists(st.booleans(), max_size=60))
def test_what_copy_gives_becomes_rows(vectors: list[bool]) -> None:
    rows = rows_of(vectors)
    assert decode_rows(stream_of(records_of(rows))).tobytes() == rows.tobytes()


@given(st.lists(st.booleans(), max_size=40), st.sampled_from(_HEADS), st.integers(0, 15))
def test_a_record_full_of_heads_is_still_one_row(vectors: list[bool], head: bytes, shift: int) -> None:
    piece = bytes(16 - len(head)) + head
    rows = rows_of(vectors, piece[shift:] + piece[:shift])
    assert decode_rows(stream_of(records_of(rows))).tobytes() == rows.tobytes()


@pytest.mark.parametrize("fill", [b"", _HEADS[0] + bytes(10), _HEADS[1] + bytes(10)], ids=["random", "long", "short"])
@pytest.mark.parametrize("place", [0, 1, 4])
@pytest.mark.parametrize("cut", [1, 2, 16, 128, 329])
def test_a_row_of_another_length_is_refused(fill: bytes, place: int, cut: int) -> None:
    records = records_of(rows_of([True, False, True, True, False], fill))
    records[place] = records[place][:-cut]
    if len(records[place]) != ROW.itemsize - FEATURE_BYTES:  # a vector cut off leaves a row of the other length
        with pytest.raises(ValueError, match="journal row"):
            decode_rows(stream_of(records))


def test_a_stream_that_is_cut_or_of_something_else_is_refused() -> None:
    whole = stream_of(records_of(rows_of([True, False, True, False])))
    for size in range(len(whole)):
        with pytest.raises(ValueError, match="journal row"):
            decode_rows(whole[:size])
    two_columns = _HEADER + struct.pack(">hiqi", 2, 8, 1, ROW.itemsize) + bytes(ROW.itemsize) + _END
    null = _HEADER + _HEAD.pack(1, -1) + _END
    for other in (two_columns, null, whole + b"\xff", b"X" + whole[1:], whole[:-2] + _HEADS[0] + _END):
        with pytest.raises(ValueError, match="journal row"):
            decode_rows(other)


def test_rows_go_to_the_database_and_come_back(database: Database) -> None:
    rows = rows_of([seq % 3 > 0 for seq in range(700)])
    with database.connect() as connection:
        planting.insert_rows(connection, rows)
        assert np.concatenate(list(reader.read_rows(connection, 0, 0, 700, 97))).tobytes() == rows.tobytes()
        planting.insert_rows(connection, rows[:0])
        assert connection.execute("SELECT count(*) FROM journal").fetchone() == (700,)
