"""Damage valid and odd Arrow streams in every way, and see that the reader never does worse than refuse.

``python -m support.mutated_streams SEED FIRST COUNT PLACE`` reads ``COUNT`` mutations from number ``FIRST`` on; it keeps
the number under way in the first 8 bytes of the file ``PLACE``, so that whoever started it knows at which one it died.
Mutation ``n`` of a seed is always the same bytes: ``mutation(seed, n)``.
"""

from __future__ import annotations

import mmap
import random
import resource
import struct
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from penstock.contracts.commands import Kind
from penstock.contracts.ids import MAX_INDEX
from penstock.contracts.marks import Marks
from penstock.contracts.money import MAX_AMOUNT_MINOR
from penstock.kit.http.problem import Problem
from penstock.process.commands.columns.reading import read
from penstock.process.commands.columns.schema import COLUMNS
from penstock.process.commands.columns.translating import translate_parts
from penstock.process.commands.records import Terms
from support.columnar import IDS, bare, row, stream, written

MOST_ROWS = 60
#: What reading a damaged stream of some KiB may take of memory beyond what the process had.
MOST_GROWTH_BYTES = 256 << 20
TERMS = Terms(1, {}, 1_024, Marks(bytes(32)))
_NUMBERS = (0, 1, -1, 2, 7, 8, 63, 64, 127, 128, 255, 1_000, 65_535, 2**31 - 1, -(2**31), 2**32, 2**40, 2**62, 2**63 - 1, -(2**63))
#: Least and most of a command's numbers, whatever was sent.
_BOUNDS = {
    "payer_account": (1, MAX_INDEX), "payee_account": (1, MAX_INDEX), "amount_minor": (1, MAX_AMOUNT_MINOR),
    "latitude_e4": (-900_000, 900_000), "longitude_e4": (-1_800_000, 1_800_000), "lifetime_us": (0, 366 * 86_400 * 10**6),
    "device": (0, 2**63 - 1), "channel": (0, 8), "factors": (0, 511), "verification": (0, 3), "extras_given": (0, 15),
}  # fmt: skip
_ALLOWED = {"malformed_arrow": 400, "batch_too_large": 413, "invalid_fields": 422}


@lru_cache(1)
def beginnings() -> tuple[bytes, ...]:
    """Streams to begin with: good ones of several shapes, and ones that are well written and not taken."""
    chance = random.Random(7)
    rows = [row(chance) for _ in range(20)]
    good = [
        stream([bare(chance)], ["device"]), stream(rows), stream(rows, parts=[5, 0, 15]), stream([], parts=[0]),
        stream([row(chance, 0.0) for _ in range(6)]), stream([bare(chance) for _ in range(9)], ["reference", "network"]),
    ]  # fmt: skip
    return (*good, *_odd(rows))


#: How often a mutation begins with each of them: what is not taken anyway shows less.
_WEIGHTS = (4, 6, 6, 1, 6, 4, 1, 1, 0.3, 0.3, 4, 1)


def _odd(rows: list[dict[str, Any]]) -> list[bytes]:
    schema = pa.schema(list(COLUMNS.items()))
    batch, other = (pa.RecordBatch.from_pylist(part, schema) for part in (rows[:8], rows[8:]))
    nested = pa.record_batch({
        "a": pa.array([[{"b": [1]}], None]), "d": pa.array(["x", "x"]).dictionary_encode(), "v": pa.array(["x" * 20, "y"], pa.string_view()),
        "m": pa.array([[("k", 1)], []], pa.map_(pa.utf8(), pa.int64())), "r": pa.RunEndEncodedArray.from_arrays([2], [1.0]),
        "u": pa.UnionArray.from_sparse(pa.array([0, 0], pa.int8()), [pa.array([1, 2])]), "z": pa.nulls(2),
    })  # fmt: skip
    return [
        written(batch, other),  # replaces dictionaries
        written(batch, other, emit_dictionary_deltas=True),
        written(batch, compression="lz4"),
        written(batch, compression="zstd"),
        written(batch.replace_schema_metadata({"k": "v" * 50})),
        written(nested),
    ]


def mutation(seed: int, number: int) -> bytes:
    """The bytes of one mutation."""
    chance = random.Random(f"{seed} {number}")
    body = bytearray(*chance.choices(beginnings(), _WEIGHTS))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        (mutate,) = chance.choices(tuple(_MUTATIONS), tuple(_MUTATIONS.values()))
        mutate(chance, body)
    return bytes(body)


