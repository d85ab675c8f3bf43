"""Training: from a history and its vectors to a calibrated model in both forms, and what it gave on validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from penstock.improve.history.columns import History
from penstock.improve.learning.boosting import Parameters, Progress, Sample, fit, grow, log_odds, parameters_for
from penstock.improve.learning.calibration import fit_platt, settle
from penstock.improve.learning.card import Calibration, Threshold
from penstock.improve.learning.export import export_onnx
from penstock.improve.learning.samples import Division, divide
from penstock.improve.learning.thresholds import DEFAULT_BUDGETS, Budgets, choose_thresholds
from penstock.process.decide.scoring import Scorer

if TYPE_CHECKING:
    import lightgbm


@dataclass(frozen=True)
class Learned:
    """A model in both forms, and all that its card tells of how it was made."""

    onnx: bytes
    native: str
    booster: lightgbm.Booster
    division: Division
    parameters: Parameters
    trees: int
    calibration: Calibration
    thresholds: list[Threshold]
    validation_scores: NDArray[np.float32]  # of the trees grown without the validation part


def learn(
    history: History,
    vectors: NDArray[np.float16],
    until_us: int,
    *,
    seed: int = 0,
    budgets: Budgets = DEFAULT_BUDGETS,
    parameters: Parameters | None = None,
    progress: Progress | None = None,
) -> Learned:
    """Learn from what is known at ``until_us``; ``vectors`` (n, 64) are ``observe``'s of the whole history.

    Trees are grown on the training part and counted on validation, where their scores are also calibrated and the
    thresholds chosen; then as many trees are grown again on everything known, because fraud changes and the newest
    payments tell most of it. Raises `TooLittle`.
    """
    division = divide(history, until_us)
    training = Sample(vectors[division.training], division.training_labels)
    validation = Sample(vectors[division.validation], division.labels[division.validation])
    parameters = parameters or parameters_for(training.frauds())
    early = fit(training, validation, parameters, seed, progress)
    trees = early.num_trees()
    calibration = fit_platt(log_odds(early, validation.vectors), validation.labels)
    settle(early, calibration)
    scores = Scorer(export_onnx(early)).score(validation.vectors)
    final = Sample(vectors[division.final], division.labels[division.final])
    booster = grow(final, trees, parameters, seed, progress)
    settle(booster, calibration)
    return Learned(
        onnx=export_onnx(booster),
        native=booster.model_to_string(),
        booster=booster,
        division=division,
        parameters=parameters,
        trees=trees,
        calibration=calibration,
        thresholds=choose_thresholds(scores, validation.labels, budgets),
        validation_scores=scores,
    )
