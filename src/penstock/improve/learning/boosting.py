"""Growing trees: LightGBM with settings that follow from how much is known, never from which data set it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.features import FEATURES
from penstock.improve.history.columns import FRAUD
from penstock.kit.trees import load_lightgbm

if TYPE_CHECKING:
    import lightgbm

#: The same on every machine, so that the order of additions is. Where other programs are at work, a second thread
#: mostly waits (measured: ten times slower), so it is used only where training would take minutes.
_THREADS: Final = 2
_ROWS_FOR_THREADS: Final = 500_000

#: Told of a step, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Sample:
    """Payments to learn from: vectors (n, 64), labels (n,) FRAUD or GENUINE, weights (n,) or equal."""

    vectors: NDArray[np.float16]
    labels: NDArray[np.int8]
    weights: NDArray[np.float64] | None = None

    def frauds(self) -> int:
        """How many are fraud."""
        return int(np.count_nonzero(self.labels == FRAUD))


@dataclass(frozen=True)
class Parameters:
    """What decides how trees are grown; `parameters_for` gives sound ones."""

    trees: int  # at most; validation says how many
    patience: int  # trees without gain after which growing ends
    learning_rate: float
    leaves: int  # of a tree, at most
    least_rows: int  # in a leaf
    least_weight: float  # in a leaf: sum of p (1 - p), which is what frauds and doubtful payments weigh
    ridge: float  # pulls leaves towards 0
    column_share: float  # of the features, drawn for each tree
    row_share: float  # of the payments, drawn for each tree


def parameters_for(frauds: int) -> Parameters:
    """Settings for a number of frauds, the scarce side: few frauds carry few leaves and small steps.

    What was tried, and on what, is in docs/models.md.
    """
    few = Parameters(
        trees=150, patience=40, learning_rate=0.04, leaves=8, least_rows=20, least_weight=1.0,
        ridge=5.0, column_share=0.8, row_share=0.8,
    )  # fmt: skip
    if frauds < 1_000:
        return few
    if frauds < 10_000:
        return replace(few, learning_rate=0.06)
    return replace(few, leaves=31, least_rows=50, learning_rate=0.1)


def fit(
    training: Sample,
    validation: Sample,
    parameters: Parameters,
    seed: int,
    progress: Progress | None = None,
) -> lightgbm.Booster:
    """Trees grown on ``training``, as many as give the best average precision on ``validation``.

    Average precision, because log loss of rare classes is a matter of calibration more than of ranking.
    """
    load_lightgbm()
    import lightgbm

    data = _dataset(training)
    stopping = lightgbm.early_stopping(parameters.patience, first_metric_only=True, verbose=False)
    callbacks: list[Callable[..., Any]] = [stopping, *_telling(progress, "counting trees", parameters.trees)]
    settings = _settings(parameters, seed, len(training.labels)) | {"metric": "average_precision"}
    booster = lightgbm.train(
        settings, data, parameters.trees, valid_sets=[_dataset(validation, data)], callbacks=callbacks
    )
    return _cut(booster, booster.best_iteration)


def grow(
    sample: Sample, trees: int, parameters: Parameters, seed: int, progress: Progress | None = None
) -> lightgbm.Booster:
    """A stated number of trees, grown on one sample."""
    load_lightgbm()
    import lightgbm

    settings = _settings(parameters, seed, len(sample.labels))
    return _cut(
        lightgbm.train(settings, _dataset(sample), trees, callbacks=_telling(progress, "growing trees", trees)), trees
    )


def log_odds(booster: lightgbm.Booster, vectors: NDArray[np.float16]) -> NDArray[np.float64]:
    """What the trees say of vectors (n, 64), as log-odds (n,)."""
    return np.asarray(
        booster.predict(vectors.astype(np.float32), raw_score=True, num_threads=_threads(len(vectors))), np.float64
    )


def importance(booster: lightgbm.Booster) -> dict[str, float]:
    """Feature → its share of the gain of all splits, the greatest first; features never used are left out."""
    gains = booster.feature_importance("gain")
    total = float(gains.sum()) or 1.0
    order = sorted(range(len(gains)), key=lambda slot: (-gains[slot], slot))
    return {FEATURES[slot].name: float(gains[slot]) / total for slot in order if gains[slot] > 0}


def as_plain(parameters: Parameters) -> dict[str, float | int | str | bool]:
    """The parameters for the card."""
    return asdict(parameters)


def _dataset(sample: Sample, reference: lightgbm.Dataset | None = None) -> lightgbm.Dataset:
    import lightgbm

    names = [feature.name.replace(".", "_") for feature in FEATURES]
    return lightgbm.Dataset(
        sample.vectors.astype(np.float32),
        (sample.labels == FRAUD).astype(np.float32),
        reference=reference,
        weight=sample.weights,
        feature_name=names,
        params=_FIXED | {"num_threads": _threads(len(sample.labels))},
        free_raw_data=True,
    )


#: What holds for every training: the same bytes from the same machine, versions and seed. Unknown is a value.
_FIXED: Final[dict[str, Any]] = {
    "objective": "binary",
    "deterministic": True,
    "force_row_wise": True,
    "use_missing": False,
    "max_bin": 255,
    "verbose": -1,
}


def _threads(rows: int) -> int:
    return _THREADS if rows >= _ROWS_FOR_THREADS else 1


def _settings(parameters: Parameters, seed: int, rows: int) -> dict[str, Any]:
    return _FIXED | {
        "num_threads": _threads(rows),
        "seed": seed,
        "learning_rate": parameters.learning_rate,
        "num_leaves": parameters.leaves,
        "min_data_in_leaf": parameters.least_rows,
        "min_sum_hessian_in_leaf": parameters.least_weight,
        "lambda_l2": parameters.ridge,
        "feature_fraction": parameters.column_share,
        "bagging_fraction": parameters.row_share,
        "bagging_freq": 1,
    }


def _telling(progress: Progress | None, step: str, total: int) -> list[Callable[[lightgbm.callback.CallbackEnv], None]]:
    return [] if progress is None else [lambda state: progress(step, state.iteration + 1, total)]


def _cut(booster: lightgbm.Booster, trees: int) -> lightgbm.Booster:
    """The first trees alone, as a model without its training data."""
    import lightgbm

    return lightgbm.Booster(model_str=booster.model_to_string(num_iteration=trees))
