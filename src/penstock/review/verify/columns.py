"""The journal's columns, as the auditor reads them: on the wire of a binary COPY, and in canonical encoding.

Written from ``docs/journal-format.md`` and ``journal/schema.sql`` alone; it shares no code with the
writer, so that a mistake there shows as a difference here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

#: The version of the canonical encoding that this auditor knows, and the first bytes of each digest.
ENCODING: Final = 1
FEATURE_BYTES: Final = 128

#: The columns in canonical order: name and numpy type without byte order. ``command_id`` is two halves.
_CANONICAL: Final = (
    ("seq", "i8"), ("time_us", "i8"), ("id_hi", "i8"), ("id_lo", "i8"), ("fingerprint", "i8"),
    ("payer_account", "i8"), ("payee_account", "i8"), ("amount_minor", "i8"), ("held_minor", "i8"),
    ("moved_minor", "i8"), ("fee_minor", "i8"), ("limit_minor", "i8"), ("ref_seq", "i8"),
    ("ref_prev_seq", "i8"), ("payer_prev_seq", "i8"), ("payee_prev_seq", "i8"), ("fee_prev_seq", "i8"),
    ("expires_us", "i8"), ("rules_fired", "i8"), ("side_hash", "V32"), ("client", "i4"), ("customer", "i4"),
    ("purse", "i4"), ("business_day", "i4"), ("limit_day", "i4"), ("policy_version", "i4"),
    ("pack_version", "i4"), ("model_version", "i4"), ("approval_1", "i4"), ("approval_2", "i4"),
    ("approval_3", "i4"), ("score", "f4"), ("lane", "i2"), ("kind", "i2"), ("state", "i2"), ("reason", "i2"),
    ("payment_type", "i2"), ("currency", "i2"), ("tier", "i2"), ("limit_count", "i2"), ("verification", "i2"),
    ("factors", "i2"), ("feature_registry", "i2"), ("flags", "i2"), ("from_us", "i8"), ("left_minor", "i8"),
    ("maker", "i4"), ("option", "i2"), ("instrument", "i8"), ("device", "i8"), ("network", "i8"), ("place", "i8"),
    ("category", "i8"), ("latitude_e4", "i4"), ("longitude_e4", "i4"), ("channel", "i2"), ("was", "i2"),
    ("features", "V128"),
)  # fmt: skip

CANONICAL: Final = np.dtype([(name, kind if kind.startswith("V") else f"<{kind}") for name, kind in _CANONICAL])
#: The database's columns that are read, in the order in which they are asked for.
SELECTED: Final = tuple(
    "command_id" if name == "id_hi" else name for name, _ in _CANONICAL if name not in ("id_lo", "lane")
)
#: The columns that checks work on, all widened to int64.
_WORKED: Final = tuple(name for name, kind in _CANONICAL if kind.startswith("i") and name != "lane")
_BLOCK: Final = 2048


def _wire() -> np.dtype[np.void]:
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name, kind in _CANONICAL:
        if name == "lane":
            continue
        if name != "id_lo":  # the uuid's halves share one length word
            fields.append((f"length_{name}", ">i4"))
        fields.append((name, kind if kind.startswith("V") else f">{kind}"))
    return np.dtype([*fields, ("length_vector_bytes", ">i4"), ("vector_bytes", ">i4")])


WIRE: Final = _wire()


class Unreadable(ValueError):
    """The rows of a chunk do not have the fixed width: a column is NULL, or a hash or a vector has another length."""


@dataclass(frozen=True)
class Rows:
    """A run of journal rows of one lane, in order of ``seq``.

    ``columns`` name → int64 (n,); ``canonical`` the rows in canonical encoding (n,) of 458 bytes, zeros where there is no
    vector; ``vector_bytes`` int64 (n,): how long the vector in the table is, -1 = NULL.
    """

    columns: dict[str, IntArray]
    canonical: NDArray[np.void]
    vector_bytes: IntArray

    def __getitem__(self, name: str) -> IntArray:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.canonical)

    def replace(self, **columns: IntArray) -> Rows:
        """The same rows with other numbers to work on; the canonical bytes stay as they were read."""
        return Rows(self.columns | columns, self.canonical, self.vector_bytes)

    def vectors(self, place: IntArray) -> NDArray[np.float16]:
        """The feature vectors (k, 64) of some rows (k,)."""
        octets: NDArray[np.void] = np.ascontiguousarray(self.canonical["features"][place])
        return octets.view("<f2").reshape(len(place), FEATURE_BYTES // 2)

    def scores(self, place: IntArray) -> NDArray[np.float32]:
        """The scores (k,) of some rows (k,)."""
        scores: NDArray[np.float32] = self.canonical["score"][place]
        return scores


def parse_rows(data: bytes | memoryview, lane: int) -> Rows:
    """Read the body of a binary COPY (header and trailer removed) of ``SELECTED`` and the vectors' lengths.

    :raises Unreadable: when a row has not the fixed width.
    """
    count, rest = divmod(len(data), WIRE.itemsize)
    wire = np.frombuffer(data, dtype=WIRE, count=count)
    # Only side_hash, features and a NULL can change a row's width. The first row that deviates shows in one of these.
    lengths = (wire["length_side_hash"] != 32) | (wire["length_features"] != FEATURE_BYTES)
    if rest or lengths.any() or (wire["fields"] != len(SELECTED) + 1).any():
        raise Unreadable
    return _convert(wire, lane)


def _convert(wire: NDArray[Any], lane: int) -> Rows:
    count = len(wire)
    columns = {name: np.empty(count, dtype=np.int64) for name in _WORKED}
    canonical = np.empty(count, dtype=CANONICAL)
    canonical["lane"] = lane
    names = [name for name, _ in _CANONICAL if name != "lane"]
    for start in range(0, count, _BLOCK):  # blocks that stay in the processor's cache
        block = slice(start, start + _BLOCK)
        part, encoded = wire[block], canonical[block]
        for name in names:
            encoded[name] = part[name]
        for name in _WORKED:
            columns[name][block] = part[name]
    return Rows(columns, canonical, wire["vector_bytes"].astype(np.int64))
