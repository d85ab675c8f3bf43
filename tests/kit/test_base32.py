"""Columns of public ids: the letters are those of single ids, whatever the bytes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.contracts.ids import MAX_INDEX, BadPublicId, Kind, PublicIds, width_of
from penstock.kit import speck

IDS = PublicIds(bytes(range(16)))
indices = st.integers(1, MAX_INDEX)
kinds = st.sampled_from(list(Kind))


@given(kinds, st.lists(indices, max_size=30))
@settings(deadline=None)
def test_columns_are_written_and_read_like_single_ids(kind: Kind, numbers: list[int]) -> None:
    letters = IDS.encode_column(kind, np.array(numbers, np.int64))
    assert [each.tobytes().decode() for each in letters] == [IDS.encode(kind, number) for number in numbers]
    assert IDS.decode_column(kind, letters).tolist() == numbers


@given(kinds, indices, st.integers(0, 16), st.integers(0, 255))
@settings(deadline=None, max_examples=300)
def test_a_changed_byte_is_noticed_as_in_single_ids(kind: Kind, index: int, place: int, byte: int) -> None:
    letters = IDS.encode_column(kind, np.array([index, index]))
    letters[1, place] = byte
    try:
        expected = IDS.decode(kind, letters[1].tobytes().decode("latin-1"))
    except BadPublicId:
        expected = 0
    assert IDS.decode_column(kind, letters).tolist() == [index, expected]


def test_nothing_is_written_for_nothing() -> None:
    letters = IDS.encode_column(Kind.PAYMENT, np.array([0, 1, 0]))
    assert [each.any() for each in letters] == [False, True, False]
    assert letters.shape == (3, width_of(Kind.PAYMENT))


@given(st.lists(st.integers(0, 2**64 - 1), max_size=20))
@settings(deadline=None)
def test_whole_columns_are_permuted_like_single_blocks(numbers: list[int]) -> None:
    keys, blocks = speck.expand_key(bytes(range(16))), np.array(numbers, np.uint64)
    out = np.empty_like(blocks)
    speck.encrypt(keys, blocks, out)
    assert out.tolist() == [int(speck.encrypt_block(keys, block)) for block in blocks]
    speck.decrypt(keys, out, out)
    assert out.tolist() == numbers


def test_the_published_vector() -> None:
    """Speck64/128 of the paper's appendix."""
    keys = speck.expand_key(bytes.fromhex("0001020308090a0b1011121318191a1b"))
    assert int(speck.encrypt_block(keys, np.uint64(0x3B7265747475432D))) == 0x8C6FA548454E028B
