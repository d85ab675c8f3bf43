"""Crockford's base32 of 64-bit numbers, compiled: 13 characters each, for whole columns of them.

Source: Douglas Crockford, *Base 32*, 2019; without its check symbol, in lower case, and with nothing but the digits.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.kit.kernels import kernel

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
CHARACTERS: Final = 13
LETTERS: Final = np.frombuffer(ALPHABET.encode(), dtype=np.uint8).copy()
_NO_DIGIT: Final = 255
#: Value of each byte as a digit.
_DIGITS: Final = np.full(256, _NO_DIGIT, dtype=np.uint8)
_DIGITS[LETTERS] = np.arange(32, dtype=np.uint8)
_5, _31 = np.uint64(5), np.uint64(31)


@kernel
def read_numbers(
    texts: NDArray[np.uint8], prefix: NDArray[np.uint8], numbers: NDArray[np.uint64], good: NDArray[np.bool_]
) -> None:
    """Read ``numbers`` (n,) from ``texts`` (n, prefix + 13); ``good`` (n,): whether a text is the prefix and a number.

    13 digits have 65 bits; the first bit must be 0.
    """
    start = prefix.shape[0]
    for i in range(texts.shape[0]):
        fits = True
        for n in range(start):
            fits &= texts[i, n] == prefix[n]
        first = _DIGITS[texts[i, start]]
        fits &= first < 16
        number = np.uint64(first)
        worst = first
        for n in range(start + 1, start + CHARACTERS):
            digit = _DIGITS[texts[i, n]]
            worst |= digit
            number = number << _5 | np.uint64(digit)
        numbers[i] = number
        good[i] = fits and worst < 32


@kernel
def write_numbers(numbers: NDArray[np.uint64], prefix: NDArray[np.uint8], texts: NDArray[np.uint8]) -> None:
    """Write ``numbers`` (n,) as ``texts`` (n, prefix + 13)."""
    start = prefix.shape[0]
    for i in range(texts.shape[0]):
        for n in range(start):
            texts[i, n] = prefix[n]
        number = numbers[i]
        for n in range(start + CHARACTERS - 1, start - 1, -1):
            texts[i, n] = LETTERS[number & _31]
            number >>= _5
