"""Speck64/128: a small keyed permutation of 64-bit numbers, compiled.

Source: Beaulieu et al., *The SIMON and SPECK Families of Lightweight Block Ciphers*, 2013 (block 64,
key 128, 27 rounds, rotations 8 and 3). Used to hide indices in public ids, never to keep secrets.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kit.kernels import kernel

ROUNDS = 27
_MASK = np.uint64(0xFFFFFFFF)
_3, _5, _8, _24, _29, _32 = (np.uint64(n) for n in (3, 5, 8, 24, 29, 32))


def expand_key(key: bytes) -> NDArray[np.uint64]:
    """Make the round keys, shape (27,), of a 16-byte key."""
    if len(key) != 16:
        raise ValueError(f"a Speck64/128 key has 16 bytes, not {len(key)}")
    words = [int.from_bytes(key[i : i + 4], "little") for i in range(0, 16, 4)]
    round_key, rest = words[0], words[1:]
    keys = []
    for i in range(ROUNDS):
        keys.append(round_key)
        word = rest[i % 3]
        word = ((round_key + (word >> 8 | word << 24 & 0xFFFFFFFF)) & 0xFFFFFFFF) ^ i
        rest[i % 3] = word
        round_key = (round_key << 3 & 0xFFFFFFFF | round_key >> 29) ^ word
    return np.array(keys, dtype=np.uint64)


@kernel
def encrypt_block(keys: NDArray[np.uint64], block: np.uint64) -> np.uint64:
    """Permute one block."""
    x = block >> _32
    y = block & _MASK
    for r in range(ROUNDS):
        x = ((((x >> _8) | (x << _24)) & _MASK) + y & _MASK) ^ keys[r]
        y = (((y << _3) | (y >> _29)) & _MASK) ^ x
    return (x << _32) | y


@kernel
def decrypt_block(keys: NDArray[np.uint64], block: np.uint64) -> np.uint64:
    """Undo ``encrypt_block``."""
    x = block >> _32
    y = block & _MASK
    for r in range(ROUNDS - 1, -1, -1):
        y = y ^ x
        y = ((y >> _3) | (y << _29)) & _MASK
        x = ((x ^ keys[r]) - y) & _MASK
        x = ((x << _8) | (x >> _24)) & _MASK
    return (x << _32) | y


@kernel
def encrypt(keys: NDArray[np.uint64], blocks: NDArray[np.uint64], out: NDArray[np.uint64]) -> None:
    """Permute ``blocks`` (n,) into ``out`` (n,); the two may be the same array.

    Round by round over all blocks, which the compiler turns into vector instructions: 4 to 8 blocks at a time.
    """
    for i in range(out.shape[0]):
        out[i] = blocks[i]
    for r in range(ROUNDS):
        key = keys[r]
        for i in range(out.shape[0]):
            x = out[i] >> _32
            y = out[i] & _MASK
            x = ((((x >> _8) | (x << _24)) & _MASK) + y & _MASK) ^ key
            out[i] = (x << _32) | ((((y << _3) | (y >> _29)) & _MASK) ^ x)


@kernel
def decrypt(keys: NDArray[np.uint64], blocks: NDArray[np.uint64], out: NDArray[np.uint64]) -> None:
    """Undo ``encrypt``."""
    for i in range(out.shape[0]):
        out[i] = blocks[i]
    for r in range(ROUNDS - 1, -1, -1):
        key = keys[r]
        for i in range(out.shape[0]):
            x = out[i] >> _32
            y = (out[i] & _MASK) ^ x
            y = ((y >> _3) | (y << _29)) & _MASK
            x = ((x ^ key) - y) & _MASK
            out[i] = ((((x << _8) | (x >> _24)) & _MASK) << _32) | y
