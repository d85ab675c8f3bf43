"""Side records: each is the one whose hash its row carries, and none lies without a row."""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.review.verify.columns import CANONICAL, BoolArray
from penstock.review.verify.findings import Findings
from penstock.review.verify.read import Chunk

_START: Final = CANONICAL.fields["side_hash"][1]  # type: ignore[index]
_HASH_BYTES: Final = 32


def check_sides(chunk: Chunk, findings: Findings) -> None:
    """Compare the side records of a chunk with the hashes in its rows."""
    announced = _side_hashes(chunk)
    present = _any_in_row(announced != 0)
    seqs, side_seqs = chunk.rows["seq"], chunk.sides.seqs
    place = np.minimum(np.searchsorted(seqs, side_seqs), max(len(seqs) - 1, 0))
    known = (seqs[place] == side_seqs) & present[place] if len(seqs) else np.zeros(len(side_seqs), dtype=np.bool_)
    findings.mark("side_records", ~known, side_seqs, "Side record {seq} belongs to no row that announces one.")
    lacking = present & ~np.isin(seqs, side_seqs)
    findings.mark("side_records", lacking, seqs, "The side record of row {seq} is missing.")
    hashes = b"".join([hashlib.sha256(body).digest() for body in chunk.sides.bodies])
    found = np.frombuffer(hashes, dtype=np.uint8).reshape(-1, _HASH_BYTES)
    changed = known & _any_in_row(found != announced[place]) if len(seqs) else known
    for side in np.flatnonzero(changed):
        seq = int(side_seqs[side])
        findings.add(
            "side_records", seq, f"The side record of row {seq} was changed: it has not the hash in the row.",
            expected=announced[place[side]].tobytes().hex(), found=found[side].tobytes().hex(),
        )  # fmt: skip


def _any_in_row(octets: BoolArray) -> BoolArray:
    any_octet: BoolArray = np.any(octets, axis=1)
    return any_octet


def _side_hashes(chunk: Chunk) -> NDArray[np.uint8]:
    """The side hash of each row, (n, 32)."""
    canonical = chunk.rows.canonical
    octets: NDArray[np.uint8] = canonical.view(np.uint8).reshape(len(canonical), CANONICAL.itemsize)
    return octets[:, _START : _START + _HASH_BYTES].copy()
