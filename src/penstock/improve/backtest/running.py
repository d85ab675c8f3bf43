"""A back-test: a history through the lane's kernels, scored and judged, and what came of it measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.features import FEATURES
from penstock.improve.backtest.assumptions import Assumptions, Verdict
from penstock.improve.backtest.intents import (
    Bool,
    Grouping,
    Int64,
    Intents,
    earlier_of_payer,
    gather_intents,
    group_payments,
    starts,
)
from penstock.improve.backtest.measuring import Plan, Report, System, Threshold, measure, without_nan
from penstock.improve.backtest.parts import Part, choose_part, length_of_step
from penstock.improve.backtest.ranking import auc_roc, average_precision, draw_curve, order_scores
from penstock.improve.backtest.words import MISSING, WARNINGS
from penstock.improve.history.columns import History
from penstock.improve.history.mapping import HistoryMapping
from penstock.improve.learning.artifact import Model, load_model
from penstock.improve.observing.observing import replay
from penstock.process.decide.rules.pack import Pack, load_pack

#: ``report(step, done, total)``, as ``app.progress`` has it.
Progress = Callable[[str, int, int], None]
_CHUNK: Final = 65_536
_WARM_UP_ROWS: Final = 200
_ACTIONS: Final = {"challenge": Verdict.CHALLENGE, "review": Verdict.REVIEW, "block": Verdict.BLOCK}


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be measured, and how."""

    model: Path | None = None
    against: Path | None = None
    pack: Path | None = None
    until: str = ""
    test_share: float | None = None
    as_of: str = ""
    assumptions: Assumptions = field(default_factory=Assumptions)
    repeats: int = 200
    seed: int = 1


