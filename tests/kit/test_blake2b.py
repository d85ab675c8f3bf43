"""The compiled BLAKE2b is the one of the standard library."""

from __future__ import annotations

import hashlib
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.contracts.marks import KINDS, Marks
from penstock.kit import blake2b


def ours(key: bytes, person: bytes, text: bytes, start: int = 0) -> int:
    room = np.empty(8, np.uint64), np.empty(16, np.uint64)
    around = np.frombuffer(b"#" * start + text + b"#", np.uint8)
    return int(blake2b.hash_text(blake2b.begin(key, person), around, start, len(text), *room))


def theirs(key: bytes, person: bytes, text: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(text, digest_size=8, key=key, person=person).digest(), "little")


def test_every_length_up_to_several_blocks() -> None:
    chance = random.Random(1)
    for length in [*range(1, 201), 255, 256, 257, 383, 384, 385, 800]:
        text = chance.randbytes(length)
        assert ours(bytes(range(32)), b"device", text, length % 9) == theirs(bytes(range(32)), b"device", text), length


@given(st.binary(min_size=1, max_size=64), st.binary(max_size=16), st.binary(min_size=1, max_size=300))
@settings(deadline=None)
def test_any_key_use_and_text(key: bytes, person: bytes, text: bytes) -> None:
    assert ours(key, person, text) == theirs(key, person, text)


def test_keys_and_uses_have_bounds() -> None:
    for key, person in ((b"", b""), (bytes(65), b""), (b"k", bytes(17))):
        with pytest.raises(ValueError, match="a key has 1 to 64 bytes"):
            blake2b.begin(key, person)


@given(st.lists(st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=200), min_size=1, max_size=30))
@settings(deadline=None)
def test_a_column_of_marks_is_the_marks_of_its_texts(texts: list[str | None]) -> None:
    marks = Marks(bytes(range(32)))
    parts = [(text or "").encode() for text in texts]
    offsets = np.cumsum([0, *map(len, parts)]).astype(np.int32)
    said = np.array([text is not None for text in texts])
    data = np.frombuffer(b"".join(parts), np.uint8)
    for kind in KINDS:
        expected = [0 if text is None else getattr(marks, kind)(text) for text in texts]
        assert marks.column(kind, said, offsets, data).tolist() == expected
