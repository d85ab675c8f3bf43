"""Rows to sheets and back: whatever rows have vectors, and wherever partitions end."""

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
from penstock.journal.layout import BARE_BYTES, BARE_ROWS, RECORD_BYTES, SHEET_ROWS
from penstock.journal.sheets import Sheet, copy_stream, rows_of, sheets_of

_FIRST = 1_000

#: Which rows have a vector: any, and long runs of those that have one and of those that have none.
vectors = st.one_of(
    st.lists(st.booleans(), min_size=1, max_size=80),
    st.lists(st.tuples(st.booleans(), st.integers(1, 60)), min_size=1, max_size=6).map(
        lambda runs: [has for has, count in runs for _ in range(count)]
    ),
)


def make_rows(has_vector: list[bool], first: int = _FIRST) -> NDArray[Any]:
    """Rows of random bits with a vector where it is said."""
    rows = np.frombuffer(np.random.default_rng(len(has_vector)).bytes(len(has_vector) * ROW.itemsize), ROW).copy()
    rows["seq"], rows["lane"] = np.arange(first, first + len(rows)), 0
    rows["feature_registry"] = has_vector
    rows["features"][~np.array(has_vector, bool)] = 0
    return rows


def read(sheets: list[Sheet]) -> list[tuple[bytes, bytes]]:
    """What is read of sheets, in two pieces."""
    heads = [struct.pack(">hi", sheet.rows, len(sheet.records)) for sheet in sheets]
    records = [bytes(sheet.records) for sheet in sheets]
    middle = len(sheets) // 2
    return [(b"".join(heads[part]), b"".join(records[part])) for part in (slice(middle), slice(middle, None))]


@given(vectors, st.lists(st.integers(_FIRST - 5, _FIRST + 90), max_size=6).map(sorted))
def test_sheets_follow_one_another_and_say_what_the_rows_say(has_vector: list[bool], ends: list[int]) -> None:
    rows = make_rows(has_vector)
    sheets = sheets_of(rows, ends)
    following = [_FIRST, *(sheet.first_seq + sheet.rows for sheet in sheets)]
    assert following == [*(sheet.first_seq for sheet in sheets), _FIRST + len(rows)]
    assert rows_of(read(sheets)).tobytes() == rows.tobytes()
    for sheet in sheets:
        assert not any(sheet.first_seq < end < sheet.first_seq + sheet.rows for end in ends), "across the end of a partition"
        some_vector = any(has_vector[sheet.first_seq - _FIRST :][: sheet.rows])
        assert len(sheet.records) == sheet.rows * (RECORD_BYTES if some_vector else BARE_BYTES)
        assert len(sheet.records) < 8_192 - 72


def test_a_sheet_holds_as_many_rows_as_a_page_has_room_for() -> None:
    assert [sheet.rows for sheet in sheets_of(make_rows([True] * 100))] == [SHEET_ROWS] * 5 + [100 - 5 * SHEET_ROWS]
    assert [sheet.rows for sheet in sheets_of(make_rows([False] * 100))] == [BARE_ROWS] * 4 + [100 - 4 * BARE_ROWS]


@given(vectors)
def test_sheets_become_what_copy_takes(has_vector: list[bool]) -> None:
    sheets = sheets_of(make_rows(has_vector))
    slowly = b"".join(
        struct.pack(">hihiqihi", 4, 2, 3, 8, sheet.first_seq, 2, sheet.rows, len(sheet.records)) + sheet.records for sheet in sheets
    )
    assert copy_stream(3, sheets) == b"PGCOPY\n\xff\r\n\x00" + bytes(8) + slowly + b"\xff\xff"


@pytest.mark.parametrize("cut", [1, 128, 330, 458])
@pytest.mark.parametrize("has_vector", [True, False])
def test_a_sheet_of_another_length_is_refused(cut: int, has_vector: bool) -> None:
    sheet, *_ = sheets_of(make_rows([has_vector] * 3))
    short = sheet._replace(records=sheet.records[:-cut])
    for sheets in ([short], [sheet, short], [short, sheet]):
        with pytest.raises(ValueError, match="longer or shorter than its rows"):
            rows_of(read(sheets))


def test_rows_go_to_the_database_and_come_back(database: Database) -> None:
    rows = make_rows([seq % 3 > 0 for seq in range(700)], 1)
    rows["feature_registry"][200:400], rows["features"][200:400] = 0, 0
    with database.connect() as connection:
        planting.insert_rows(connection, rows)
        assert np.concatenate(list(reader.read_rows(connection, 0, 0, 700, 97))).tobytes() == rows.tobytes()
        assert reader.read_span(connection, 0, 700, 700).tobytes() == b""
        records = connection.execute("SELECT record FROM journal WHERE lane = 0 ORDER BY seq").fetchall()
    assert [record.ljust(RECORD_BYTES, b"\0") for (record,) in records] == [row.tobytes() for row in rows]
    assert {len(record) for (record,) in records} == {RECORD_BYTES, RECORD_BYTES - FEATURE_BYTES}
