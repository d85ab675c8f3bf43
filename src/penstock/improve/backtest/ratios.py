"""Shares that are sums ÷ sums, kept per payer so that a bootstrap over payers is one product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penstock.improve.backtest.assumptions import Assumptions
from penstock.improve.backtest.chances import Chances, log_of_rest
from penstock.improve.backtest.episodes import chance_unstopped, find_runs
from penstock.improve.backtest.intents import Bool, Intents

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
DAY_US = 86_400_000_000
#: Above, below: sums over the intents of each payer, (payers,) each.
Parts = tuple[Float64, Float64]


@dataclass(frozen=True)
class Ratios:
    """Some shares over some payers: share m = sum of ``above[:, m]`` ÷ sum of ``below[:, m]``."""

    names: tuple[str, ...]
    payers: Int64  # (k,) numbers from 0
    above: Float64  # (k, m)
    below: Float64

    def values(self, payer_weights: Float64 | None = None) -> dict[str, float]:
        """Name → share, each payer counted so often; NaN of nothing."""
        if payer_weights is None:
            above, below = self.above.sum(axis=0), self.below.sum(axis=0)
        else:
            weights = payer_weights[self.payers]
            above, below = weights @ self.above, weights @ self.below
        shares = np.divide(above, below, out=np.full(len(self.names), np.nan), where=below > 0)
        return dict(zip(self.names, shares.tolist(), strict=True))


def sum_by(groups: Int64, values: Float64, count: int) -> Float64:
    """Sums of the values of each group, (count,)."""
    return np.bincount(groups, values, count).astype(np.float64)


def stack(parts: Mapping[str, Parts], payers: Int64 | None = None) -> Ratios:
    """Many shares over the same payers (all of them unless told which)."""
    above = np.column_stack([each[0] for each in parts.values()])
    below = np.column_stack([each[1] for each in parts.values()])
    return Ratios(tuple(parts), np.arange(len(above)) if payers is None else payers, above, below)


def number_payers(payer: Int64) -> tuple[Int64, int]:
    """Numbers from 0 (n,), and how many there are; each intent whose payer is not known is a payer of its own."""
    unknown = payer == 0
    apart = np.where(unknown, -np.cumsum(unknown), payer)
    found, numbers = np.unique(apart, return_inverse=True)
    return numbers.astype(np.int64), len(found)


def by_count_and_amount(chance: Float64, among: Bool, amount: Float64, payer: Int64, payers: int) -> dict[str, Parts]:
    """Share of the intents and of their money."""

    def sums(weights: Float64) -> Float64:
        return sum_by(payer, np.where(among, weights, 0.0), payers)

    ones = np.ones(len(chance))
    return {"count": (sums(chance), sums(ones)), "amount": (sums(chance * amount), sums(amount))}


def by_customer(chance: Float64, among: Bool, window: Int64, payer: Int64, payers: int) -> Parts:
    """Share of the payers' windows with at least one; windows without any intent that could be one do not count."""
    places = np.flatnonzero(among)
    key = payer[places] * (int(window.max(initial=0)) + 1) + window[places]
    found, groups = np.unique(key, return_inverse=True)
    at_least_one = 1 - np.exp(np.bincount(groups, log_of_rest(chance[places]), len(found)))
    owner = found // (int(window.max(initial=0)) + 1)
    return sum_by(owner, at_least_one, payers), np.bincount(owner, minlength=payers).astype(np.float64)


def by_episode(chance: Float64, among: Bool, intents: Intents, payer: Int64, payers: int, gap_us: float) -> Parts:
    """Share of the loss saved if the first stop ends a payer's episode."""
    places = np.flatnonzero(among)
    runs = find_runs(intents.payer[places], intents.time_us[places], gap_us)
    amount = intents.amount_minor[places][runs.places].astype(np.float64)
    owner = payer[places][runs.places]
    saved = amount * (1 - chance_unstopped(runs, chance[places]))
    return sum_by(owner, saved, payers), sum_by(owner, amount, payers)


def verdict_ratios(
    intents: Intents, chances: Chances, assumptions: Assumptions, begin_us: int, payer: Int64, payers: int
) -> Ratios:
    """Intercepted, block only, touched; false blocks and touched genuine intents: each by count, amount, customer (and episode).

    Names are such as ``intercepted/count``. Frauds that history itself refused are left out: nobody lost them.
    """
    at_stake, genuine = intents.fraud & ~intents.failed, ~intents.fraud
    amount = intents.amount_minor.astype(np.float64)
    window = ((intents.time_us - begin_us) // int(assumptions.window_days * DAY_US)).astype(np.int64)
    gap_us = assumptions.episode_gap_days * DAY_US
    parts: dict[str, Parts] = {}
    measured = (
        ("intercepted", chances.intercepted, at_stake),
        ("block_only", chances.block_only, at_stake),
        ("touched", chances.touched, at_stake),
        ("false_block", chances.false_block, genuine),
        ("touched_genuine", chances.touched, genuine),
    )
    for name, chance, among in measured:
        for by, value in by_count_and_amount(chance, among, amount, payer, payers).items():
            parts[f"{name}/{by}"] = value
        parts[f"{name}/customer"] = by_customer(chance, among, window, payer, payers)
        if among is at_stake:
            parts[f"{name}/episode"] = by_episode(chance, among, intents, payer, payers, gap_us)
    return stack(parts)
