"""Keys say of each row what closing its partition needs, in pages that fit and stay within partitions."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from support import planting

from penstock.journal.keys import KEY, PAGE_KEYS, keys_of

_FIRST = 5_000


@given(st.integers(1, 3 * PAGE_KEYS), st.lists(st.integers(_FIRST - 9, _FIRST + 3 * PAGE_KEYS), max_size=5).map(sorted))
def test_pages_follow_one_another_and_cross_no_end(count: int, ends: list[int]) -> None:
    rows = planting.empty_rows(_FIRST, count, client=np.arange(count), ref_seq=7, ref_prev_seq=np.arange(count) % 2)
    pages = keys_of(rows, ends)
    keys = [np.frombuffer(page.keys, KEY) for page in pages]
    following = np.cumsum([_FIRST, *map(len, keys)]).tolist()
    assert following == [*(page.first_seq for page in pages), _FIRST + count]
    assert all(len(some) <= PAGE_KEYS for some in keys)
    assert not any(page.first_seq < end < page.first_seq + len(some) for page, some in zip(pages, keys, strict=True) for end in ends)
    found = np.concatenate(keys)
    assert [found[name].tolist() for name in ("id_hi", "id_lo", "client")] == [rows[name].tolist() for name in ("id_hi", "id_lo", "client")]
    assert found["follows"].tolist() == [7 * (place % 2) for place in range(count)], "a label is about a payment, but does not follow it"
