"""The digest chain: each batch's SHA-256 covers its rows and the digest before it. See docs/journal-format.md."""

from __future__ import annotations

import hashlib
import struct
from typing import Any, Final

from numpy.typing import NDArray

from penstock.contracts.row import ENCODING_VERSION

#: The digest before the first batch.
GENESIS: Final = bytes(32)
_HEADER: Final = struct.Struct("<8sBhqq32s")


def chain(previous: bytes, lane: int, rows: NDArray[Any]) -> bytes:
    """The digest of a batch of rows (n > 0,) of ``ROW``, 32 bytes."""
    first, last = int(rows["seq"][0]), int(rows["seq"][-1])
    digest = hashlib.sha256(_HEADER.pack(b"penstock", ENCODING_VERSION, lane, first, last, previous))
    digest.update(rows.tobytes())
    return digest.digest()
