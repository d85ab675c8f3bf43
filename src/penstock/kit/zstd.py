"""Zstandard at its fastest, for what goes to disk. pyarrow does the work, without the GIL.

Source: RFC 8878. Who keeps a frame keeps its size too: pyarrow must be told how much will come out.
"""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa

_CODEC: Final = pa.Codec("zstd", compression_level=1)


def pack(content: Any) -> memoryview:
    """The frame of anything that has the buffer protocol."""
    frame = _CODEC.compress(pa.py_buffer(content))
    return memoryview(frame)[: frame.size]


def unpack(frame: Any, size: int) -> memoryview:
    """What was packed, of ``size`` bytes.

    :raises ValueError: when the frame is damaged, or holds more.
    """
    try:
        return memoryview(_CODEC.decompress(pa.py_buffer(frame), size))
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"no zstd frame of {size} bytes: {error}") from error
