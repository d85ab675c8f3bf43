"""Writing the card of a model that was learnt."""

from __future__ import annotations

from importlib.metadata import version
from platform import python_version
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.features import FEATURES, REGISTRY_VERSION
from penstock.improve.history.columns import FRAUD, History
from penstock.improve.learning.artifact import sha256
from penstock.improve.learning.boosting import as_plain, importance
from penstock.improve.learning.card import Card, Data, Part, Parts
from penstock.improve.learning.limits import limits_of
from penstock.improve.learning.measuring import measure, slices
from penstock.improve.learning.samples import Labels, Places
from penstock.improve.learning.train import Learned

#: What decides the bytes of a model, beside data and seed.
_LIBRARIES: Final = ("penstock", "lightgbm", "numpy", "onnx", "onnxruntime")


def describe(
    learned: Learned,
    history: History,
    vectors: NDArray[np.float16],
    until_us: int,
    *,
    name: str,
    created: str,
    seed: int,
) -> Card:
    """The card: data, parts, parameters, figures on validation, slices and limits.

    ``history``, ``vectors`` (n, 64) and ``until_us`` are those that were learnt from; ``created`` is the caller's word.
    """
    division = learned.division
    validation = history.select(division.validation)
    labels = division.labels[division.validation]
    data, parts = _data(history, until_us, division.embargo_us), _parts(history, learned)
    review = next(each.score for each in learned.thresholds if each.action == "review")
    return Card(
        name=name,
        created=created,
        registry_version=REGISTRY_VERSION,
        features=[feature.name for feature in FEATURES],
        data=data,
        parts=parts,
        seed=seed,
        parameters=as_plain(learned.parameters),
        trees=learned.trees,
        versions={"python": python_version()} | {library: version(library) for library in _LIBRARIES},
        calibration=learned.calibration,
        thresholds=learned.thresholds,
        metrics=measure(validation, labels, learned.validation_scores, seed),
        slices=slices(validation, labels, learned.validation_scores, review),
        importance=importance(learned.booster),
        limits=limits_of(data, parts, vectors[division.final]),
        onnx_sha256=sha256(learned.onnx),
        native_sha256=sha256(learned.native.encode()),
    )


def _data(history: History, until_us: int, embargo_us: int) -> Data:
    known = (history.label == FRAUD) & (history.known_us <= until_us)
    delays = (history.known_us - history.time_us)[known]
    return Data(
        file_sha256=history.file_sha256,
        rows=len(history),
        from_us=int(history.time_us[0]),
        to_us=int(history.time_us[-1]),
        until_us=until_us,
        maturity_us=history.maturity_us,
        label_delay_us=int(np.median(delays)) if len(delays) else 0,
        embargo_us=embargo_us,
    )


def _parts(history: History, learned: Learned) -> Parts:
    division = learned.division
    return Parts(
        training=_part(history, division.training, division.training_labels),
        validation=_part(history, division.validation, division.labels[division.validation]),
        final=_part(history, division.final, division.labels[division.final]),
    )


def _part(history: History, places: Places, labels: Labels) -> Part:
    times = history.time_us[places]
    return Part(len(places), int(np.count_nonzero(labels == FRAUD)), int(times[0]), int(times[-1]))
