"""What the verdicts cost: reviews, challenges and complaints a day, and runs of disturbance of one customer."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.improve.backtest.assumptions import Assumptions, Verdict
from penstock.improve.backtest.episodes import find_runs
from penstock.improve.backtest.intents import Intents
from penstock.improve.backtest.ranking import share
from penstock.improve.backtest.ratios import DAY_US


def daily_loads(intents: Intents, assumptions: Assumptions, days: float) -> dict[str, float]:
    """Per day over all intents of the test, unlabelled and immature ones too, because they are worked on as well.

    Complaints are those of intents not known to be fraud, by the assumed shares.
    """
    verdict = intents.verdict
    counts = np.bincount(verdict, minlength=len(Verdict))
    disturbed = np.bincount(verdict[~intents.fraud], minlength=len(Verdict))
    complaints = float(
        disturbed[Verdict.CHALLENGE] * assumptions.challenged_genuine_complain
        + disturbed[Verdict.REVIEW] * assumptions.reviewed_genuine_complain
        + disturbed[Verdict.BLOCK] * assumptions.blocked_genuine_complain
    )
    reviews = intents.time_us[verdict == Verdict.REVIEW] // DAY_US
    return {
        "intents_per_day": share(len(intents), days),
        "challenges_per_day": share(int(counts[Verdict.CHALLENGE]), days),
        "reviews_per_day": share(int(counts[Verdict.REVIEW]), days),
        "reviews_on_the_busiest_day": float(np.unique(reviews, return_counts=True)[1].max(initial=0)),
        "blocks_per_day": share(int(counts[Verdict.BLOCK]), days),
        "complaints_per_day": share(complaints, days),
        "complaints_per_thousand_intents": share(1_000 * complaints, len(intents)),
    }


def disturbance(judged: Intents, assumptions: Assumptions) -> dict[str, Any]:
    """False blocks by episode: runs of blocked or reviewed genuine intents of one payer, as for frauds."""
    stopped = judged.select(~judged.fraud & (judged.verdict >= Verdict.REVIEW))
    runs = find_runs(stopped.payer, stopped.time_us, assumptions.episode_gap_days * DAY_US)
    return {
        "episodes": len(runs.begins),
        "intents_per_episode": share(len(stopped), len(runs.begins)),
        "longest": int(runs.lengths.max(initial=0)),
    }
