"""The journal's rows, as the auditor reads them: in sheets, one after another in their canonical encoding.

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
#: Bytes of a row in a sheet with vectors, and in one without: the vector is last, and left out as a whole.
RECORD_BYTES: Final = CANONICAL.itemsize
BARE_BYTES: Final = RECORD_BYTES - FEATURE_BYTES
#: The most rows of a sheet with vectors, and of one without.
RECORD_ROWS: Final = 17
BARE_ROWS: Final = 24
#: What is read of a sheet, as it comes on the wire: behind it lie the bytes of its rows, however many there are.
SELECTED: Final = "first_seq, rows, records"
_HEAD: Final = np.dtype([
    ("fields", ">i2"), ("first_seq_bytes", ">i4"), ("first_seq", ">i8"), ("rows_bytes", ">i4"), ("rows", ">i2"),
    ("octets", ">i4"),
])  # fmt: skip
#: The columns that checks work on, all widened to int64.
_WORKED: Final = tuple(name for name, kind in _CANONICAL if kind.startswith("i") and name != "lane")
_BLOCK: Final = 2048


class Unreadable(ValueError):
    """What came is not sheets: the table has other columns."""


@dataclass(frozen=True)
class Sheets:
    """Sheets of one lane in order of ``first_seq``, each field int64 (n,).

    ``first_seq`` and ``rows`` as the table says; ``octets`` how many bytes ``records`` has, ``row_bytes`` how many of them
    belong to each row (one of two lengths, the likelier one where they do not fit); ``vectors`` how many rows have one.
    """

    first_seq: IntArray
    rows: IntArray
    octets: IntArray
    row_bytes: IntArray
    vectors: IntArray

    @property
    def last_seq(self) -> IntArray:
        """The last row of each (n,); the one in front of its first when it has none."""
        return self.first_seq + np.maximum(self.rows, 0) - 1


@dataclass(frozen=True)
class Rows:
    """A run of journal rows of one lane, in order of ``seq``.

    ``columns`` name → int64 (n,): what the rows hold, but ``seq`` is where their sheet has them; ``canonical`` the rows in
    canonical encoding (n,) of 458 bytes, zeros where there is no vector (and where a sheet that is too short has no bytes);
    ``has_vector`` bool (n,): which have one; zeros are none unless the row says that it has one.
    """

    columns: dict[str, IntArray]
    canonical: NDArray[np.void]
    has_vector: BoolArray

    def __getitem__(self, name: str) -> IntArray:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.canonical)

    def replace(self, **columns: IntArray) -> Rows:
        """The same rows with other numbers to work on; the canonical bytes stay as they were read."""
        return Rows(self.columns | columns, self.canonical, self.has_vector)

    def vectors(self, place: IntArray) -> NDArray[np.float16]:
        """The feature vectors (k, 64) of some rows (k,)."""
        return _vectors(self.canonical, place)

    def scores(self, place: IntArray) -> NDArray[np.float32]:
        """The scores (k,) of some rows (k,)."""
        scores: NDArray[np.float32] = self.canonical["score"][place]
        return scores


def parse_sheets(data: memoryview, sizes: IntArray, first: int, last: int) -> tuple[Sheets, Rows]:
    """Read sheets as they came, and of their rows those from ``first`` to ``last``; of a row that is there twice the first.

    :param data: the rows of a binary COPY of ``SELECTED``, ordered by ``first_seq``, one after another.
    :param sizes: how many bytes each of them has (n,).
    :raises Unreadable: when one is not of that form.
    """
    heads, starts = _heads(data, sizes)
    first_seq, rows, octets = (heads[name].astype(np.int64) for name in ("first_seq", "rows", "octets"))
    row_bytes = np.where(octets > rows * BARE_BYTES, RECORD_BYTES, BARE_BYTES)
    counts = np.clip(rows, 0, -(-octets // row_bytes))  # a row of which there is not one byte is missing
    sheet = np.repeat(np.arange(len(counts)), counts)  # of each row
    place = np.arange(len(sheet)) - (np.cumsum(counts) - counts)[sheet]
    start = place * row_bytes[sheet]
    canonical = _canonical(data, starts[sheet] + start, np.minimum(octets[sheet] - start, row_bytes[sheet]))
    has_vector = _have_vectors(canonical, row_bytes[sheet] == RECORD_BYTES)
    vectors = np.bincount(sheet[has_vector], minlength=len(counts))
    seqs = first_seq[sheet] + place
    wanted = _between(seqs, first, last)
    canonical = canonical[wanted]
    columns = _widen(canonical) | {"seq": seqs[wanted]}
    return Sheets(first_seq, rows, octets, row_bytes, vectors), Rows(columns, canonical, has_vector[wanted])


def _heads(data: memoryview, sizes: IntArray) -> tuple[NDArray[np.void], IntArray]:
    """What the table says of each sheet (n,), and where the bytes of its rows begin (n,)."""
    if len(sizes) and sizes.min() < _HEAD.itemsize:
        raise Unreadable
    starts = np.cumsum(sizes) - sizes
    heads = _windows(data, _HEAD.itemsize, 1)[starts].view(_HEAD)
    right = (heads["fields"] == 3) & (heads["first_seq_bytes"] == 8) & (heads["rows_bytes"] == 2)
    if not (right & (heads["octets"] == sizes - _HEAD.itemsize)).all():
        raise Unreadable
    return heads, starts + _HEAD.itemsize


def _canonical(data: memoryview, starts: IntArray, sizes: IntArray) -> NDArray[np.void]:
    """The rows (n,) that begin at ``starts`` and have so many bytes; zeros behind them."""
    canonical = np.zeros(len(starts), dtype=CANONICAL)
    octets = canonical.view(np.uint8)
    for size in np.unique(sizes).tolist():
        alike = sizes == size
        _windows(octets, size, RECORD_BYTES)[alike] = _windows(data, size, 1)[starts[alike]]
    return canonical


def _have_vectors(canonical: NDArray[np.void], room: BoolArray) -> BoolArray:
    """Which rows (n,) of those that have room for a vector have one."""
    have = room.copy()
    silent = np.flatnonzero(room & (canonical["feature_registry"] <= 0))
    have[silent] = _vectors(canonical, silent).view(np.uint16).any(axis=1)
    return have


def _vectors(canonical: NDArray[np.void], place: IntArray) -> NDArray[np.float16]:
    octets: NDArray[np.void] = np.ascontiguousarray(canonical["features"][place])
    return octets.view("<f2").reshape(len(place), FEATURE_BYTES // 2)


def _between(seqs: IntArray, first: int, last: int) -> slice | IntArray:
    """Where the rows ``first`` to ``last`` are, in order and each once."""
    if (np.diff(seqs) > 0).all():
        return slice(*np.searchsorted(seqs, (first, last + 1)))
    found, places = np.unique(seqs, return_index=True)
    return places[(found >= first) & (found <= last)]


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
