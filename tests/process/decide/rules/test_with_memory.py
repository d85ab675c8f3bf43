"""Rules over what the memory really stored: a count, a time or an amount that a rule names is the one that happened."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray
from support.labelled import labelled_history

from penstock.improve.history.columns import History
from penstock.improve.observing.observing import observe
from penstock.process.decide.rules.pack import Content, Pack, Rule, Verdict


@pytest.fixture(scope="module")
def history() -> History:
    return labelled_history(5, 1_000, days=20)


def test_a_rule_says_what_happened(history: History) -> None:
    seen, pair, gap_s = _count(history)
    expected = {
        "payer.seen = 3": seen == 3,
        "payer.seen >= 6": seen >= 6,
        "payer.seen NOT BETWEEN 2 AND 12": (seen < 2) | (seen > 12),
        "payer.seen + 0 * payment.amount = 7": seen == 7,
        "payer_payee.seen = 0": pair == 0,
        "payer_payee.seen IN (1, 4)": (pair == 1) | (pair == 4),
        "payer.gap IS UNKNOWN": seen == 0,
    }
    vectors = observe(history)
    fired = _pack(*expected).fired(vectors)
    for bit, (condition, happened) in enumerate(expected.items()):
        assert np.flatnonzero(((fired >> bit) & 1) != happened).tolist() == [], condition
        assert happened.any(), condition
    # sure on one side, and within a stored step on the other
    amounts = history.amount_minor
    large, late = np.median(amounts), np.median(gap_s[seen > 0])
    fired = _pack(f"payment.amount >= {large}", f"payer.gap >= {late}").fired(vectors)
    for bit, (value, limit) in enumerate(((amounts, large), (gap_s, late))):
        fires = ((fired >> bit) & 1).astype(bool)
        assert fires[value >= limit].all()
        assert not fires[value < limit * 0.985].any()


def _pack(*conditions: str) -> Pack:
    rules = (Rule(i, f"rule{i}", "says so", "如此", when, Verdict.WATCH) for i, when in enumerate(conditions))
    return Pack(Content("tried", tuple(rules)))


def _count(history: History) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Earlier payments of each payer, and with the payee; seconds since the payer's last, -1 = none."""
    payers, pairs, last_us = Counter[int](), Counter[tuple[int, int]](), dict[int, int]()
    seen, pair, gap_s = [], [], []
    for payer, payee, time_us in zip(history.payer.tolist(), history.payee.tolist(), history.time_us.tolist(), strict=True):
        seen.append(payers[payer])
        pair.append(pairs[payer, payee])
        gap_s.append((time_us - last_us[payer]) / 1e6 if payer in last_us else -1.0)
        payers[payer] += 1
        pairs[payer, payee] += 1
        last_us[payer] = time_us
    return np.array(seen), np.array(pair), np.array(gap_s)
