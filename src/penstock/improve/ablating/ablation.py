"""Ablation: what a model loses without a group of features, and what the group is worth alone.

Every variant is grown anew, with as many trees as validation gave the whole model, and several times with different
seeds. What chance can do is told twice: by the spread over the seeds, and by a bootstrap over payers of the pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.features import FEATURES, Entity, Feature, Group
from penstock.improve.backtest.bootstrap import Figures, difference, draw_figures
from penstock.improve.backtest.measuring import without_nan
from penstock.improve.backtest.ranking import Order, auc_roc, average_precision, draw_curve, order_scores, point_at_rate
from penstock.improve.history.columns import FRAUD, UNLABELLED, History
from penstock.improve.learning.boosting import Sample, fit, grow, log_odds, parameters_for
from penstock.improve.learning.samples import LEAST_FRAUDS, TooLittle, divide
from penstock.process.decide.features import UNKNOWNS

#: ``report(step, done, total)``.
Progress = Callable[[str, int, int], None]
Float64 = NDArray[np.float64]
_RATES: Final = ("0.005", "0.01")
_WHOLE: Final = "all"
_GROWING, _DRAWING = "growing", "drawing"


@dataclass(frozen=True)
class Plan:
    """How to ablate: by which time labels are known, by group or by entity, how often."""

    until_us: int
    by_entity: bool = False
    seeds: int = 3
    repeats: int = 100
    seed: int = 0


@dataclass(frozen=True)
class _Test:
    """Labelled payments from T on."""

    vectors: NDArray[np.float16]
    fraud: NDArray[np.bool_]
    amount_minor: NDArray[np.int64]
    payer: NDArray[np.int64]  # numbered from 0

    def figures(self, scores: Float64) -> Figures:
        """Figures of scores (n,) by weights of the payers."""
        order = order_scores(scores.astype(np.float32), self.fraud, self.amount_minor)
        return lambda weights: _figures(order, weights[self.payer])

    def plain(self, scores: Float64) -> dict[str, float]:
        """The figures without a draw."""
        return self.figures(scores)(np.ones(int(self.payer.max()) + 1))


def ablate(history: History, vectors: NDArray[np.float16], plan: Plan, progress: Progress) -> dict[str, Any]:
    """The whole model's figures, and for each part what is lost without it and what it gives alone.

    ``vectors`` (n, 64) are ``observe``'s of the whole history. Groups of which the history says nothing are named in
    ``silent``. Raises `TooLittle`.
    """
    division = divide(history, plan.until_us)
    training = Sample(vectors[division.training], division.training_labels)
    parameters = parameters_for(training.frauds())
    validation = Sample(vectors[division.validation], division.labels[division.validation])
    test = _test_of(history, vectors, plan.until_us)
    trees = fit(training, validation, parameters, plan.seed).num_trees()
    final = Sample(vectors[division.final], division.labels[division.final])
    parts, silent = _parts(final.vectors, by_entity=plan.by_entity)
    variants = _variants(parts)
    scores: dict[str, Float64] = {}
    for done, (name, kept) in enumerate(variants.items(), 1):
        grown = Sample(_only(final.vectors, kept), final.labels)
        seen = _only(test.vectors, kept)
        scores[name] = np.stack(
            [log_odds(grow(grown, trees, parameters, plan.seed + number), seen) for number in range(plan.seeds)]
        )
        progress(_GROWING, done, len(variants))
    report = _report(test, scores, parts, plan, progress)
    counts = {"trees": trees, "training_rows": len(final.labels), "training_frauds": final.frauds()}
    return without_nan(report | counts | {"seeds": plan.seeds, "repeats": plan.repeats, "silent": silent})  # type: ignore[no-any-return]


def _test_of(history: History, vectors: NDArray[np.float16], until_us: int) -> _Test:
    places = np.flatnonzero((history.time_us >= until_us) & (history.label != UNLABELLED) & (history.payer > 0))
    fraud = history.label[places] == FRAUD
    if min(int(fraud.sum()), int((~fraud).sum())) < LEAST_FRAUDS:
        raise TooLittle(
            f"{int(fraud.sum())} frauds and {int((~fraud).sum())} genuine payments are labelled from the time given on, "
            f"at least {LEAST_FRAUDS} of each are needed to measure; give an earlier --until or a longer history"
        )
    _, payer = np.unique(history.payer[places], return_inverse=True)
    return _Test(vectors[places], fraud, history.amount_minor[places], payer)


def _parts(vectors: NDArray[np.float16], *, by_entity: bool) -> tuple[dict[str, list[Feature]], list[str]]:
    """The features of each group or entity, and the names of those that never vary."""
    kinds: list[Group] | list[Entity] = list(Entity) if by_entity else list(Group)
    parts = {
        kind.name.lower(): [each for each in FEATURES if (each.entity if by_entity else each.group) == kind] for kind in kinds
    }
    varies = (vectors != vectors[:1]).any(axis=0)
    silent = [name for name, features in parts.items() if not any(varies[each.slot] for each in features)]
    return {name: features for name, features in parts.items() if name not in silent}, silent


def _variants(parts: Mapping[str, list[Feature]]) -> dict[str, list[int]]:
    """Variant → the slots that it keeps."""
    everything = [feature.slot for feature in FEATURES]
    variants = {_WHOLE: everything}
    for name, features in parts.items():
        own = [feature.slot for feature in features]
        variants[f"without {name}"] = [slot for slot in everything if slot not in own]
        variants[f"only {name}"] = own
    return variants


def _only(vectors: NDArray[np.float16], kept: list[int]) -> NDArray[np.float16]:
    """The vectors with all but some slots unknown, which no tree can use."""
    found = np.tile(UNKNOWNS.astype(np.float16), (len(vectors), 1))
    found[:, kept] = vectors[:, kept]
    return found


def _figures(order: Order, weights: Float64) -> dict[str, float]:
    curve = draw_curve(order, weights)
    recalls = {f"recall_at_fpr_{rate}": point_at_rate(curve, float(rate)).recall for rate in _RATES}
    return {"average_precision": average_precision(curve), "auc_roc": auc_roc(curve)} | recalls


def _report(
    test: _Test, scores: Mapping[str, Float64], parts: Mapping[str, list[Feature]], plan: Plan, progress: Progress
) -> dict[str, Any]:
    means = {name: test.plain(each.mean(axis=0)) for name, each in scores.items()}
    singles = {name: [test.plain(one) for one in each] for name, each in scores.items()}
    paired = [_WHOLE, *(f"without {name}" for name in parts)]
    drawn = draw_figures(
        [test.figures(scores[name].mean(axis=0)) for name in paired],
        int(test.payer.max()) + 1, plan.repeats, plan.seed, lambda done: progress(_DRAWING, done, plan.repeats),
    )  # fmt: skip
    draws = dict(zip(paired, drawn, strict=True))
    return {
        "rows": len(test.fraud),
        "frauds": int(test.fraud.sum()),
        "all": means[_WHOLE] | {"seed_spread": _spread(singles[_WHOLE])},
        "parts": [
            {
                "name": name,
                "features": [feature.name for feature in features],
                "lift": {key: _lift(key, name, means, singles, draws) for key in means[_WHOLE]},
                "alone": means[f"only {name}"],
            }
            for name, features in parts.items()
        ],
    }


def _spread(figures: list[dict[str, float]]) -> dict[str, float]:
    """Standard deviation over the seeds."""
    return {name: float(np.std([each[name] for each in figures])) for name in figures[0]}


def _lift(
    key: str,
    name: str,
    means: Mapping[str, Mapping[str, float]],
    singles: Mapping[str, list[dict[str, float]]],
    draws: Mapping[str, Mapping[str, Float64]],
) -> dict[str, Any]:
    """What is lost without a part; ``clear`` where neither payers nor seeds explain it."""
    without = f"without {name}"
    each = [mine[key] - other[key] for mine, other in zip(singles[_WHOLE], singles[without], strict=True)]
    value, spread = means[_WHOLE][key] - means[without][key], float(np.std(each))
    between = difference(draws[_WHOLE][key], draws[without][key]) if draws[_WHOLE] else None
    clear = between is not None and (between[0] > 0 or between[1] < 0) and abs(value) > 2 * spread
    return {"value": value, "interval": between, "seed_spread": spread, "clear": clear}
