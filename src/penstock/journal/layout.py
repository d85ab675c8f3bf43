"""How the columns of the view ``journal`` follow from the stored record, as SQL.

The table ``journal_record`` stores a row as its canonical encoding (``contracts/row.py``), in the column ``record``;
the view computes every other column from it when it is read. PostgreSQL 18 brings what that needs: ``reverse(bytea)`` for
the byte order, and casts from bytea to whole numbers. An index of the table serves a column of the view when its
expression is the one given here.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from penstock.contracts.row import FEATURE_BYTES, ROW

#: Bytes of a stored record with a vector, and without one: ``features`` is the last field, and left out as a whole.
RECORD_BYTES: Final = ROW.itemsize
BARE_BYTES: Final = RECORD_BYTES - FEATURE_BYTES
#: The table, and its columns; all others are computed.
TABLE: Final = "journal_record"
STORED: Final = ("lane", "seq", "record")

_WHOLE: Final = {8: "bigint", 4: "integer", 2: "smallint"}
_HALVES: Final = ("id_hi", "id_lo")


def computed_columns() -> dict[str, tuple[str, str]]:
    """Every computed column in the view's order: its name → its SQL type and expression."""
    columns = {}
    for name in ROW.names or ():
        if name == _HALVES[0]:
            columns["command_id"] = ("uuid", _uuid())
        if name not in STORED:
            columns[name] = _column(name)
    return columns


def expression(name: str) -> str:
    """The SQL expression of a computed column, over the stored one."""
    return computed_columns()[name][1]


def _column(name: str) -> tuple[str, str]:
    field, start = _field(name)
    if name == "features":
        return "bytea", f"CASE WHEN octet_length(record) > {start} THEN {_octets(name)} END"
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
    field, start = _field(name)
    return f"substring(record, {start + 1}, {field.itemsize})"


def _field(name: str) -> tuple[np.dtype[Any], int]:
    """The field's type and its first byte in the record, from 0."""
    assert ROW.fields is not None
    field, start = ROW.fields[name][:2]
    return field, start