def _place(chance: random.Random, body: bytearray, step: int = 1) -> int:
    """A place in the body, more often near messages' beginnings, where headers lie."""
    if chance.random() < 0.5:
        marks = [place for place in range(0, len(body) - 7, 8) if body[place : place + 4] == b"\xff\xff\xff\xff"]
        start = chance.choice(marks or [0])
        return min(start + chance.randrange(0, 1_200, step), max(len(body) - 1, 0)) // step * step
    return chance.randrange(0, max(len(body), 1), step)


def _byte(chance: random.Random, body: bytearray) -> None:
    if body:
        body[_place(chance, body)] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))


def _bit(chance: random.Random, body: bytearray) -> None:
    if body:
        body[_place(chance, body)] ^= 1 << chance.randrange(8)


def _number(chance: random.Random, body: bytearray) -> None:
    size, form = chance.choice(((2, "<H"), (4, "<I"), (8, "<Q")))
    place = _place(chance, body, size)
    body[place : place + size] = struct.pack(form, chance.choice(_NUMBERS) % 256**size)[: max(len(body) - place, 0)]


def _shift(chance: random.Random, body: bytearray) -> None:
    """Add a little to a number of 32 bits: an offset, a length or a count moves."""
    place = _place(chance, body, 4)
    if place + 4 <= len(body):
        (number,) = struct.unpack_from("<I", body, place)
        struct.pack_into("<I", body, place, (number + chance.choice((-8, -4, -1, 1, 4, 8, 16))) % 2**32)


def _cut(chance: random.Random, body: bytearray) -> None:
    del body[_place(chance, body) :]


def _remove(chance: random.Random, body: bytearray) -> None:
    place = _place(chance, body, 8)
    del body[place : place + 8 * chance.randrange(1, 40)]


def _repeat(chance: random.Random, body: bytearray) -> None:
    place, here = _place(chance, body, 8), _place(chance, body, 8)
    body[here:here] = body[place : place + 8 * chance.randrange(1, 200)]


def _splice(chance: random.Random, body: bytearray) -> None:
    """Go on with a piece of another stream."""
    other = chance.choice(beginnings())
    place = _place(chance, body, 8)
    body[place:] = other[chance.randrange(0, max(len(other), 1), 8) :]


def _insert(chance: random.Random, body: bytearray) -> None:
    place = _place(chance, body)
    body[place:place] = chance.randbytes(chance.randrange(1, 32))


#: Each way of damaging a stream, and how often it is chosen. Those that tear its frames are refused at once.
_MUTATIONS: dict[Callable[[random.Random, bytearray], None], int] = {
    _byte: 6, _bit: 6, _number: 6, _shift: 6, _repeat: 1, _splice: 1, _insert: 1, _cut: 1, _remove: 1,
}  # fmt: skip


def try_one(body: bytes) -> bool:
    """Read one body; whether it was taken. Anything but a problem or records within bounds is an error."""
    refused: Problem | None = None
    try:
        commands, payloads = translate_parts(read(body, MOST_ROWS), IDS, TERMS)
    except Problem as problem:
        refused = problem
    if refused is not None:
        assert _ALLOWED[refused.kind] == refused.status, refused
        assert refused.body()
        return False
    assert len(commands) <= MOST_ROWS
    assert payloads is None or [len(payload) for payload in payloads] == commands["payload_bytes"].tolist()
    assert np.isin(commands["payment_type"], (1, 2, 3)).all()
    assert (commands["kind"] == Kind.PAY).all()
    for name, (least, most) in _BOUNDS.items():
        assert ((commands[name] >= least) & (commands[name] <= most)).all(), name
    return True


def main(seed: int, first: int, count: int, place: Path) -> None:
    """Read mutations ``first`` … ``first + count`` of a seed."""
    with place.open("r+b") as file, mmap.mmap(file.fileno(), 8) as under_way:
        for body in beginnings():
            try_one(body)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        taken = 0
        for number in range(first, first + count):
            under_way[:8] = struct.pack("<q", number)
            taken += try_one(mutation(seed, number))
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10) - before
            assert grown < MOST_GROWTH_BYTES, f"{grown} bytes more than before"
        assert pa.default_memory_pool().max_memory() < MOST_GROWTH_BYTES
    sys.stdout.write(f"{taken} of {count} were taken\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]), Path(sys.argv[4]))
