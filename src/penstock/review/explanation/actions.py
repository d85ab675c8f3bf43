"""Explaining a payment: what was in force for its row, and what each feature added to its score."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from penstock.contracts import ids as public
from penstock.contracts.commands import Kind, Query
from penstock.contracts.features import REGISTRY_VERSION, SLOTS
from penstock.contracts.lane_port import model_answer, status_answer
from penstock.contracts.policy import Policy, decode_policy
from penstock.contracts.principal import Principal
from penstock.contracts.reading import Reading
from penstock.contracts.states import STARTS
from penstock.contracts.words import REASONS, STATES, score_told, time_text
from penstock.kit import trees
from penstock.kit.http.problem import Problem, not_found, too_many, unavailable
from penstock.review.explanation import rules, store
from penstock.review.explanation.store import Connection, Row
from penstock.review.explanation.summary import NO_MODEL, NO_SCORE, summary
from penstock.review.explanation.views import ExplanationView, Fact, ModelUsed, ScoreView, Words

_log = structlog.get_logger("explanation")

#: Explanations that are computed at once, and that may wait for it: each costs a core for some milliseconds.
_AT_ONCE: Final = 2
_WAITING: Final = 30
#: From here on a score is not that of its contributions, and somebody must look.
_NEAR: Final = 1e-4
_NO_LIBRARY: Final = Words(
    "The reasons cannot be computed on this machine: LightGBM cannot be loaded. The log says why.",
    "本机无法加载 LightGBM，因此无法计算评分原因，详见日志。",
)
_NO_TREES: Final = Words(
    "The reasons cannot be computed: the model's native form cannot be read.",
    "无法读取模型的原生格式，因此无法计算评分原因。",
)


class _Publication(msgspec.Struct):
    """The side record of ``publish_model``."""

    sha256: str
    name: str = ""


class Used(NamedTuple):
    """The model of a row: what is told of it, and the trees that explain."""

    told: ModelUsed
    native: bytes


class Explainer:
    """Works explanations out in threads, a few at a time: the event loop has payments to answer."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def run(self, work: Callable[[], ExplanationView]) -> ExplanationView:
        """Do some work in a thread.

        :raises Problem: 429 when too many wait.
        """
        if self._waiting >= _WAITING:
            raise too_many("explanations", "Too many explanations at once", "Nothing was computed; ask again.")
        self._waiting += 1
        try:
            async with self._free:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


async def explain(seq: int, principal: Principal, reading: Reading, explainer: Explainer) -> ExplanationView:
    """Explain the payment that begins at ``seq``.

    :raises Problem: 404 when there is none, 409 when it has no vector of this version, 429, 503.
    """
    _, as_of_seq = await reading.ask(Query.PAYMENT, principal, seq)
    async with reading.journal() as connection:
        row = await store.row(connection, reading.lane_number, seq)
        if row is None or seq > as_of_seq or row.kind not in STARTS:
            raise not_found("payment")
        _check_vector(row)
        policy = await _policy(connection, row, principal, reading)
        used = await _model(connection, row, principal, reading) if row.model_version else None
    payment = reading.ids.encode(public.Kind.PAYMENT, row.seq)
    return await explainer.run(lambda: _explained(row, policy, used, payment, as_of_seq))


def _explained(row: Row, policy: Policy, used: Used | None, payment: str, as_of_seq: int) -> ExplanationView:
    values = rules.vector(row)
    facts = rules.facts(values, rules.scene(row))
    limits = rules.thresholds(policy, row)
    verdict = rules.verdict(row, limits)
    return ExplanationView(
        payment=payment,
        seq=row.seq,
        as_of_seq=as_of_seq,
        time=time_text(row.time_us),
        state=STATES[row.state],
        reason=REASONS[row.reason],
        reason_code=row.reason,
        verdict=None if verdict is None else verdict.name,
        challenge_passed=verdict is not None and verdict.challenge_passed,
        summary=summary(row, verdict, limits),
        thresholds=limits,
        model=None if used is None else used.told,
        score=_score(row, used, values, facts),
        normal=rules.normal(facts, values, row),
        facts=facts,
    )


def _check_vector(row: Row) -> None:
    if row.feature_registry == REGISTRY_VERSION:
        return
    if row.feature_registry:
        detail = (
            f"It was decided with version {row.feature_registry} of the features; this one explains {REGISTRY_VERSION}."
        )
    elif row.kind != Kind.PAY:
        detail = "Deposits and withdrawals are not judged by their risk."
    else:
        detail = "Nothing was measured of it: its payer is unknown, or it is older than the features."
    raise Problem(409, "not_explainable", "This payment cannot be explained", detail)


async def _policy(connection: Connection, row: Row, principal: Principal, reading: Reading) -> Policy:
    """The policy that was in force for a row."""
    seq = await store.published(connection, reading.lane_number, Kind.PUBLISH, row.policy_version)
    if seq is None:  # the tail has not come to it, so it is likely the newest
        payload, _ = await reading.ask(Query.STATUS, principal, 0)
        newest = None if payload is None else status_answer(payload)
        if newest is None or newest.counters.policy_version != row.policy_version:
            raise _too_early("policy")
        seq = newest.policy_seq
    body = await store.side(connection, reading.lane_number, seq)
    assert body is not None, f"the policy published at {seq} has no side record: run `penstock verify`"
    return decode_policy(body)


async def _model(connection: Connection, row: Row, principal: Principal, reading: Reading) -> Used:
    """The model that was in force for a row."""
    seq = await store.published(connection, reading.lane_number, Kind.PUBLISH_MODEL, row.model_version)
    if seq is None:
        payload, _ = await reading.ask(Query.MODEL, principal, 0)
        newest = None if payload is None else model_answer(payload)
        if newest is None or newest.version != row.model_version:
            raise _too_early("model")
        seq = newest.seq
    body = await store.side(connection, reading.lane_number, seq)
    assert body is not None, f"the model published at {seq} has no side record: run `penstock verify`"
    wish = msgspec.json.decode(body, type=_Publication)
    found = await store.native(connection, bytes.fromhex(wish.sha256))
    assert found is not None, f"the model published at {seq} is not stored; models are never deleted"
    return Used(ModelUsed(row.model_version, found.name, wish.sha256), found.native)


def _too_early(what: str) -> Problem:
    detail = f"The back office has not yet come to the {what} of this payment. Ask again in a moment."
    return unavailable("office_behind", "The back office is behind", detail)


def _score(row: Row, used: Used | None, values: NDArray[np.float16], facts: list[Fact]) -> ScoreView:
    score = score_told(row.score, row.model_version)
    if used is None:
        return ScoreView(None, None, None, None, None, NO_MODEL)
    if score is None:
        return ScoreView(None, None, None, None, None, NO_SCORE)
    try:
        added = trees.contributions(used.native, values[None])
    except (trees.LibraryMissing, trees.BadNative) as error:
        _log.warning("score cannot be explained", seq=row.seq, model_version=row.model_version, reason=str(error))
        absent = _NO_LIBRARY if isinstance(error, trees.LibraryMissing) else _NO_TREES
        return ScoreView(score, None, None, None, None, absent)
    again = float(trees.score_of(added)[0])
    if abs(again - row.score) > _NEAR:
        _log.error(
            "score is not that of its model", seq=row.seq, model_version=row.model_version, row=row.score, model=again
        )
    causes, others = rules.causes(facts, added[0, :SLOTS])
    base = float(added[0, SLOTS])
    return ScoreView(score, round(_probability(base), 7), round(base, 6), causes, others, None)


def _probability(log_odds: float) -> float:
    return float(1 / (1 + np.exp(-log_odds)))
