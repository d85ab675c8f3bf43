"""The journal's row by the documents alone: its columns, its canonical bytes, the digest of a batch."""

from __future__ import annotations

import hashlib
import math
import struct
from typing import Any

ZEROS = bytes(32)
#: The row's fields in order: the column's name and struct letter in the canonical encoding.
COLUMNS = [
    ("seq", "q"), ("time_us", "q"), ("command_id", "u"), ("fingerprint", "q"), ("payer_account", "q"),
    ("payee_account", "q"), ("amount_minor", "q"), ("held_minor", "q"), ("moved_minor", "q"), ("fee_minor", "q"),
    ("limit_minor", "q"), ("ref_seq", "q"), ("ref_prev_seq", "q"), ("payer_prev_seq", "q"), ("payee_prev_seq", "q"),
    ("fee_prev_seq", "q"), ("expires_us", "q"), ("rules_fired", "q"), ("side_hash", "32s"), ("client", "i"),
    ("customer", "i"), ("purse", "i"), ("business_day", "i"), ("limit_day", "i"), ("policy_version", "i"),
    ("pack_version", "i"), ("model_version", "i"), ("approval_1", "i"), ("approval_2", "i"), ("approval_3", "i"),
    ("score", "f"), ("lane", "h"), ("kind", "h"), ("state", "h"), ("reason", "h"), ("payment_type", "h"),
    ("currency", "h"), ("tier", "h"), ("limit_count", "h"), ("verification", "h"), ("factors", "h"),
    ("feature_registry", "h"), ("flags", "h"), ("from_us", "q"), ("left_minor", "q"), ("maker", "i"), ("option", "h"),
    ("instrument", "q"), ("device", "q"), ("network", "q"), ("place", "q"), ("category", "q"), ("latitude_e4", "i"),
    ("longitude_e4", "i"), ("channel", "h"), ("was", "h"), ("features", "128s"),
]  # fmt: skip
Row = dict[str, Any]


def vector_of(row: Row, hours: float, weekday: int) -> bytes:
    """The 64 half-precision numbers of an attempt, little-endian: what it says of itself, and zeros of all others."""
    numbers = [0.0] * 64
    numbers[0] = math.log2(1 + row["amount_minor"])
    numbers[2], numbers[3] = hours, float(weekday)
    numbers[4] = float(row["payment_type"] or -1)
    numbers[5] = float(row["channel"] or -1)
    return struct.pack("<64e", *numbers)


def encode(row: Row) -> bytes:
    """The canonical 458 bytes of a row; a vector that is not there is zeros."""
    encoded = b""
    for name, letter in COLUMNS:
        if letter == "u":
            number = row[name].int
            encoded += (number >> 64).to_bytes(8, "little") + (number & (2**64 - 1)).to_bytes(8, "little")
        else:
            encoded += struct.pack(f"<{letter}", b"" if row[name] is None else row[name])
    assert len(encoded) == 458
    return encoded


def record_of(row: Row) -> bytes:
    """The bytes of a row in a sheet as short as it may be: where there is no vector, nothing in its place."""
    return encode(row) if row["features"] is not None else encode(row)[:-128]


def sheet_of(rows: list[Row]) -> tuple[int, int, bytes]:
    """Some consecutive rows as the table stores them: the first one's sequence, how many, and their bytes."""
    size = max(len(record_of(row)) for row in rows)
    return rows[0]["seq"], len(rows), b"".join(encode(row)[:size] for row in rows)


def key_of(row: Row) -> bytes:
    """What is kept of a row, beside it, until its partition is closed: id, client, and the payment that it follows."""
    return encode(row)[16:32] + struct.pack("<iq", row["client"], row["ref_seq"] if row["ref_prev_seq"] > 0 else 0)


def digest_of(batch: list[Row], before: bytes, lane: int) -> bytes:
    """The digest of a batch."""
    header = struct.pack("<8sBhqq", b"penstock", 1, lane, batch[0]["seq"], batch[-1]["seq"]) + before
    return hashlib.sha256(header + b"".join(map(encode, batch))).digest()
