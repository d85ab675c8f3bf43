"""The journal's row by the documents alone: its columns, its canonical bytes, the digest of a batch."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

ZEROS = bytes(32)
#: The table's columns in order: name and struct letter in the canonical encoding.
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
]  # fmt: skip
Row = dict[str, Any]


def encode(row: Row) -> bytes:
    """The canonical 278 bytes of a row."""
    encoded = b""
    for name, letter in COLUMNS:
        if letter == "u":
            number = row[name].int
            encoded += (number >> 64).to_bytes(8, "little") + (number & (2**64 - 1)).to_bytes(8, "little")
        else:
            encoded += struct.pack(f"<{letter}", row[name])
    assert len(encoded) == 278
    return encoded


def digest_of(batch: list[Row], before: bytes, lane: int) -> bytes:
    """The digest of a batch."""
    header = struct.pack("<8sBhqq", b"penstock", 1, lane, batch[0]["seq"], batch[-1]["seq"]) + before
    features = b"".join(row["features"] for row in batch if row["feature_registry"] > 0)
    return hashlib.sha256(header + b"".join(map(encode, batch)) + features).digest()
