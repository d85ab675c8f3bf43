"""Record: side hashes into the rows, then one durable commit, in a thread of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.process.post.terms import Int64


def hash_sides(payloads: Mapping[int, bytes], count: int) -> Int64:
    """SHA-256 of each command's side record as four words, (count, 4); zero = none."""
    words = np.zeros((count, 4), dtype="<i8")
    for position, body in payloads.items():
        words[position] = np.frombuffer(hashlib.sha256(body).digest(), "<i8")
    return words


def join_sides(
    rows: NDArray[Any], row_of_command: Int64, side_words: Int64, payloads: Mapping[int, bytes]
) -> list[tuple[int, bytes]]:
    """Complete the rows with their side hashes; the side records by sequence."""
    sides = []
    for position, body in payloads.items():
        place = row_of_command[position]
        if place >= 0:
            rows["side_hash"][place] = side_words[position]
            sides.append((int(rows["seq"][place]), body))
    return sides
