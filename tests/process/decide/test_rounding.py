"""Rounding to halves is numpy's, bit for bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.process.decide.rounding import round_vectors

_SLOTS = 64
#: The bits of every half below infinity, of either sign.
_HALVES = np.concatenate([np.arange(0x7C00), 0x8000 + np.arange(0x7C00)]).astype(np.uint16).view(np.float16)


def check(numbers: NDArray[np.float32]) -> None:
    wide = np.resize(numbers, (-(-len(numbers) // _SLOTS), _SLOTS))
    found = round_vectors(wide, np.arange(len(wide)))
    assert np.array_equal(found.view(np.uint16), wide.astype(np.float16).view(np.uint16))


def test_every_half_stays_as_it_is() -> None:
    check(_HALVES.astype(np.float32))


def test_what_lies_between_two_halves_goes_to_the_nearer_and_midway_to_the_even() -> None:
    some = _HALVES[:0x7BFF:7].astype(np.float64)
    middle = ((some + np.nextafter(_HALVES[:0x7BFF:7], np.float16(np.inf)).astype(np.float64)) / 2).astype(np.float32)
    for numbers in (middle, np.nextafter(middle, np.float32(0)), np.nextafter(middle, np.float32(np.inf))):
        check(numbers)
        check(-numbers)


def test_only_the_chosen_are_rounded() -> None:
    wide = np.arange(5 * _SLOTS, dtype=np.float32).reshape(5, _SLOTS) / 7
    chosen = np.flatnonzero([False, True, False, False, True])
    assert np.array_equal(round_vectors(wide, chosen), wide[chosen].astype(np.float16))
    assert round_vectors(wide, chosen[:0]).shape == (0, _SLOTS)
