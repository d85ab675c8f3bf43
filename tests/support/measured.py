"""Made-up intents with scores and verdicts, for tests of metrics and reports."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.improve.backtest.intents import Intents
from support.labelled import DAY_US

_KINDS = {"score": np.float32, "verdict": np.int8, "label": np.int8, "mature": np.bool_, "failed": np.bool_}


def intents_of(**columns: list[Any]) -> Intents:
    """Intents as stated; what is not stated is plain: one payment a day of payer 1 to payee 2, of 100, mature."""
    count = len(next(iter(columns.values())))
    plain: dict[str, Any] = {
        "time_us": [day * DAY_US for day in range(count)], "second_of_day": [43_200] * count, "payer": [1] * count, "payee": [2] * count,
        "payment_type": [1] * count, "fraud_type": [0] * count, "amount_minor": [100] * count, "score": [0.0] * count, "verdict": [0] * count,
        "label": [0] * count, "mature": [True] * count, "failed": [False] * count, "payments": [1] * count, "earlier": [0] * count,
    }  # fmt: skip
    return Intents(
        **{name: np.array(columns.get(name, values), _KINDS.get(name, np.int64)) for name, values in plain.items()}
    )


def random_intents(seed: int, count: int = 2_000, payers: int = 200, lift: float = 1.5) -> Intents:
    """Intents of payers of whom some are defrauded, with scores that know something of it (more with more lift)."""
    chance = np.random.default_rng(seed)
    payer = chance.integers(1, payers + 1, count)
    fraud = chance.random(count) < np.where(payer % 7 == 0, 0.25, 0.01)
    score = 1 / (1 + np.exp(3 - lift * fraud - chance.normal(0, 1, count)))
    verdict = np.searchsorted([0.3, 0.5, 0.8], score, side="right")
    return intents_of(
        time_us=np.sort(chance.integers(0, 60 * DAY_US, count)).tolist(),
        second_of_day=chance.integers(0, 86_400, count).tolist(),
        payer=payer.tolist(),
        payee=chance.integers(1_000, 1_050, count).tolist(),
        payment_type=chance.integers(1, 3, count).tolist(),
        fraud_type=(fraud * chance.integers(0, 3, count)).tolist(),
        amount_minor=chance.integers(100, 100_000, count).tolist(),
        score=score.tolist(),
        verdict=verdict.tolist(),
        label=fraud.astype(int).tolist(),
    )
