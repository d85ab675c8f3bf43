"""All figures of a back-test from intents with their scores and verdicts (docs/metrics.md defines each)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from penstock.improve.backtest.assumptions import Assumptions, Verdict, effectiveness_of, vars_of
from penstock.improve.backtest.bootstrap import bounded_repeats, difference, draw_figures, interval
from penstock.improve.backtest.chances import Chances, chances_of
from penstock.improve.backtest.episodes import find_runs, summarise_episodes
from penstock.improve.backtest.intents import Intents
from penstock.improve.backtest.loads import daily_loads, disturbance
from penstock.improve.backtest.ranking import (
    Order,
    auc_roc,
    average_precision,
    draw_curve,
    order_scores,
    point_at_rate,
    point_at_score,
)
from penstock.improve.backtest.ratios import DAY_US, Ratios, number_payers, verdict_ratios
from penstock.improve.backtest.shapes import over_time, recall_curve, score_histogram
from penstock.improve.backtest.slices import Slice, find_slices, slice_ratios

#: The rates of false positives at which recall is told, as they stand in the JSON.
RATES: Final = ("0.001", "0.005", "0.01", "0.03")
#: At which of them slices and periods are looked at.
SLICE_RATE: Final = 0.01
Float64 = NDArray[np.float64]
Report = dict[str, Any]


class NothingToMeasure(ValueError):
    """The test part has no fraud or no genuine intent; the message says what there is."""


@dataclass(frozen=True)
class Threshold:
    """From which score on an action is taken, and the share of genuine intents it was chosen for on validation."""

    score: float
    budget: float


@dataclass(frozen=True)
class System:
    """What is measured: a model, a pack of rules, or both, with what it said about each intent of the test."""

    name: str
    intents: Intents  # all of the test, unlabelled and immature ones too
    scored: bool  # False: there is no model, and scores mean nothing
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """How to measure. Times in µs."""

    begin_us: int
    end_us: int
    names: dict[str, list[str]]  # the history's
    assumptions: Assumptions
    repeats: int = 200
    seed: int = 1


@dataclass(frozen=True)
class _Evidence:
    """What the figures of one system are computed from."""

    system: System
    judged: Intents
    chances: Chances
    order: Order
    alert: NDArray[np.bool_]  # at SLICE_RATE, or touched where there is no score
    payer: NDArray[np.int64]
    payers: int
    slices: list[Slice]
    ratios: Ratios
    parts: list[Ratios]  # of the slices


def measure(systems: Sequence[System], plan: Plan, progress: Callable[[int, int], None] | None = None) -> Report:
    """The report of the first system, and beside it, if there is a second, that one and the difference.

    Undefined figures (no alert, no fraud of a kind) are None. Raises `NothingToMeasure`.
    """
    evidence = [_gather(system, plan) for system in systems]
    repeats = bounded_repeats(plan.repeats, len(evidence[0].judged))
    told = None if progress is None else lambda done: progress(done, repeats)
    draws = draw_figures([_figures_of(each) for each in evidence], evidence[0].payers, repeats, plan.seed, told)
    reports = [_report(each, drawn, plan) for each, drawn in zip(evidence, draws, strict=True)]
    whole = reports[0]
    whole["bootstrap"] = {"repeats": repeats, "seed": plan.seed, "payers": evidence[0].payers, "level": 0.95}
    if len(systems) > 1:
        whole["against"] = reports[1]
        whole["differences"] = _differences(evidence, draws)
    plain: Report = without_nan(whole)
    return plain


def _gather(system: System, plan: Plan) -> _Evidence:
    judged = system.intents.select(system.intents.mature)
    _check(judged, system.intents)
    assumptions = plan.assumptions
    effectiveness = effectiveness_of(plan.names.get("fraud_type", []), assumptions)
    chances = chances_of(judged, effectiveness, assumptions)
    order = order_scores(judged.score, judged.fraud, judged.amount_minor)
    payer, payers = number_payers(judged.payer)
    alert = judged.verdict > Verdict.ALLOW
    if system.scored:
        alert = judged.score >= np.float32(point_at_rate(draw_curve(order), SLICE_RATE).threshold)
    slices = find_slices(judged, plan.names, assumptions)
    ratios = verdict_ratios(judged, chances, assumptions, plan.begin_us, payer, payers)
    parts = [slice_ratios(each.members, judged, chances, alert, payer) for each in slices]
    return _Evidence(system, judged, chances, order, alert, payer, payers, slices, ratios, parts)


def _check(judged: Intents, everything: Intents) -> None:
    frauds = int(judged.fraud.sum())
    if frauds and frauds < len(judged):
        return
    missing = "fraud" if not frauds else "genuine intent"
    raise NothingToMeasure(
        f"the test part has no {missing} whose label is known and mature: {len(everything):,} intents, "
        f"{int((everything.label >= 0).sum()):,} labelled, {len(judged):,} of these mature; "
        "choose an earlier --until, a larger --test-share or a later --as-of, or look at [label] in the mapping"
    )


def _figures_of(evidence: _Evidence) -> Callable[[Float64], dict[str, float]]:
    return lambda weights: _figures(evidence, weights)


def _figures(evidence: _Evidence, weights: Float64 | None) -> dict[str, float]:
    """Every figure that gets an interval, by names such as ``recall_at_fpr/0.01``."""
    figures = evidence.ratios.values(weights)
    if evidence.system.scored:
        figures |= _ranking(evidence, weights)
    for number, part in enumerate(evidence.parts):
        figures |= {f"slices/{number}/{name}": value for name, value in part.values(weights).items()}
    return figures


def _ranking(evidence: _Evidence, weights: Float64 | None) -> dict[str, float]:
    curve = draw_curve(evidence.order, None if weights is None else weights[evidence.payer])
    figures = {"auc_roc": auc_roc(curve), "average_precision": average_precision(curve)}
    for rate in RATES:
        point = point_at_rate(curve, float(rate))
        figures |= {
            f"recall_at_fpr/{rate}": point.recall,
            f"value_recall_at_fpr/{rate}": point.value_recall,
            f"precision_at_fpr/{rate}": point.precision,
            f"alerts_per_fraud_at_fpr/{rate}": point.alerts_per_fraud,
        }
    for action, threshold in evidence.system.thresholds.items():
        point = point_at_score(curve, threshold.score)
        for name in ("false_positive_rate", "recall", "value_recall", "precision", "alerts_per_fraud"):
            figures[f"thresholds/{action}/{name}"] = getattr(point, name)
    return figures


def _report(evidence: _Evidence, draws: Mapping[str, Float64], plan: Plan) -> Report:
    """Everything about one system."""
    figures = _figures(evidence, None)
    intervals = {name: interval(drawn) for name, drawn in draws.items()}
    report = _nested({name: value for name, value in figures.items() if not name.startswith("slices/")})
    for missing in () if evidence.system.scored else ("auc_roc", "average_precision"):
        report[missing] = None
    for missing in () if evidence.system.scored else ("recall_at_fpr", "value_recall_at_fpr"):
        report[missing] = dict.fromkeys(RATES)
    for action, threshold in evidence.system.thresholds.items():
        report["thresholds"][action] |= {"score": threshold.score, "budget": threshold.budget}
    report["intervals"] = _nested({name: value for name, value in intervals.items() if not name.startswith("slices/")})
    report["name"] = evidence.system.name
    report["slices"] = _slices(evidence, figures, intervals)
    return report | _counts(evidence) | _more(evidence, plan)


def _counts(evidence: _Evidence) -> Report:
    judged, everything = evidence.judged, evidence.system.intents
    return {
        "rows": len(judged),
        "frauds": int(judged.fraud.sum()),
        "fraud_amount_minor": int(judged.amount_minor[judged.fraud].sum()),
        "intents": len(everything),
        "unlabelled": int((everything.label < 0).sum()),
        "immature": int(((everything.label >= 0) & ~everything.mature).sum()),
        "frauds_refused_by_history": int((judged.fraud & judged.failed).sum()),
        "verdicts": {
            verdict.name.lower(): {
                "fraud": int((judged.fraud & (judged.verdict == verdict)).sum()),
                "genuine": int((~judged.fraud & (judged.verdict == verdict)).sum()),
            }
            for verdict in Verdict
        },
    }


def _more(evidence: _Evidence, plan: Plan) -> Report:
    """What has no interval: episodes, loads, shapes, assumptions."""
    days = max((plan.end_us - plan.begin_us) / DAY_US, 1 / 86_400)
    judged, assumptions = evidence.judged, plan.assumptions
    touched = judged.verdict > Verdict.ALLOW
    caught = int((touched & judged.fraud).sum())
    words = plan.names.get("fraud_type", [])
    stated = effectiveness_of(words, assumptions)
    return {
        "alerts": {
            "intents": int(touched.sum()),
            "precision": caught / touched.sum() if touched.any() else None,
            "per_fraud": touched.sum() / caught if caught else None,
        },
        "episodes": {
            "payer": _episodes(evidence, judged.payer, assumptions),
            "payee": _episodes(evidence, judged.payee, assumptions),
        },
        "disturbance": disturbance(judged, assumptions),
        "load": daily_loads(evidence.system.intents, assumptions, days),
        "curve": recall_curve(draw_curve(evidence.order)) if evidence.system.scored else [],
        "scores": score_histogram(judged) if evidence.system.scored else [],
        "over_time": over_time(judged, evidence.alert, plan.begin_us, plan.end_us),
        "assumptions": vars_of(assumptions)
        | {"effectiveness": dict(zip(["not said", *words], stated.tolist(), strict=True))},
    }


def _episodes(evidence: _Evidence, entity: NDArray[np.int64], assumptions: Assumptions) -> Report:
    places = np.flatnonzero(evidence.judged.fraud & ~evidence.judged.failed)
    runs = find_runs(entity[places], evidence.judged.time_us[places], assumptions.episode_gap_days * DAY_US)
    amount = evidence.judged.amount_minor[places]
    chances = evidence.chances
    kinds = {"intercepted": chances.intercepted, "block_only": chances.block_only, "touched": chances.touched}
    return {name: asdict(summarise_episodes(runs, chance[places], amount)) for name, chance in kinds.items()}


def _slices(evidence: _Evidence, figures: Mapping[str, float], intervals: Mapping[str, Any]) -> list[Report]:
    found = []
    for number, each in enumerate(evidence.slices):
        members = evidence.judged.select(each.members)
        curve = draw_curve(order_scores(members.score, members.fraud, members.amount_minor))
        names = {name.rpartition("/")[2]: name for name in figures if name.startswith(f"slices/{number}/")}
        found.append(
            {
                "by": each.by,
                "value": each.value,
                "rows": len(members),
                "frauds": int(members.fraud.sum()),
                "auc_roc": auc_roc(curve) if evidence.system.scored else None,
                "average_precision": average_precision(curve) if evidence.system.scored else None,
                **{short: figures[name] for short, name in names.items()},
                "intervals": {short: intervals.get(name) for short, name in names.items()},
            }
        )
    return found


def _differences(evidence: Sequence[_Evidence], draws: Sequence[Mapping[str, Float64]]) -> Report:
    """First − second for every figure that both have; ``clear`` where the interval leaves 0 out."""
    mine, other = (_figures(each, None) for each in evidence)
    found = {}
    for name in mine:
        if name not in other or name.startswith("slices/"):
            continue
        between = difference(draws[0][name], draws[1][name]) if name in draws[0] else None
        found[name] = {
            "value": mine[name] - other[name],
            "interval": between,
            "clear": between is not None and (between[0] > 0 or between[1] < 0),
        }
    return found


def _nested(flat: Mapping[str, Any]) -> Report:
    """``{"a/b": 1}`` → ``{"a": {"b": 1}}``."""
    tree: Report = {}
    for name, value in flat.items():
        *folders, leaf = name.split("/")
        here = tree
        for folder in folders:
            here = here.setdefault(folder, {})
        here[leaf] = value
    return tree


def without_nan(value: Any) -> Any:
    """The same with None for what is not a finite number, and Python's own numbers: JSON knows no other."""
    if isinstance(value, dict):
        return {key: without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
