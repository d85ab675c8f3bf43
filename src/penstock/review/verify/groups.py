"""Arithmetic over events that are sorted by group: running sums that start anew with each group."""

from __future__ import annotations

import numpy as np

from penstock.review.verify.columns import BoolArray, IntArray


def starts_of(keys: IntArray) -> BoolArray:
    """Where a group starts in sorted ``keys`` (n,)."""
    starts = np.ones(len(keys), dtype=np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=starts[1:])
    return starts


def ends_of(starts: BoolArray) -> BoolArray:
    """Where a group ends, given where groups start."""
    ends = np.ones(len(starts), dtype=np.bool_)
    ends[:-1] = starts[1:]
    return ends


def start_places(starts: BoolArray) -> IntArray:
    """For each event the place of the first event of its group."""
    return np.maximum.accumulate(np.where(starts, np.arange(len(starts)), 0))


def running_sums(values: IntArray, starts: BoolArray) -> IntArray:
    """Sum ``values`` (n,) or (n, columns) from the start of each group up to and including each event."""
    sums: IntArray = np.cumsum(values, axis=0)
    first = start_places(starts)
    return sums - (sums[first] - values[first])


def order_by(keys: IntArray) -> IntArray:
    """The order of events by key, events of one key in the order in which they are given."""
    count = len(keys)
    if count and int(keys.min()) >= 0 and int(keys.max()) < 2**62 // count:
        return np.argsort(keys * count + np.arange(count))  # distinct keys: the fast sort is stable
    return np.argsort(keys, kind="stable")


def grown(array: IntArray, size: int) -> IntArray:
    """``array`` with room for index ``size - 1``, doubled when it is too small, zeros where new."""
    if size <= len(array):
        return array
    bigger = np.zeros((max(size, 2 * len(array)), *array.shape[1:]), dtype=array.dtype)
    bigger[: len(array)] = array
    return bigger
