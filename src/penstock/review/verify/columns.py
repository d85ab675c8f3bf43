"""The journal's rows, as the auditor reads them: the stored record is their canonical encoding.

Written from ``docs/journal-format.md`` alone; no column that the database computes is believed. It shares no code with the
writer, so that a mistake there shows as a difference here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

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
#: Bytes of a record with a vector, and of one without: the vector is last, and left out as a whole.
RECORD_BYTES: Final = CANONICAL.itemsize
BARE_BYTES: Final = RECORD_BYTES - FEATURE_BYTES
#: What is read of a row, as it comes on the wire: behind it lie the record's bytes, however many there are.
SELECTED: Final = "seq, record"
_HEAD: Final = np.dtype([("fields", ">i2"), ("seq_bytes", ">i4"), ("seq", ">i8"), ("record_bytes", ">i4")])
#: The columns that checks work on, all widened to int64.
_WORKED: Final = tuple(name for name, kind in _CANONICAL if kind.startswith("i") and name != "lane")
_BLOCK: Final = 2048


class Unreadable(ValueError):
    """What came is not a sequence and a record: the table has other columns."""


@dataclass(frozen=True)
class Rows:
    """A run of journal rows of one lane, in order of ``seq``.

    ``columns`` name → int64 (n,): what the records hold, but ``seq`` is the table's own column; ``canonical`` the rows in
    canonical encoding (n,) of 458 bytes, zeros where there is no vector (a record of another length is padded or cut);
    ``record_bytes`` int64 (n,): how long the record in the table is.
    """

    columns: dict[str, IntArray]
    canonical: NDArray[np.void]
    record_bytes: IntArray

    def __getitem__(self, name: str) -> IntArray:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.canonical)

    def replace(self, **columns: IntArray) -> Rows:
        """The same rows with other numbers to work on; the canonical bytes stay as they were read."""
        return Rows(self.columns | columns, self.canonical, self.record_bytes)

    @property
    def vector_bytes(self) -> IntArray:
        """How many bytes of a vector each row has (n,), -1 = none."""
        return np.where(self.record_bytes > BARE_BYTES, self.record_bytes - BARE_BYTES, -1)

    def vectors(self, place: IntArray) -> NDArray[np.float16]:
        """The feature vectors (k, 64) of some rows (k,)."""
        octets: NDArray[np.void] = np.ascontiguousarray(self.canonical["features"][place])
        return octets.view("<f2").reshape(len(place), FEATURE_BYTES // 2)

    def scores(self, place: IntArray) -> NDArray[np.float32]:
        """The scores (k,) of some rows (k,)."""
        scores: NDArray[np.float32] = self.canonical["score"][place]
        return scores


def parse_rows(data: memoryview, sizes: IntArray) -> Rows:
    """Read rows as they came: ``data`` are the rows of a binary COPY of ``SELECTED`` one after another, of ``sizes`` bytes.

    :raises Unreadable: when a row is not of that form.
    """
    starts = np.cumsum(sizes) - sizes
    if len(sizes) and sizes.min() < _HEAD.itemsize:
        raise Unreadable
    heads = _windows(data, _HEAD.itemsize, 1)[starts].view(_HEAD)
    length = sizes - _HEAD.itemsize
    if (heads["fields"] != 2).any() or (heads["seq_bytes"] != 8).any() or (heads["record_bytes"] != length).any():
        raise Unreadable
    canonical = np.zeros(len(sizes), dtype=CANONICAL)
    for each in np.unique(length):
        _fill(canonical, length == each, data, starts + _HEAD.itemsize, min(int(each), RECORD_BYTES))
    return Rows(_widen(canonical) | {"seq": heads["seq"].astype(np.int64)}, canonical, length)


def _fill(canonical: NDArray[np.void], wanted: BoolArray, data: memoryview, starts: IntArray, size: int) -> None:
    """Copy the first ``size`` bytes of the wanted records."""
    if size:
        _windows(canonical.view(np.uint8), size, RECORD_BYTES)[wanted] = _windows(data, size, 1)[starts[wanted]]


def _windows(octets: memoryview | NDArray[np.uint8], size: int, step: int) -> NDArray[np.void]:
    """The windows of ``size`` bytes, one each ``step`` bytes."""
    count = max((len(octets) - size) // step + 1, 0)
    return np.ndarray(count, np.dtype((np.void, size)), octets, 0, (step,))


def _widen(canonical: NDArray[np.void]) -> dict[str, IntArray]:
    columns = {name: np.empty(len(canonical), dtype=np.int64) for name in _WORKED}
    for start in range(0, len(canonical), _BLOCK):  # blocks that stay in the processor's cache
        block = slice(start, start + _BLOCK)
        for name in _WORKED:
            columns[name][block] = canonical[name][block]
    return columns
