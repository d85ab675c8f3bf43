"""What shares an intent is one unit, and only what is known for certain is measured."""

from __future__ import annotations

from typing import Any

import numpy as np
from support.labelled import DAY_US, labelled_history

from penstock.improve.backtest.intents import earlier_of_payer, gather_intents, starts
from penstock.improve.history.columns import FRAUD, GENUINE, NEVER_KNOWN, UNLABELLED, History


def history(**columns: list[Any]) -> History:
    """A few payments of one day each, all else as in a town."""
    count = len(next(iter(columns.values())))
    plain = labelled_history(1, 200).select(np.arange(count))
    known = {"time_us": np.arange(count, dtype=np.int64) * DAY_US, "maturity_us": 10 * DAY_US}
    arrays = {name: np.array(values, getattr(plain, name).dtype) for name, values in columns.items()}
    return History(**{**vars(plain), **known, **arrays})


def test_payments_of_one_intent_are_one_unit() -> None:
    past = history(
        intent=[7, 8, 7, 9, 7],
        payer=[1, 2, 1, 1, 1],
        amount_minor=[100, 50, 120, 70, 100],
        label=[GENUINE, UNLABELLED, FRAUD, GENUINE, UNLABELLED],
        fraud_type=[0, 0, 2, 0, 0],
        known_us=[DAY_US * 10, NEVER_KNOWN, DAY_US * 3, DAY_US * 14, NEVER_KNOWN],
        failed=[True, True, False, False, True],
    )
    found = gather_intents(
        past, np.array([0.1, 0.2, 0.9, 0.3, 0.5], np.float32), np.array([0, 1, 1, 2, 3], np.int8), 40 * DAY_US
    )
    assert found.time_us.tolist() == [0, DAY_US, 3 * DAY_US]
    assert found.payments.tolist() == [3, 1, 1]
    assert found.score.tolist() == np.array([0.9, 0.2, 0.3], np.float32).tolist()
    assert found.verdict.tolist() == [3, 1, 2]
    assert found.label.tolist() == [FRAUD, UNLABELLED, GENUINE]
    assert found.amount_minor.tolist() == [120, 50, 70]
    assert found.fraud_type.tolist() == [2, 0, 0]
    assert found.failed.tolist() == [False, True, False]
    assert found.mature.tolist() == [True, False, True]
    assert found.earlier.tolist() == [0, 0, 1]
    assert starts(past).tolist() == [0, DAY_US, 0, 3 * DAY_US, 0]
    assert earlier_of_payer(past).tolist() == [0, 0, 0, 1, 0]


def test_young_frauds_are_left_out_like_young_genuine_payments() -> None:
    past = history(intent=[1, 2, 3], label=[FRAUD, FRAUD, GENUINE], known_us=[2 * DAY_US, 20 * DAY_US, 12 * DAY_US])

    def mature(as_of_day: int) -> list[bool]:
        nothing = np.zeros(len(past), np.float32)
        return [
            bool(each) for each in gather_intents(past, nothing, nothing.astype(np.int8), as_of_day * DAY_US).mature
        ]

    assert mature(9) == [False, False, False]  # known already, but its neighbours are not
    assert mature(10) == [True, False, False]
    assert mature(12) == [True, False, True]  # the second becomes known on day 20 only
    assert mature(20) == [True, True, True]


def test_a_part_without_payments_has_no_intents() -> None:
    nothing = labelled_history(1, 200).select(np.zeros(0, np.int64))
    assert len(gather_intents(nothing, np.zeros(0, np.float32), np.zeros(0, np.int8), 0)) == 0


def test_earlier_intents_are_counted_per_payer() -> None:
    past = labelled_history(3, 400)
    counted = earlier_of_payer(past)
    begun: dict[int, list[int]] = {}
    for payer, intent, found in zip(past.payer.tolist(), past.intent.tolist(), counted.tolist(), strict=True):
        mine = begun.setdefault(payer, [])
        if intent not in mine:
            mine.append(intent)
        assert found == (mine.index(intent) if payer else 0)
