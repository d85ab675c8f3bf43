"""Rows as PostgreSQL's binary COPY format, both ways, without a loop over rows.

A row travels as the bytes that the table stores and the digest covers: its canonical encoding, without the vector's
zeros where there is no vector. Source of the format: PostgreSQL documentation, COPY, *Binary Format*.
"""

from __future__ import annotations

from math import gcd
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.row import ROW
from penstock.journal.layout import BARE_BYTES, RECORD_BYTES, STORED

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_TRAILER: Final = b"\xff\xff"

#: The columns of the stream that ``encode_rows`` makes.
COLUMNS: Final[tuple[str, ...]] = STORED
#: The statement whose stream ``decode_rows`` reads; its parameters are filled in by ``psycopg.sql``.
RECORDS: Final = """
    COPY (SELECT record FROM journal WHERE lane = {lane} AND seq > {after} AND seq <= {until} ORDER BY seq)
    TO STDOUT (FORMAT BINARY)
"""

_SENT: Final = np.dtype([
    ("columns", ">i2"), ("lane_bytes", ">i4"), ("lane", ">i2"), ("seq_bytes", ">i4"), ("seq", ">i8"),
    ("record_bytes", ">i4"), ("record", f"V{RECORD_BYTES}"),
])  # fmt: skip
_HEAD: Final = np.dtype([("columns", ">i2"), ("record_bytes", ">i4")])
_LONG: Final = _HEAD.itemsize + RECORD_BYTES
_SHORT: Final = _HEAD.itemsize + BARE_BYTES
#: Rows in a stream of both lengths begin at multiples of this.
_STEP: Final = gcd(_LONG, _SHORT)


def encode_rows(rows: NDArray[Any]) -> bytes:
    """The rows (n,) of ``ROW`` as one COPY stream for the columns ``COLUMNS``."""
    sent = np.empty(len(rows), _SENT)
    sent["columns"], sent["lane_bytes"], sent["seq_bytes"] = len(COLUMNS), 2, 8
    sent["lane"], sent["seq"], sent["record"] = rows["lane"], rows["seq"], rows.view(_SENT["record"])
    has_vector = rows["feature_registry"] > 0
    sent["record_bytes"] = np.where(has_vector, RECORD_BYTES, BARE_BYTES)
    return b"".join((_SIGNATURE, _joined(sent, has_vector), _TRAILER))


def stored_records(rows: NDArray[Any]) -> list[bytes]:
    """The rows (n,) of ``ROW`` one by one, as the table stores them."""
    octets = rows.tobytes()
    sizes = np.where(rows["feature_registry"] > 0, RECORD_BYTES, BARE_BYTES).tolist()
    starts = range(0, len(octets), RECORD_BYTES)
    return [octets[start : start + size] for start, size in zip(starts, sizes, strict=True)]


def _joined(sent: NDArray[Any], has_vector: NDArray[np.bool_]) -> bytes | bytearray:
    """The rows one after another, those without a vector cut short."""
    if has_vector.all():
        return sent.tobytes()
    bare = _SENT.itemsize - RECORD_BYTES + BARE_BYTES
    ends = np.cumsum(np.where(has_vector, _SENT.itemsize, bare))
    joined = bytearray(int(ends[-1]))
    for wanted, size in ((has_vector, _SENT.itemsize), (~has_vector, bare)):
        _windows(joined, size, 0, 1)[ends[wanted] - size] = _windows(sent.view(np.uint8), size, 0, _SENT.itemsize)[wanted]
    return joined


def decode_rows(stream: bytes | bytearray) -> NDArray[Any]:
    """The rows (n,) of ``ROW`` in the stream of ``RECORDS``, vectors as zeros where there is none.

    :raises ValueError: when the stream is not of that form.
    """
    body = memoryview(stream)[len(_SIGNATURE) : -len(_TRAILER)]
    if stream[: len(_SIGNATURE)] != _SIGNATURE or stream[-len(_TRAILER) :] != _TRAILER or len(body) % _STEP:
        raise ValueError("this is no whole COPY stream of journal rows")
    starts, is_long = _row_starts(body)
    rows = np.zeros(len(starts), ROW)
    for wanted, size in ((is_long, RECORD_BYTES), (~is_long, BARE_BYTES)):
        if wanted.any():
            records = _windows(body, size, _HEAD.itemsize, _STEP)
            _windows(rows.view(np.uint8), size, 0, RECORD_BYTES)[wanted] = records[starts[wanted]]
    return rows


def _row_starts(body: memoryview) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where each row begins, in steps, and which of them have a vector.

    :raises ValueError: when the rows do not follow one another up to the end.
    """
    heads = np.ndarray(len(body) // _STEP, _HEAD, body, 0, (_STEP,))
    is_long, is_short = heads["record_bytes"] == RECORD_BYTES, heads["record_bytes"] == BARE_BYTES
    places = np.flatnonzero((heads["columns"] == 1) & (is_long | is_short))
    following = places + np.where(is_long[places], _LONG, _SHORT) // _STEP
    if not np.array_equal(np.append(places, len(heads)), np.append(0, following)):  # a row's inside looks like a head
        places = places[_reached(places, following, len(heads))]
    return places, is_long[places]


def _reached(places: NDArray[np.int64], following: NDArray[np.int64], end: int) -> NDArray[np.bool_]:
    """Which of the places are reached from 0 by going from each to the one that follows it.

    :raises ValueError: when that does not lead to the end.
    """
    known = np.append(places, end)  # and behind it what is no place, from which nothing leads back
    lost = len(known)
    jump = np.searchsorted(known, following)
    jump = np.where(known[np.minimum(jump, lost - 1)] == following, jump, lost)
    jump = np.append(jump, (lost - 1, lost))
    reached = np.zeros(lost + 1, np.bool_)
    reached[np.searchsorted(known, 0)] = known[0] == 0
    for _ in range(lost.bit_length()):  # each round looks twice as far ahead
        reached[jump[reached]] = True
        jump = jump[jump]
    if reached[lost] or not reached[lost - 1]:
        raise ValueError("a journal row has neither of the two lengths; run `penstock verify`")
    return reached[: lost - 1]


def _windows(octets: memoryview | bytearray | NDArray[np.uint8], size: int, first: int, step: int) -> NDArray[Any]:
    """The windows of ``size`` bytes from ``first`` on, one each ``step`` bytes, as far as they lie within."""
    count = max((len(octets) - first - size) // step + 1, 0)
    return np.ndarray(count, f"V{size}", octets, first, (step,))
