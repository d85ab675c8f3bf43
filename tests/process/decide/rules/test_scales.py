"""A number that an analyst says meets the value that the memory stored for it."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
import pytest
from process.decide.rules import languages

from penstock.contracts.features import FEATURES
from penstock.process.decide.rules.columns import COLUMNS, SCORE_SLOT, Scale
from penstock.process.decide.rules.scales import OFFSET, bounds, decoding_tables, rank_of_half, threshold
from penstock.state.behaviour.decay import ONE, log2_1024, log2_count, log2_seconds

SEEN, GAP, AMOUNT = COLUMNS["payer.seen"], COLUMNS["payer.gap"], COLUMNS["payment.amount"]
ALL_RANKS: Final = range(rank_of_half(-65_504.0), rank_of_half(65_504.0) + 1)


def half(value: float) -> int:
    return rank_of_half(float(np.float16(value)))


def value_of(rank: int) -> float:
    value = float(np.uint16(abs(rank)).view(np.float16))
    return -value if rank < 0 else value


def test_the_registry_s_units_are_understood() -> None:
    assert {column.name for column in COLUMNS.values()} == {"score", *(feature.name for feature in FEATURES)}
    by_scale = {scale: {column.unit for column in COLUMNS.values() if column.scale is scale} for scale in Scale}
    assert by_scale[Scale.LOG] == {"payments", "minor units", "new partners", "switches", "km/h"}
    assert by_scale[Scale.SECONDS] == {"seconds"}
    assert by_scale[Scale.RATIO] == {"times"}
    assert not any("log" in column.unit for column in COLUMNS.values() if column.scale is not Scale.PLAIN)


@pytest.mark.parametrize("count", [*range(300), 1000, 12_345, 500_000, 10**9, 10**12, 10**14])
def test_a_count_meets_its_own_stored_value(count: int) -> None:
    stored = half(log2_1024(count + 1) / 1024)
    assert threshold(SEEN, count, raw=False) == stored
    assert threshold(AMOUNT, count, raw=False) == stored


def test_a_count_that_fades_meets_it_too() -> None:
    for tenth in range(200):
        assert threshold(SEEN, tenth / 10, raw=False) == half(log2_count(round(tenth / 10 * ONE)))


def test_whole_numbers_up_to_255_are_told_apart() -> None:
    ranks = [threshold(SEEN, count, raw=False) for count in range(256)]
    assert all(low < high for low, high in pairwise(ranks))


@pytest.mark.parametrize("seconds", [0, 1, 59, 60, 3600, 86_400, 604_800, 31_536_000])
def test_a_time_meets_its_own_stored_value(seconds: int) -> None:
    assert threshold(GAP, seconds, raw=False) == half(log2_seconds(seconds * 1_000_000))


@pytest.mark.parametrize("name", languages.NAMES)
@pytest.mark.parametrize("raw", [False, True])
def test_thresholds_are_ordered_as_numbers_are(name: str, raw: bool) -> None:
    column = COLUMNS[name]
    numbers = [-1e15, -70_000.0, -100.0, -1.0, -0.5, 0.0, 1e-9, 0.1, 0.5, 0.999, 1.0, 2.0, 3.5, 64.0, 100.0, 1e5, 1e15]
    ranks = [threshold(column, number, raw=raw) for number in numbers]
    assert ranks == sorted(ranks)
    floor, ceiling = bounds(column)
    assert all(floor <= rank <= ceiling + 1 for rank in ranks)


@pytest.mark.parametrize("name", [name for name in languages.NAMES if name != "score"])
def test_decoding_is_what_the_slow_way_says(name: str) -> None:
    column = COLUMNS[name]
    row = Scale.LOG if column.scale is Scale.SECONDS else column.scale
    floor, ceiling = bounds(column)
    table = decoding_tables()[row]
    wrong = [r for r in ALL_RANKS if floor < r <= ceiling and table[OFFSET + r] != languages.number_of(column, value_of(r))]
    assert wrong == []


def test_what_is_decoded_is_ordered_and_small_whole_numbers_are_whole() -> None:
    for column in COLUMNS.values():
        if column.slot != SCORE_SLOT:
            row = Scale.LOG if column.scale is Scale.SECONDS else column.scale
            floor, ceiling = bounds(column)
            assert np.all(np.diff(decoding_tables()[row, OFFSET + floor + 1 : OFFSET + ceiling + 1]) >= 0)
    counts = [decoding_tables()[Scale.LOG, OFFSET + threshold(SEEN, count, raw=False)] for count in range(128)]
    assert counts == list(range(128))


def test_unknown_decodes_to_nothing() -> None:
    assert decoding_tables()[:, 0].tolist() == [0.0, 0.0, 0.0, 0.0]
