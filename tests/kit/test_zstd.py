"""What is packed comes back as it was, and what is damaged does not come back."""

from __future__ import annotations

import numpy as np
import pytest

from penstock.kit import zstd


@pytest.mark.parametrize("content", [b"", b"abc", bytes(10_000), np.random.default_rng(7).bytes(10_000)])
def test_what_is_packed_comes_back(content: bytes) -> None:
    assert bytes(zstd.unpack(zstd.pack(content), len(content))) == content


def test_arrays_are_packed_as_their_bytes() -> None:
    numbers = np.arange(1_000, dtype=np.int64)
    frame = zstd.pack(numbers)
    assert len(frame) < numbers.nbytes / 2
    assert np.array_equal(np.frombuffer(zstd.unpack(frame, numbers.nbytes), np.int64), numbers)


@pytest.mark.parametrize("size", [0, 1, 999, 1_001])
def test_another_size_than_was_said_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"no zstd frame of {size} bytes"):
        zstd.unpack(zstd.pack(bytes(1_000)), size)


@pytest.mark.parametrize("harm", ["cut short", "without its mark", "empty"])
def test_a_damaged_frame_is_refused(harm: str) -> None:
    frame = bytes(zstd.pack(np.arange(100)))
    harmed = {"cut short": frame[:-1], "without its mark": bytes(4) + frame[4:], "empty": b""}[harm]
    with pytest.raises(ValueError, match="no zstd frame"):
        zstd.unpack(harmed, 800)
