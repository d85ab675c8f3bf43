"""Calibration: log-odds that mean what they say, put into the leaves themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from penstock.improve.history.columns import FRAUD
from penstock.improve.learning.card import Calibration

if TYPE_CHECKING:
    import lightgbm

#: A model without skill must still rank as its trees do.
_LEAST_SLOPE: Final = 0.05
#: Bits of a float32 that count.
_BITS: Final = 24


def fit_platt(log_odds: NDArray[np.float64], labels: NDArray[np.int8]) -> Calibration:
    """Platt scaling (Platt 1999) with its softened targets, by Newton's method (Lin, Lin and Weng 2007).

    ``log_odds`` (n,) are the trees' on payments that they were not grown from, ``labels`` (n,) FRAUD or GENUINE.
    """
    fraud = labels == FRAUD
    frauds, genuine = int(fraud.sum()), int((~fraud).sum())
    targets = np.where(fraud, (frauds + 1) / (frauds + 2), 1 / (genuine + 2))
    design = np.column_stack([log_odds, np.ones_like(log_odds)])
    weights: NDArray[np.float64] = np.array([1.0, 0.0])
    for _ in range(100):
        step = _newton_step(design, targets, weights)
        weights = weights + step
        if np.abs(step).max() < 1e-10:
            break
    return Calibration(max(float(weights[0]), _LEAST_SLOPE), float(weights[1]))


def _newton_step(
    design: NDArray[np.float64], targets: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """One step to less log loss, halved until it is one."""
    chance = _sigmoid(design @ weights)
    gradient = design.T @ (targets - chance)
    hessian = (design * (chance * (1 - chance))[:, None]).T @ design + 1e-9 * np.eye(2)
    step = np.asarray(np.linalg.solve(hessian, gradient), np.float64)
    before = _log_loss(design @ weights, targets)
    while np.abs(step).max() > 1e-10 and _log_loss(design @ (weights + step), targets) > before:
        step *= 0.5
    return step


def settle(booster: lightgbm.Booster, calibration: Calibration) -> None:
    """Put the calibration into the leaves, rounded to a grid on which float32 adds them up exactly.

    So the native model, its explanations and the ONNX graph have the very same log-odds, whatever the order of
    additions; the grid is about 1e-6 of the log-odds' range.
    """
    trees = _leaves(booster)
    settled = [leaves * calibration.slope for leaves in trees]
    settled[0] = settled[0] + calibration.intercept
    bound = sum(np.abs(leaves).max() for leaves in settled)
    grid = 2.0 ** (np.ceil(np.log2(bound + 1)) + 1 - _BITS)
    for tree, leaves in enumerate(settled):
        for leaf, value in enumerate(np.round(leaves / grid) * grid):
            booster.set_leaf_output(tree, leaf, float(value))


def _leaves(booster: lightgbm.Booster) -> list[NDArray[np.float64]]:
    counts = [tree["num_leaves"] for tree in booster.dump_model()["tree_info"]]
    return [
        np.array([booster.get_leaf_output(tree, leaf) for leaf in range(count)]) for tree, count in enumerate(counts)
    ]


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(-np.logaddexp(0.0, -values))


def _log_loss(log_odds: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
    return float(np.sum(np.logaddexp(0.0, log_odds) - targets * log_odds))
