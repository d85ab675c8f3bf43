"""Side records: each is the one whose hash its row carries, and none lies without a row."""

from __future__ import annotations

import hashlib

import numpy as np

from penstock.review.verify.columns import CANONICAL
from penstock.review.verify.findings import Findings
from penstock.review.verify.read import Chunk


def check_sides(chunk: Chunk, findings: Findings) -> None:
    """Compare the side records of a chunk with the hashes in its rows."""
    for seq in chunk.misshapen:
        findings.add("side_records", seq, f"Row {seq} has a side hash that is not 32 bytes long.")
    hashes = _side_hashes(chunk)
    for seq, body in chunk.sides:
        expected = hashes.pop(seq, None)
        if expected is None:
            findings.add("side_records", seq, f"Side record {seq} belongs to no row that announces one.")
        elif (found := hashlib.sha256(body).digest()) != expected:
            findings.add(
                "side_records", seq, f"The side record of row {seq} was changed: it has not the hash in the row.",
                expected=expected.hex(), found=found.hex(),
            )  # fmt: skip
    for seq in hashes:
        findings.add("side_records", seq, f"The side record of row {seq} is missing.")


def _side_hashes(chunk: Chunk) -> dict[int, bytes]:
    """The hash of each row that has one."""
    canonical = chunk.rows.canonical
    start = CANONICAL.fields["side_hash"][1]  # type: ignore[index]
    octets = canonical.view(np.uint8).reshape(len(canonical), CANONICAL.itemsize)[:, start : start + 32]
    present = np.flatnonzero(octets.any(axis=1))
    seqs = chunk.rows["seq"][present].tolist()
    return {seq: octets[place].tobytes() for seq, place in zip(seqs, present, strict=True)}
