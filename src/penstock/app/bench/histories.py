"""Generated histories: for the back-test's benchmark, and for the model of the others to learn from."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.features import EXTRAS
from penstock.improve.history.columns import FRAUD, GENUINE, NO_PLACE, History

_DAY_US: Final = 86_400_000_000
_DAYS: Final = 90
_MATURITY_DAYS: Final = 7
_FRAUD_SHARE: Final = 0.01
#: Entities for each payer.
_PAYEES: Final = 0.1
_DEVICES: Final = 1.3
_NETWORKS: Final = 1.6


def make_history(count: int, payers: int, zipf_exponent: float, seed: int) -> History:
    """A generated history: payers and payees by Zipf, each payer with devices and networks of its own, some frauds.

    :param count: payments.
    :param payers: how many; a tenth as many payees.
    """
    chance = np.random.default_rng(seed)
    time_us = np.sort(chance.integers(0, _DAYS * _DAY_US, count)) + 20_000 * _DAY_US
    payer = _popular(chance, payers, zipf_exponent, count)
    payees = max(1, int(payers * _PAYEES))
    fraud = chance.random(count) < _FRAUD_SHARE
    delay = np.where(fraud, chance.integers(_DAY_US, _MATURITY_DAYS * _DAY_US, count), _MATURITY_DAYS * _DAY_US)
    nothing, numbers = np.zeros(count, np.int64), np.arange(count)
    return History(
        time_us=time_us,
        second_of_day=time_us // 1_000_000 % 86_400,
        weekday=(time_us // _DAY_US + 3) % 7,
        payer=payer,
        payee=payers + _popular(chance, payees, zipf_exponent, count),
        instrument=payer,
        device=_own(chance, payer, _DEVICES),
        network=_own(chance, payer, _NETWORKS),
        place=1 + chance.integers(0, payees, count),
        category=1 + chance.integers(0, 20, count),
        latitude_e4=np.full(count, NO_PLACE),
        longitude_e4=np.full(count, NO_PLACE),
        payment_type=1 + chance.integers(0, 3, count),
        channel=1 + chance.integers(0, 3, count),
        amount_minor=(100 * chance.lognormal(4, 1, count)).astype(np.int64) + 1,
        extras=np.full((count, EXTRAS), np.nan, np.float32),
        failed=chance.random(count) < _FRAUD_SHARE,
        label=np.where(fraud, FRAUD, GENUINE).astype(np.int8),
        known_us=time_us + delay,
        intent=numbers + 1,
        fraud_type=nothing,
        row=numbers,
        maturity_us=_MATURITY_DAYS * _DAY_US,
    )


def _popular(chance: np.random.Generator, names: int, exponent: float, count: int) -> NDArray[np.int64]:
    """Numbers from 1, of which rank r is drawn with weight 1 / r to the exponent."""
    weights = np.cumsum(1.0 / np.arange(1, names + 1) ** exponent)
    ranks = np.searchsorted(weights, chance.random(count) * weights[-1], side="right")
    numbers: NDArray[np.int64] = chance.permutation(names)[np.minimum(ranks, names - 1)] + 1
    return numbers


def _own(chance: np.random.Generator, payer: NDArray[np.int64], each: float) -> NDArray[np.int64]:
    """Things of which every payer has two, the second used so rarely that ``each`` are in use on average."""
    own: NDArray[np.int64] = 2 * payer - (chance.random(len(payer)) < (each - 1) / 4)
    return own
