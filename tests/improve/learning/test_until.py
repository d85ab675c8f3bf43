"""The time T as a date, a share or a step."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from support.labelled import labelled_history

from penstock.improve.history.columns import History
from penstock.improve.learning.until import BadTime, read_until


@pytest.fixture(scope="module")
def history() -> History:
    return labelled_history(1, 200, days=60)


def test_a_date_or_time(history: History) -> None:
    def micros(*moment: int) -> int:
        return int(datetime(*moment, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[arg-type, misc]

    assert read_until("2025-04-01", history) == micros(2025, 4, 1)
    assert read_until("2025-04-01T12:30+08:00", history) == micros(2025, 4, 1, 4, 30)
    assert read_until("2025-04-01", history, zone=ZoneInfo("Asia/Shanghai")) == micros(2025, 3, 31, 16)


def test_a_share_of_the_time(history: History) -> None:
    first, last = int(history.time_us[0]), int(history.time_us[-1])
    assert read_until("0.5", history) == first + round((last - first) / 2)
    assert read_until("1", history) == last


def test_a_step(history: History) -> None:
    stepped = replace(history, time_us=np.arange(len(history)) * 3_600_000_000, second_of_day=np.full(len(history), -1))
    assert read_until("150", stepped, 3_600_000_000) == 150 * 3_600_000_000


@pytest.mark.parametrize("text", ["soon", "150", "-3", "nan", "inf", "2025-13-01"])
def test_what_is_no_time_is_told_with_the_forms(text: str, history: History) -> None:
    with pytest.raises(BadTime, match="no time; give an ISO date"):
        read_until(text, history)


def test_a_time_before_the_history_is_refused(history: History) -> None:
    with pytest.raises(BadTime, match="before the first payment"):
        read_until("2020-01-01", history)
