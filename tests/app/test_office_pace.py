"""Tails rest while the lane is busy, and make up for it afterwards."""

from __future__ import annotations

import pytest

from penstock.app.office.pace import Pace


def test_a_tail_works_its_share_while_the_lane_is_busy() -> None:
    pace = Pace()
    pace.look(0, 10.0)
    assert pace.rest_s(0.1, 5_000, 0.02) == 0, "the speed is not known yet"
    pace.look(40_000, 11.0)
    assert pace.rows_per_second == 40_000
    worked_s, rested_s = 0.02, pace.rest_s(0.02, 5_000, 0.02)
    assert worked_s / (worked_s + rested_s) == pytest.approx(0.02)
    assert pace.rest_s(60.0, 5_000, 0.02) == 5.0, "no rest is so long that nobody knows whether it ends"


def test_it_catches_up_without_rest_when_the_lane_has_been_quiet_for_a_while() -> None:
    pace = Pace()
    pace.look(0, 10.0)
    pace.look(40_000, 11.0)
    pace.look(40_100, 11.4)
    assert pace.rest_s(0.1, 5_000, 0.02) > 0, "too short a look to judge by"
    pace.look(40_200, 12.0)
    assert pace.rest_s(0.1, 5_000, 0.02) > 0, "the next burst may come, or the lane recovers from a fall"
    pace.look(40_300, 42.0)
    assert pace.rest_s(0.1, 5_000, 0.02) == 0
    pace.look(90_300, 43.0)
    assert pace.rows_per_second == 50_000, "and it notices at once when it is busy again"
