"""Stirring numbers, for hash tables and content fingerprints. Kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.kit.kernels import kernel


@kernel
def mix(a: int, b: int) -> int:
    """Stir two 64-bit numbers into one of 63 bits.

    Two rounds of multiply-add over 32-bit halves with 30-bit odd constants: nothing overflows, so the
    compiled and the uncompiled kernel agree.
    """
    x: Any = np.int64(a) ^ np.int64(b)
    total: Any = (x & 0xFFFFFFFF) * 0x278DDE6D + ((x >> 32) & 0xFFFFFFFF) * 0x2545F491
    total ^= total >> 31
    total = (total & 0xFFFFFFFF) * 0x1B873593 + ((total >> 32) & 0xFFFFFFFF) * 0x3C6EF372 + (np.int64(b) & 0xFFFFFF)
    return total ^ (total >> 29)
