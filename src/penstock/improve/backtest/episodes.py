"""Runs of payments of one payer or one payee, and what of a run is saved by its first stop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penstock.improve.backtest.chances import log_of_rest
from penstock.improve.backtest.ranking import share

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


@dataclass(frozen=True)
class Runs:
    """Members sorted by run and time: (n,) places of the members, and (runs,) where each run begins among them."""

    places: Int64
    begins: Int64

    @property
    def run(self) -> Int64:
        """The run of each sorted member, (n,)."""
        run: Int64 = np.repeat(np.arange(len(self.begins)), self.lengths)
        return run

    @property
    def lengths(self) -> Int64:
        """Members of each run, (runs,)."""
        lengths: Int64 = np.diff(np.r_[self.begins, len(self.places)])
        return lengths


def find_runs(entity: Int64, time_us: Int64, gap_us: float) -> Runs:
    """Runs of one entity in which no two successive members are further apart than ``gap_us``.

    Entity 0 is not known: each of those is a run of its own. ``time_us`` never decreases.
    """
    places = np.argsort(entity, kind="stable")
    who, when = entity[places], time_us[places]
    if not len(places):
        return Runs(places, np.empty(0, np.int64))
    new = np.r_[True, (who[1:] != who[:-1]) | (who[1:] == 0) | (np.diff(when) > gap_us)]
    return Runs(places, np.flatnonzero(new))


def chance_unstopped(runs: Runs, chance: Float64) -> Float64:
    """Chance that up to and including each sorted member nothing in its run was stopped, (n,)."""
    logs = log_of_rest(chance[runs.places])
    sums = np.cumsum(logs)
    before = np.r_[0.0, sums][runs.begins] if len(runs.begins) else np.empty(0)
    return np.exp(sums - before[runs.run])


@dataclass(frozen=True)
class Episodes:
    """Frauds as episodes: the first stop ends one, because then somebody knows."""

    episodes: int
    frauds_per_episode: float
    stopped: float  # share of the episodes in which anything is stopped
    stopped_at_first: float  # share of the episodes in which the first payment is
    payments_until_stop: float  # mean number of frauds that go through before, all of them where nothing stops
    loss_saved: float  # share of all episodes' money, from the first stop on


def summarise_episodes(runs: Runs, chance: Float64, amount_minor: Int64) -> Episodes:
    """Expected figures over all runs of frauds; NaN without any."""
    unstopped = chance_unstopped(runs, chance)
    count = len(runs.begins)
    last = np.r_[runs.begins[1:], len(runs.places)] - 1
    amount = amount_minor[runs.places].astype(np.float64)
    return Episodes(
        episodes=count,
        frauds_per_episode=share(len(runs.places), count),
        stopped=share(float((1 - unstopped[last]).sum()), count) if count else float("nan"),
        stopped_at_first=share(float(chance[runs.places][runs.begins].sum()), count),
        payments_until_stop=share(float(unstopped.sum()), count),
        loss_saved=share(float((amount * (1 - unstopped)).sum()), float(amount.sum())),
    )
