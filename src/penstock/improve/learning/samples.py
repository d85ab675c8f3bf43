"""Which payments may be learnt from at a time T, and how they are divided in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.improve.history.columns import FRAUD, GENUINE, UNLABELLED, History

Labels = NDArray[np.int8]
Places = NDArray[np.int64]

#: The last share of the labelled payments, on which trees are counted, scores calibrated and thresholds chosen.
VALIDATION_SHARE: Final = 0.25
#: Fewer frauds than this on either side teach nothing.
LEAST_FRAUDS: Final = 10


class TooLittle(ValueError):
    """Too few labelled payments to learn from."""


@dataclass(frozen=True)
class Division:
    """Places in the history (indices, in order of time) and what is known of them."""

    labels: Labels  # (rows of the history,) as known at T; UNLABELLED = not known
    training: Places
    training_labels: Labels  # (len(training),) as known when validation begins, where the embargo is kept
    validation: Places
    final: Places  # all that may be learnt from at T
    embargo_us: int  # payments within this before validation are not in the training part; 0 = not kept


def known_labels(history: History, at_us: int) -> Labels:
    """What was known at a time (n,): FRAUD, GENUINE or, for all others, UNLABELLED.

    Only payments older than the maturity are used, frauds too: of younger ones only frauds could be known, and
    their share would be wrong. A fraud that became known later than ``at_us`` counts as genuine once mature,
    because that is what everybody believed; whoever left it out would use knowledge of the future.
    """
    labels = np.full(len(history), UNLABELLED, np.int8)
    mature = (history.time_us + history.maturity_us <= at_us) & (history.label != UNLABELLED)
    labels[mature] = GENUINE
    labels[mature & (history.label == FRAUD) & (history.known_us <= at_us)] = FRAUD
    return labels


def divide(history: History, until_us: int, validation_share: float = VALIDATION_SHARE) -> Division:
    """Divide what is known at ``until_us`` into training and validation; raises `TooLittle`.

    The training part uses what was known when the validation part began: its embargo is the maturity, within
    which labels arrive. Where this would leave less than half of the payments before validation, or hardly a
    fraud, all of them are used with the labels known at T and the embargo is 0.
    """
    labels = known_labels(history, until_us)
    labels[history.payer == 0] = UNLABELLED  # nobody's payments have no vector
    final = np.flatnonzero(labels != UNLABELLED)
    _demand(labels[final], "before the time given")
    begins_us = _border(history.time_us[final], labels[final], validation_share)
    validation = final[history.time_us[final] >= begins_us]
    before = final[history.time_us[final] < begins_us]
    _demand(labels[validation], "in the validation part")
    _demand(labels[before], "in the training part")
    earlier = known_labels(history, begins_us)
    strict = np.flatnonzero((earlier != UNLABELLED) & (history.payer != 0))
    if 2 * len(strict) >= len(before) and np.count_nonzero(earlier[strict] == FRAUD) >= 2 * LEAST_FRAUDS:
        return Division(labels, strict, earlier[strict], validation, final, history.maturity_us)
    return Division(labels, before, labels[before], validation, final, 0)


def _border(time_us: NDArray[np.int64], labels: Labels, share: float) -> int:
    """When validation begins: the last ``share`` of payments, or more where few frauds are among them."""
    rows = len(time_us)
    frauds = np.flatnonzero(labels == FRAUD)
    place = min(int(rows * (1 - share)), int(frauds[-min(2 * LEAST_FRAUDS, len(frauds) // 2)]))
    return int(time_us[place])


def _demand(labels: Labels, where: str) -> None:
    frauds, genuine = np.count_nonzero(labels == FRAUD), np.count_nonzero(labels == GENUINE)
    if min(frauds, genuine) < LEAST_FRAUDS:
        raise TooLittle(
            f"{frauds} frauds and {genuine} genuine payments are known and mature {where}, at least {LEAST_FRAUDS} of each are needed; "
            "give a later --until, a longer history, or a shorter maturity in the mapping"
        )
