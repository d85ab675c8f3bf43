"""Why a model of trees gives the score it gives: what each feature added to it, exactly.

The contributions are Shapley values of the trees (TreeSHAP: Lundberg et al., "From local explanations to global
understanding with explainable AI for trees", Nature Machine Intelligence 2020), as LightGBM computes them, in
log-odds. They cost about a millisecond a payment, so they are made on request, never in the lane.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import lightgbm

#: How many models are kept ready: the one in force, its rival, and those of older payments.
_KEPT: Final = 4


class LibraryMissing(ImportError):
    """LightGBM cannot be loaded on this machine."""


class BadNative(ValueError):
    """A text is no LightGBM model of vectors of this width."""


def load_lightgbm() -> None:
    """Load LightGBM, or raise `LibraryMissing` with the remedy."""
    try:
        import lightgbm  # noqa: F401 - late: half a second, for those who train or explain only
    except OSError as error:  # its shared library stands on the system's OpenMP
        raise LibraryMissing(
            f"LightGBM cannot be loaded ({error}); install the system's OpenMP library: apt-get install libgomp1, dnf install libgomp, or brew install libomp"
        ) from error


def contributions(native: str | bytes, features: NDArray[np.float16]) -> NDArray[np.float64]:
    """What each slot added to the log-odds: (n, 65) for vectors (n, 64), the average of training last.

    ``native`` is the text of ``model.txt``; its calibration is within. Rows add up to the log-odds of the score:
    `score_of` turns them into it.
    """
    booster = _booster(native if isinstance(native, str) else native.decode())
    if booster.num_feature() != features.shape[1]:
        raise BadNative(f"the model takes {booster.num_feature()} features, a vector has {features.shape[1]}")
    values = booster.predict(np.ascontiguousarray(features, np.float64), pred_contrib=True, num_threads=1)
    return np.asarray(values, np.float64)


def score_of(added: NDArray[np.float64]) -> NDArray[np.float64]:
    """The calibrated scores (n,) that contributions (n, 65) add up to; within 1e-6 of those of the ONNX model."""
    odds: NDArray[np.float64] = np.exp(-added.sum(axis=1))
    return 1 / (1 + odds)


@lru_cache(maxsize=_KEPT)
def _booster(native: str) -> lightgbm.Booster:
    load_lightgbm()
    import lightgbm

    try:
        booster = lightgbm.Booster(model_str=native)
    except lightgbm.basic.LightGBMError as error:
        raise BadNative(f"the text is no model of LightGBM {lightgbm.__version__}: {error}") from error
    return booster
