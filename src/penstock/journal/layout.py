"""How the columns of the view ``journal`` follow from the stored sheets, as SQL.

The table ``journal_sheet`` stores consecutive rows of a lane together, as many as fill a page: one after another in their
canonical encoding (``contracts/row.py``), in the column ``records``. The view computes every row and column from it when it
is read. PostgreSQL 18 brings what that needs: ``reverse(bytea)`` for the byte order, and casts from bytea to whole numbers.

Who wants single rows names them with ``journal_at(lane, seq)`` or ``journal_between(lane, after, until)``, which find the
sheets by their key; a condition on the view's ``seq`` alone reads every sheet there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np

from penstock.contracts.row import FEATURE_BYTES, ROW

#: Bytes of a stored row with a vector, and without one: ``features`` is the last field, and left out as a whole where no row of the
#: sheet has one.
RECORD_BYTES: Final = ROW.itemsize
BARE_BYTES: Final = RECORD_BYTES - FEATURE_BYTES
#: Bytes of rows for which a page of PostgreSQL has room, beside its own head (24), the tuple's (4 + 24) and the other columns (16 + 4).
_ROOM_BYTES: Final = 8192 - 24 - 28 - 20
#: Most rows of a sheet: with vectors, and without.
SHEET_ROWS: Final = _ROOM_BYTES // RECORD_BYTES
BARE_ROWS: Final = _ROOM_BYTES // BARE_BYTES
#: The table, and its columns; all others are computed.
TABLE: Final = "journal_sheet"
STORED: Final = ("lane", "first_seq", "rows", "records")
#: What the view says of a row beside its fields: the sheet in which it lies, and its bytes there.
PLACED: Final = ("lane", "sheet", "seq", "record")

_WHOLE: Final = {8: "bigint", 4: "integer", 2: "smallint"}
_HALVES: Final = ("id_hi", "id_lo")


def within_partitions(first_seq: int, count: int, ends: Sequence[int]) -> Iterator[tuple[int, int]]:
    """From where to where the rows ``first_seq`` … lie in one partition, counted from 0; ``ends``: the first sequence behind each."""
    yield from pairwise([0, *(end - first_seq for end in ends if 0 < end - first_seq < count), count])


def view_query() -> str:
    """The query of the view ``journal``: every row of every sheet."""
    return _query(f"FROM {TABLE} CROSS JOIN LATERAL generate_series(0, rows - 1) AS place")


def at_query() -> str:
    """The query of the function ``journal_at``: the row ``at`` of the lane ``of_lane``.

    It is a look-up of its own for each row that is asked for (OFFSET 0): a join could be planned as a scan of all sheets, because
    nothing is known of a hot partition's size.
    """
    return _query(
        f"FROM {TABLE} CROSS JOIN LATERAL (SELECT (at - first_seq)::integer AS place) AS wanted\n"
        f"    WHERE lane = of_lane AND first_seq > at - {BARE_ROWS} AND first_seq <= at AND place < rows OFFSET 0"
    )


def _query(places: str) -> str:
    columns = ",\n    ".join(f"{how} AS {name}" for name, (_, how) in computed_columns().items())
    return f"""SELECT
    lane,
    first_seq AS sheet,
    first_seq + place AS seq,
    substring(records, start + 1, size) AS record,
    {columns}
FROM (
    SELECT lane, first_seq, records, place, place * (octet_length(records) / rows) AS start, octet_length(records) / rows AS size
    {places}
) AS stored"""  # noqa: S608 - constants


def computed_columns() -> dict[str, tuple[str, str]]:
    """Every computed column in the view's order: its name → its SQL type and expression."""
    columns = {}
    for name in ROW.names or ():
        if name == _HALVES[0]:
            columns["command_id"] = ("uuid", _uuid())
        if name not in PLACED:
            columns[name] = _column(name)
    return columns


def _column(name: str) -> tuple[str, str]:
    field, _ = _field(name)
    if name == "features":
        return "bytea", f"CASE WHEN {_whole('feature_registry')} > 0 THEN {_octets(name)} END"
    if field.subdtype is not None:
        return "bytea", _octets(name)
    if field.kind == "f":
        return "real", _single(_whole(name))
    return _WHOLE[field.itemsize], _whole(name)


def _single(bits: str) -> str:
    """The IEEE single with these bits: sign, then 24 bits of mantissa times a power of two; double precision holds both.

    Exact for every number, zeros and infinities; all that is not a number becomes the one NaN.
    """
    mantissa, exponent = f"({bits} & 8388607)", f"(({bits} >> 23) & 255)"
    return (
        f"(CASE WHEN {bits} < 0 THEN -1::float8 ELSE 1 END * CASE {exponent} "
        f"WHEN 0 THEN {mantissa} * power(2::float8, -149) "
        f"WHEN 255 THEN CASE {mantissa} WHEN 0 THEN 'Infinity'::float8 ELSE 'NaN' END "
        f"ELSE ({mantissa} + 8388608) * power(2::float8, {exponent} - 150) END)::real"
    )


def _whole(name: str) -> str:
    field, _ = _field(name)
    return f"reverse({_octets(name)})::{_WHOLE[field.itemsize]}"


def _uuid() -> str:
    halves = " || ".join(f"reverse({_octets(name)})" for name in _HALVES)
    return f"encode({halves}, 'hex')::uuid"


def _octets(name: str) -> str:
    field, first = _field(name)
    return f"substring(records, start + {first + 1}, {field.itemsize})"


def _field(name: str) -> tuple[np.dtype[Any], int]:
    """The field's type and its first byte in the record, from 0."""
    assert ROW.fields is not None
    field, start = ROW.fields[name][:2]
    return field, start
