"""A prefetch changes nothing, compiled or not; that it helps is for benchmarks."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.kit.kernels import kernel
from penstock.kit.prefetch import prefetch


@kernel
def _sum_ahead(table: Any) -> int:
    total = 0
    for record in range(table.shape[0]):
        prefetch(table, record, table.shape[1] - 1)
        total += table[record, 0]
    return total


def test_prefetching_leaves_everything_as_it_is() -> None:
    table = np.arange(40, dtype=np.int64).reshape(5, 8)
    before = table.copy()
    assert _sum_ahead(table) == before[:, 0].sum()
    assert np.array_equal(table, before)
    assert prefetch(table, 4, 7) is None  # type: ignore[func-returns-value] - as a plain function it does nothing
