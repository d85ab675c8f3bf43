"""The same payments in columns and as JSON become the same records and payloads, to the byte."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from support.columnar import IDS, item, row, stream, written

from penstock.contracts import marks
from penstock.contracts.commands import COMMAND, REPLY, Status
from penstock.contracts.marks import Marks
from penstock.kit import base32, blake2b, speck
from penstock.process.commands import bodies
from penstock.process.commands.columns.answers import encode
from penstock.process.commands.columns.reading import read
from penstock.process.commands.columns.schema import COLUMNS, OPTIONAL
from penstock.process.commands.columns.translating import translate_parts
from penstock.process.commands.columns.warm import warm_columns
from penstock.process.commands.records import Terms
from penstock.process.commands.translate import translate_many

TERMS = Terms(client=9, tiers={}, payload_bytes=1_024, marks=Marks(bytes(range(32))), maker=3)
DECODER = msgspec.json.Decoder(list[bodies.Item])


def in_columns(body: bytes, terms: Terms = TERMS) -> tuple[bytes, list[bytes] | None]:
    commands, payloads = translate_parts(read(body, 5_000), IDS, terms)
    assert commands.dtype == COMMAND
    return commands.tobytes(), payloads


def as_json(rows: list[dict[str, Any]], terms: Terms = TERMS) -> tuple[bytes, list[bytes] | None]:
    items = DECODER.decode(msgspec.json.encode([item(said) for said in rows]))
    commands, payloads = translate_many(items, IDS, terms)
    return commands.tobytes(), payloads


@given(st.integers(0, 2**64), st.integers(1, 60), st.floats(0, 1))
@settings(deadline=None, max_examples=150)
def test_columns_are_the_json_way_to_the_byte(seed: int, count: int, silence: float) -> None:
    chance = random.Random(seed)
    rows = [row(chance, silence) for _ in range(count)]
    assert in_columns(stream(rows)) == as_json(rows)


@given(st.integers(0, 2**64), st.sets(st.sampled_from(sorted(OPTIONAL))))
@settings(deadline=None, max_examples=60)
def test_columns_may_be_left_out(seed: int, columns: set[str]) -> None:
    chance = random.Random(seed)
    columns |= {"latitude", "longitude"} if columns & {"latitude", "longitude"} else set()
    rows = [
        {name: value for name, value in row(chance).items() if name in columns or name not in OPTIONAL}
        for _ in range(20)
    ]
    for said in rows:
        if "hold_only" not in said:
            said.pop("hold_lifetime_s", None)
    assert in_columns(stream(rows, sorted(columns))) == as_json(rows)


@given(st.integers(0, 2**64), st.lists(st.integers(0, 20), min_size=1, max_size=8))
@settings(deadline=None, max_examples=40)
def test_how_rows_are_cut_into_record_batches_changes_nothing(seed: int, parts: list[int]) -> None:
    chance = random.Random(seed)
    rows = [row(chance) for _ in range(sum(parts))]
    assert in_columns(stream(rows, parts=parts)) == in_columns(stream(rows))


def test_no_rows_are_no_commands() -> None:
    assert in_columns(stream([])) == (b"", None)
    assert in_columns(stream([], parts=[0, 0])) == (b"", None)


def test_references_of_a_sandbox_force_the_same() -> None:
    chance = random.Random(1)
    words = ["sandbox:insufficient_funds", "sandbox:review", "no sandbox", None, "sandbox:held"]
    rows = [{**row(chance, 1.0), **({"reference": word} if word else {})} for word in words]
    terms = TERMS._replace(sandbox=True)
    assert in_columns(stream(rows), terms) == as_json(rows, terms)
    assert in_columns(stream(rows), terms) != in_columns(stream(rows))


def test_what_lies_under_a_null_says_nothing() -> None:
    """A writer may leave anything in the place of a value that is not said, also what is out of bounds."""
    chance = random.Random(2)
    rows = [{**row(chance, 0.0), "latitude": 1.0, "longitude": 2.0} for _ in range(40)]
    batch = pa.RecordBatch.from_pylist(rows, pa.schema(list(COLUMNS.items())))
    arrays = [_nothing_odd(array) if name in OPTIONAL else array for name, array in zip(COLUMNS, batch.columns, strict=True)]
    body = written(pa.record_batch(arrays, schema=batch.schema))
    silent = [{name: value for name, value in said.items() if name not in OPTIONAL} for said in rows]
    said = [rows[place] if place % 2 == 0 else silent[place] for place in range(40)]
    assert in_columns(body) == as_json(said)


def _nothing_odd(array: pa.Array) -> pa.Array:
    """The same column with its odd rows null, and nonsense in their places."""
    even = np.arange(len(array)) % 2 == 0
    bits = pa.py_buffer(np.packbits(even, bitorder="little"))
    if pa.types.is_dictionary(array.type):
        indices = np.where(even, array.indices.to_numpy(), 10**9).astype(np.int32)
        under = pa.Array.from_buffers(pa.int32(), len(array), [bits, pa.py_buffer(indices)])
        return pa.DictionaryArray.from_arrays(under, array.dictionary, safe=False)
    buffers = array.buffers()[1:]
    if pa.types.is_floating(array.type):
        buffers = [pa.py_buffer(np.where(even, array.to_numpy(zero_copy_only=False), np.nan))]
    said = array.is_valid().to_numpy(zero_copy_only=False)
    bits = pa.py_buffer(np.packbits(even & said, bitorder="little"))
    return pa.Array.from_buffers(array.type, len(array), [bits, *buffers])


def test_a_request_compiles_nothing_once_the_edge_is_warm() -> None:
    kernels: list[Any] = [
        base32.read_numbers, base32.write_numbers, speck.encrypt, speck.decrypt, blake2b.compress, marks._mark_column,
    ]  # fmt: skip
    warm_columns()
    before = [list(kernel.signatures) for kernel in kernels]
    rows = [row(random.Random(3)) for _ in range(50)]
    assert in_columns(stream(rows)) == as_json(rows)
    commands, _ = translate_parts(read(stream(rows), 50), IDS, TERMS)
    replies = np.zeros(50, REPLY)
    replies["status"] = Status.DONE
    assert encode(replies, commands, IDS)
    assert [list(kernel.signatures) for kernel in kernels] == before
