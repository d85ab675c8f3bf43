"""BLAKE2b, compiled: keyed 8-byte hashes of many short texts at once.

Source: RFC 7693, *The BLAKE2 Cryptographic Hash and Message Authentication Code*, 2015; the clauses are named below.
``hashlib`` has the same function, but costs a call for each text.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.kit.kernels import kernel

BLOCK_BYTES: Final = 128
#: Clause 2.6: the words with which a hash begins, those of SHA-512.
_IV: Final = np.array(
    [
        0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
        0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
    ],
    dtype=np.uint64,
)  # fmt: skip
#: Clause 2.7: in which order each round takes the words of a block; the last two rounds are the first two again.
_SIGMA: Final = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
        [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
        [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
        [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
        [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    ],
    dtype=np.uint8,
)
_HASH_BYTES: Final = 8
_MOST_KEY_BYTES: Final = 64
_PERSON_BYTES: Final = 16
_8, _16, _24, _32, _40, _48, _56, _63, _1 = (np.uint64(n) for n in (8, 16, 24, 32, 40, 48, 56, 63, 1))
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


def begin(key: bytes, person: bytes) -> NDArray[np.uint64]:
    """The state, shape (8,), of an 8-byte hash after its key: what ``hash_texts`` goes on from.

    :param key: 1 to 64 bytes.
    :param person: at most 16 bytes that keep the hashes of one use apart from those of another.
    """
    if not 1 <= len(key) <= _MOST_KEY_BYTES or len(person) > _PERSON_BYTES:
        raise ValueError(f"a key has 1 to {_MOST_KEY_BYTES} bytes and a personalisation at most {_PERSON_BYTES}")
    state = _IV.copy()
    state[0] ^= np.uint64(0x01010000 | len(key) << 8 | _HASH_BYTES)  # clause 2.5: fan-out and depth are 1
    state[6:] ^= np.frombuffer(person.ljust(_PERSON_BYTES, b"\0"), dtype="<u8")
    words = np.frombuffer(key.ljust(BLOCK_BYTES, b"\0"), dtype="<u8").astype(np.uint64)
    compress(state, words, np.uint64(BLOCK_BYTES), np.uint64(0))
    return state


@kernel
def _mix(
    a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64, x: np.uint64, y: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Clause 3.1: the function G, with rotations by 32, 24, 16 and 63."""
    a = a + b + x
    d ^= a
    d = d >> _32 | d << _32
    c += d
    b ^= c
    b = b >> _24 | b << _40
    a = a + b + y
    d ^= a
    d = d >> _16 | d << _48
    c += d
    b ^= c
    b = b >> _63 | b << _1
    return a, b, c, d


@kernel
def compress(state: NDArray[np.uint64], words: NDArray[np.uint64], count: np.uint64, last: np.uint64) -> None:
    """Clause 3.2: take a block of 16 ``words`` into the ``state`` (8,).

    ``count``: bytes up to the block's end, below 2**64; ``last``: all bits set for the last block, else none.
    """
    a0, a1, a2, a3, b0, b1, b2, b3 = state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7]
    c0, c1, c2, c3 = _IV[0], _IV[1], _IV[2], _IV[3]
    d0, d1, d2, d3 = _IV[4] ^ count, _IV[5], _IV[6] ^ last, _IV[7]
    for r in range(12):
        s = _SIGMA[r]
        a0, b0, c0, d0 = _mix(a0, b0, c0, d0, words[s[0]], words[s[1]])
        a1, b1, c1, d1 = _mix(a1, b1, c1, d1, words[s[2]], words[s[3]])
        a2, b2, c2, d2 = _mix(a2, b2, c2, d2, words[s[4]], words[s[5]])
        a3, b3, c3, d3 = _mix(a3, b3, c3, d3, words[s[6]], words[s[7]])
        a0, b1, c2, d3 = _mix(a0, b1, c2, d3, words[s[8]], words[s[9]])
        a1, b2, c3, d0 = _mix(a1, b2, c3, d0, words[s[10]], words[s[11]])
        a2, b3, c0, d1 = _mix(a2, b3, c0, d1, words[s[12]], words[s[13]])
        a3, b0, c1, d2 = _mix(a3, b0, c1, d2, words[s[14]], words[s[15]])
    state[0] ^= a0 ^ c0
    state[1] ^= a1 ^ c1
    state[2] ^= a2 ^ c2
    state[3] ^= a3 ^ c3
    state[4] ^= b0 ^ d0
    state[5] ^= b1 ^ d1
    state[6] ^= b2 ^ d2
    state[7] ^= b3 ^ d3


@kernel
def _fill(words: NDArray[np.uint64], text: NDArray[np.uint8], start: int, length: int) -> None:
    """The 16 words of a block that holds ``length`` bytes of ``text`` from ``start``, and zeros."""
    full = length >> 3
    for n in range(full):
        at = start + 8 * n
        words[n] = (
            np.uint64(text[at]) | np.uint64(text[at + 1]) << _8 | np.uint64(text[at + 2]) << _16
            | np.uint64(text[at + 3]) << _24 | np.uint64(text[at + 4]) << _32 | np.uint64(text[at + 5]) << _40
            | np.uint64(text[at + 6]) << _48 | np.uint64(text[at + 7]) << _56
        )  # fmt: skip
    for n in range(full, 16):
        words[n] = np.uint64(0)
    for n in range(8 * full, length):
        words[full] |= np.uint64(text[start + n]) << np.uint64(8 * (n & 7))


@kernel
def hash_text(
    begun: NDArray[np.uint64], text: NDArray[np.uint8], start: int, length: int,
    state: NDArray[np.uint64], words: NDArray[np.uint64],
) -> np.uint64:  # fmt: skip
    """Hash ``length`` > 0 bytes of ``text`` from ``start``; the first 8 bytes of the hash, as a little-endian number.

    ``begun``: what ``begin`` made. ``state`` (8,) and ``words`` (16,) are room to work in.
    """
    for n in range(8):
        state[n] = begun[n]
    done = 0
    while length - done > BLOCK_BYTES:
        _fill(words, text, start + done, BLOCK_BYTES)
        done += BLOCK_BYTES
        compress(state, words, np.uint64(BLOCK_BYTES + done), np.uint64(0))
    _fill(words, text, start + done, length - done)
    compress(state, words, np.uint64(BLOCK_BYTES + length), _ALL)
    return state[0]
