"""The columns of a batch of payments and of its outcomes: names, types, order. docs/api.md is this table.

pyarrow takes a tenth of a second to load and only edges need it, so nothing but this package and its callers load it.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from penstock.contracts.reasons import Reason
from penstock.kit.http.problem import FieldError, wrong_fields

_WORD: Final = pa.dictionary(pa.int32(), pa.utf8())
ID: Final = pa.binary(16)
PUBLIC_ID: Final = pa.binary(17)
TIME: Final = pa.timestamp("us", tz="UTC")
#: Indices into dictionaries that never grow beyond what a byte counts; reasons may.
_NAME: Final = pa.dictionary(pa.int8(), pa.utf8())
REASON_INDEX: Final = pa.int8() if len(Reason) <= 127 else pa.int16()

REQUIRED: Final = {
    "id": ID,
    "payer": PUBLIC_ID,
    "payee": PUBLIC_ID,
    "amount_minor": pa.int64(),
    "currency": _WORD,
    "type": _WORD,
}
OPTIONAL: Final = {
    "arrival": _WORD,
    "hold_only": pa.bool_(),
    "hold_lifetime_s": pa.int32(),
    "instrument": pa.utf8(),
    "device": pa.utf8(),
    "network": pa.utf8(),
    "place": pa.utf8(),
    "category": pa.utf8(),
    "latitude": pa.float64(),
    "longitude": pa.float64(),
    "channel": _WORD,
    "extra_1": pa.float64(),
    "extra_2": pa.float64(),
    "extra_3": pa.float64(),
    "extra_4": pa.float64(),
    "factors": _WORD,
    "reference": pa.utf8(),
}
COLUMNS: Final = {**REQUIRED, **OPTIONAL}
DICTIONARIES: Final = tuple(name for name, kind in COLUMNS.items() if kind == _WORD)
_ORDER: Final = {name: place for place, name in enumerate(COLUMNS)}
#: What always comes together.
_TOGETHER: Final = ("latitude", "longitude")

OUTCOMES: Final = pa.schema([
    pa.field("id", ID, nullable=False),
    pa.field("status", _NAME, nullable=False),
    pa.field("state", _NAME, nullable=False),
    pa.field("reason", pa.dictionary(REASON_INDEX, pa.utf8()), nullable=False),
    pa.field("reason_code", pa.int16(), nullable=False),
    pa.field("payment", PUBLIC_ID),
    pa.field("seq", pa.int64(), nullable=False),
    pa.field("as_of_seq", pa.int64(), nullable=False),
    pa.field("time", TIME),
    pa.field("amount_minor", pa.int64(), nullable=False),
    pa.field("held_minor", pa.int64(), nullable=False),
    pa.field("moved_minor", pa.int64(), nullable=False),
    pa.field("fee_minor", pa.int64(), nullable=False),
    pa.field("refundable_minor", pa.int64(), nullable=False),
    pa.field("expires", TIME),
    pa.field("score", pa.float32()),
    pa.field("model_version", pa.int32(), nullable=False),
])  # fmt: skip


def check(schema: pa.Schema) -> None:
    """Refuse a schema that is not the table's, or a part of it in its order.

    :raises Problem: 422, naming each column that cannot be used.
    """
    names = schema.names
    errors = [error for place, name in enumerate(names) for error in _column_errors(schema, place, name)]
    errors += [FieldError(name, "missing", f"add this column, of type {kind}") for name, kind in REQUIRED.items() if name not in names]
    if not errors and (_TOGETHER[0] in names) != (_TOGETHER[1] in names):
        errors.append(FieldError(_TOGETHER[0], "comes with longitude", "send both columns or neither"))
    if errors:
        raise wrong_fields(errors)


def _column_errors(schema: pa.Schema, place: int, name: str) -> list[FieldError]:
    known = COLUMNS.get(name)
    if known is None:
        return [FieldError(name[:40], "unknown column", "leave it out, or correct its name; the columns are in docs/api.md")]
    found = schema.field(place).type
    if found != known:
        return [FieldError(name, f"has the type {str(found)[:80]}", f"send it as {known}")]
    before = schema.names[place - 1] if place else ""
    if _ORDER.get(before, -1) >= _ORDER[name]:
        return [FieldError(name, f"stands after {before}", f"send the columns once each, in this order: {', '.join(COLUMNS)}")]
    return []
