"""Rows as PostgreSQL's binary COPY format, both ways, by column and without a loop over rows.

All columns are fixed-width and not null, but the feature vector, which is NULL where there is none. Source of the format: PostgreSQL documentation, COPY, *Binary Format*.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.row import FEATURE_BYTES, ROW

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_UUID: Final = "command_id"
_RAW: Final = ("side_hash", "features")

#: The columns of the table that a row fills, in the table's order.
COLUMNS: Final[tuple[str, ...]] = (
    "lane",
    *(_UUID if name == "id_hi" else name for name in ROW.names or () if name not in ("lane", "id_lo")),
)


def _wire_fields() -> list[Any]:
    fields: list[Any] = [("columns", ">i2")]
    for name in COLUMNS:
        if name == _UUID:
            fields += [(f"{name}_length", ">i4"), ("id_hi", ">i8"), ("id_lo", ">i8")]
        elif name in _RAW:
            column = ROW.fields[name][0]  # type: ignore[index]
            fields += [(f"{name}_length", ">i4"), (name, column.base, column.shape)]  # bytes, not numbers
        else:
            column = ROW.fields[name][0]  # type: ignore[index]
            fields += [(f"{name}_length", ">i4"), (name, column.newbyteorder(">"))]
    return fields


_WIRE: Final = np.dtype(_wire_fields())
#: A row without a vector ends after the length of -1 that stands for NULL.
_WITHOUT_VECTOR: Final = _WIRE.itemsize - FEATURE_BYTES


def _template() -> NDArray[Any]:
    template = np.zeros(1, _WIRE)
    template["columns"] = len(COLUMNS)
    for name in COLUMNS:
        template[f"{name}_length"] = 16 if name == _UUID else ROW.fields[name][0].itemsize  # type: ignore[index]
    return template


_TEMPLATE: Final = _template()


def encode_rows(rows: NDArray[Any]) -> bytes:
    """The rows (n,) of ``ROW`` as one COPY stream for the columns ``COLUMNS``."""
    wire = np.repeat(_TEMPLATE, len(rows))
    for name in ROW.names or ():
        wire[name] = rows[name]
    has_vector = rows["feature_registry"] > 0
    wire["features_length"][~has_vector] = -1
    borders = np.flatnonzero(np.diff(has_vector)) + 1
    pieces = [_piece(part) for part in np.split(wire, borders)] if len(wire) else []
    return b"".join((_SIGNATURE, *pieces, _TRAILER))


def _piece(wire: NDArray[Any]) -> bytes:
    """Rows that all have a vector, or all none."""
    if wire["features_length"][0] > 0:
        return wire.tobytes()
    return wire.view(np.uint8).reshape(len(wire), -1)[:, :_WITHOUT_VECTOR].tobytes()


def decode_rows(stream: bytes) -> NDArray[Any]:
    """The rows of a COPY stream of the columns ``COLUMNS``, vectors as zeros where there is none.

    :raises ValueError: when the stream is not of that form.
    """
    body = memoryview(stream)[len(_SIGNATURE) :]
    count, rest = divmod(len(body) - len(_TRAILER), _WIRE.itemsize)
    if stream[: len(_SIGNATURE)] != _SIGNATURE or rest or bytes(body[-2:]) != _TRAILER:
        raise ValueError("the COPY stream does not hold whole journal rows; was the table changed?")
    wire = np.frombuffer(body, _WIRE, count)
    rows = np.empty(count, ROW)
    for name in ROW.names or ():
        rows[name] = wire[name]
    return rows