@dataclass
class _Clock:
    """Seconds by stage."""

    now: Callable[[], float]
    seconds: dict[str, float] = field(default_factory=dict)

    def time(self, stage: str, begun: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + self.now() - begun


@dataclass(frozen=True)
class _Test:
    """The rows of the test part."""

    history: History
    vectors: NDArray[np.float16]
    earlier: Int64
    part: Part

    def intents(self, score: NDArray[np.float32], verdict: NDArray[np.int8]) -> Intents:
        return gather_intents(self.history, score, verdict, self.part.as_of_us, self.earlier)


def run_backtest(
    history: History, mapping: HistoryMapping, request: Request, now: Callable[[], float], progress: Progress
) -> Report:
    """Replay, score, judge, measure.

    Args:
        history: all of it: what lies before the test fills the memory.
        mapping: by which it was read.
        request: models, pack, part, assumptions.
        now: a clock that never goes back, in seconds.
        progress: is told of each step.

    Raises:
        BadArtifact, BadPack, BadTime, NoTestPart, NothingToMeasure, BadAssumption: each says what to do.
    """
    clock = _Clock(now)
    models = [load_model(path) for path in (request.model, request.against) if path is not None]
    pack = None if request.pack is None else load_pack(request.pack)
    part = choose_part(
        history, mapping, models, until=request.until, test_share=request.test_share, as_of=request.as_of
    )
    vectors, kernel_s = _observe(history, clock, progress)
    test = _cut(history, vectors, part)
    judgements = [_judge(test, model, pack, clock, progress) for model in models or (None,)]
    plan = Plan(
        part.begin_us, int(history.time_us[-1]) + 1, history.names, request.assumptions, request.repeats, request.seed
    )
    begun = now()
    report = measure([each.system for each in judgements], plan, lambda done, total: progress("bootstrap", done, total))
    clock.time("measuring", begun)
    report |= _about(history, test, models, pack, report["immature"])
    report["test"]["step_us"] = length_of_step(mapping)
    if pack is not None:
        report["rules"] = _rules(pack, judgements[0].fired, test)
    if not models:
        intents = judgements[0].system.intents
        groups = group_payments(test.history.intent)
        report["features"] = rank_features(groups, intents.select(intents.mature), intents.mature, test.vectors)
    report |= _speed(kernel_s, len(history), len(test.history) * len(judgements), clock)
    plain: Report = without_nan(report)
    return plain


def _speed(kernel_s: float, payments: int, judged: int, clock: _Clock) -> Report:
    """Payments a second through the kernels: features of all payments, rules of those of the test."""
    each_s = kernel_s / payments + clock.seconds.get("rules", 0.0) / max(judged, 1)
    return {"seconds": clock.seconds | {"kernel": kernel_s}, "payments_per_second": 1 / each_s if each_s else None}


def _observe(history: History, clock: _Clock, progress: Progress) -> tuple[NDArray[np.float16], float]:
    """Vectors of all payments, and the seconds in the kernel once it is compiled."""
    replay(history.select(np.arange(min(_WARM_UP_ROWS, len(history)))))
    done = 0

    def more(events: int) -> None:
        nonlocal done
        done += events
        progress("features", min(done, 2 * len(history)), max(done, len(history)))

    begun = clock.now()
    observation = replay(history, more)
    clock.time("features", begun)
    return observation.vectors, observation.kernel_s


def _cut(history: History, vectors: NDArray[np.float16], part: Part) -> _Test:
    """The rows of the intents that begin within the test."""
    rows = np.flatnonzero(starts(history) >= part.begin_us)
    return _Test(history.select(rows), vectors[rows], earlier_of_payer(history)[rows], part)


@dataclass(frozen=True)
class _Judgement:
    """A system, and which rules fired on each payment of the test, as bits (n,)."""

    system: System
    fired: Int64


def _judge(test: _Test, model: Model | None, pack: Pack | None, clock: _Clock, progress: Progress) -> _Judgement:
    """Scores and verdicts, the strongest of model and pack; a payment without a payer has no vector, and so neither."""
    count = len(test.vectors)
    score, verdict, fired = np.zeros(count, np.float32), np.zeros(count, np.int8), np.zeros(count, np.int64)
    thresholds: dict[str, Threshold] = {}
    known = np.flatnonzero(test.history.payer > 0)
    vectors = test.vectors[known]
    if model is not None:
        score[known] = _score(model, vectors, clock, progress)
        thresholds = {each.action: Threshold(each.score, each.budget) for each in model.card.thresholds}
        verdict[known] = verdicts_of(score[known], thresholds)
    if pack is not None:
        fired[known] = _fire(pack, vectors, None if model is None else score[known], clock, progress)
        verdict = np.maximum(verdict, pack.verdicts(fired))
    name = model.card.name if model is not None else "nothing" if pack is None else pack.name
    system = System(name, test.intents(score, verdict), scored=model is not None, thresholds=thresholds)
    return _Judgement(system, fired)


def verdicts_of(score: NDArray[np.float32], thresholds: dict[str, Threshold]) -> NDArray[np.int8]:
    """The strongest action whose threshold the score reaches, (n,)."""
    verdict = np.zeros(len(score), np.int8)
    for action, number in _ACTIONS.items():
        if action in thresholds:
            verdict[score >= np.float32(thresholds[action].score)] = number
    return verdict


def _score(model: Model, vectors: NDArray[np.float16], clock: _Clock, progress: Progress) -> NDArray[np.float32]:
    begun = clock.now()
    pieces = []
    for first in range(0, len(vectors), _CHUNK):
        pieces.append(model.score(vectors[first : first + _CHUNK]))
        progress(f"scores of {model.card.name}", min(first + _CHUNK, len(vectors)), len(vectors))
    clock.time("model", begun)
    return np.concatenate(pieces) if pieces else np.empty(0, np.float32)


def _fire(
    pack: Pack, vectors: NDArray[np.float16], score: NDArray[np.float32] | None, clock: _Clock, progress: Progress
) -> Int64:
    """The rules that fired, as bits, (n,)."""
    pack.fired(vectors[:1].astype(np.float32))  # the first call may compile
    begun = clock.now()
    fired = np.zeros(len(vectors), np.int64)
    for first in range(0, len(vectors), _CHUNK):
        piece = slice(first, first + _CHUNK)
        fired[piece] = pack.fired(vectors[piece].astype(np.float32), None if score is None else score[piece])
        progress("rules", min(first + _CHUNK, len(vectors)), len(vectors))
    clock.time("rules", begun)
    return fired


def _rules(pack: Pack, fired: Int64, test: _Test) -> list[dict[str, Any]]:
    """What each rule was worth, by intents: how many it fired on, and how many of these are frauds."""
    nothing = np.zeros(len(fired), np.float32)
    found = []
    for rule in pack.rules:
        hit = test.intents(nothing, ((fired >> rule.id) & 1).astype(np.int8))
        judged: Bool = hit.mature & (hit.verdict > 0)
        counts = {
            "fired": int((hit.verdict > 0).sum()),
            "judged": int(judged.sum()),
            "frauds": int((judged & hit.fraud).sum()),
        }
        precision = counts["frauds"] / counts["judged"] if counts["judged"] else None
        found.append(
            {"id": rule.id, "name": rule.name, "verdict": str(rule.verdict)} | counts | {"precision": precision}
        )
    return found


def rank_features(
    groups: Grouping, judged: Intents, mature: Bool, vectors: NDArray[np.float16]
) -> list[dict[str, Any]]:
    """How well each feature alone tells frauds, by its better direction; the best first.

    ``groups`` makes intents of the payments whose ``vectors`` (n, 64) are given; ``judged`` are those of them that
    ``mature`` says.
    """
    found = []
    for feature in FEATURES:
        values = vectors[:, feature.slot].astype(np.float32)
        curves = [
            (direction, draw_curve(order_scores(groups.most(sign * values)[mature], judged.fraud, judged.amount_minor)))
            for direction, sign in (("high", np.float32(1)), ("low", np.float32(-1)))
        ]
        direction, curve = max(curves, key=lambda one: auc_roc(one[1]))
        figures = {"auc_roc": auc_roc(curve), "average_precision": average_precision(curve)}
        found.append({"name": feature.name, "direction": direction} | figures)
    return sorted(found, key=lambda each: -float(each["auc_roc"]))


def _about(history: History, test: _Test, models: list[Model], pack: Pack | None, immature: int) -> Report:
    """What was measured on what, and what was not."""
    part = test.part
    missing = [] if models else [MISSING["model"]]
    if pack is None:
        missing.append(MISSING["pack" if models else "everything"])
    warnings = list(part.warnings)
    for code, count in (("no_payer", int((test.history.payer == 0).sum())), ("immature", immature)):
        if count:
            warnings.append(WARNINGS[code].filled(count=f"{count:,}"))
    return {
        "unit": "payment intent",
        "file_sha256": history.file_sha256,
        "payments": len(history),
        "bad_rows": history.bad_rows,
        "test": {
            "from_us": part.begin_us,
            "to_us": int(history.time_us[-1]),
            "as_of_us": part.as_of_us,
            "chosen_by": part.chosen_by.as_dict(),
            "payments": len(test.history),
            "maturity_days": history.maturity_us / 86_400e6,
        },
        "models": [
            {
                "name": model.card.name,
                "onnx_sha256": model.card.onnx_sha256,
                "until_us": model.card.data.until_us,
                "same_file": model.card.data.file_sha256 == history.file_sha256,
            }
            for model in models
        ],
        "pack": None if pack is None else {"name": pack.name, "sha256": pack.fingerprint},
        "missing": [each.as_dict() for each in missing],
        "warnings": [each.as_dict() for each in warnings],
    }
