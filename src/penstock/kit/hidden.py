"""One number, hidden by Speck and written in base32: for a single public id what ``speck`` and ``base32`` do for columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kit.base32 import CHARACTERS, LETTERS
from penstock.kit.kernels import kernel
from penstock.kit.speck import encrypt_block

_5, _16, _31 = np.uint64(5), np.uint64(16), np.uint64(31)


@kernel
def write_hidden(keys: NDArray[np.uint64], number: int, check: int, letters: NDArray[np.uint8]) -> None:
    """Write ``number`` (48 bits) with its 16 check bits, encrypted, as ``letters`` (13,)."""
    block = encrypt_block(keys, np.uint64(number) << _16 | np.uint64(check))
    for place in range(CHARACTERS - 1, -1, -1):
        letters[place] = LETTERS[block & _31]
        block >>= _5
