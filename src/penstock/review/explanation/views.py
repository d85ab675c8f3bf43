"""What an explanation looks like to a caller."""

from __future__ import annotations

import msgspec


class Words(msgspec.Struct, frozen=True):
    """A sentence for people, in both languages."""

    en: str
    zh: str


class ModelUsed(msgspec.Struct, frozen=True):
    """The model that gave the score."""

    version: int
    name: str
    sha256: str


class Thresholds(msgspec.Struct, frozen=True):
    """From which score on the policy challenges, reviews and blocks payments of this type; null = never.

    ``challenge_factors``: kinds of factor with which a challenge counts as passed. ``without_score``: what becomes of
    payments while a model is in force but cannot score.
    """

    policy_version: int
    challenge: float | None
    review: float | None
    block: float | None
    challenge_factors: int
    without_score: str


class Fact(msgspec.Struct, frozen=True):
    """One feature: its ``value`` in ``unit``, null when unknown, and a sentence that says so."""

    feature: str
    value: float | None
    unit: str
    words: Words


class Cause(msgspec.Struct, frozen=True):
    """A fact and what it added to the log-odds of fraud: above 0 it raised the score, below it lowered it."""

    feature: str
    contribution: float
    value: float | None
    unit: str
    words: Words


class ScoreView(msgspec.Struct, frozen=True):
    """A score and why: ``base`` and all contributions, ``others`` included, add up to its log-odds.

    ``base_score`` is the score of the average payment that the model was trained on. ``causes`` are the strongest,
    strongest first; null when they cannot be computed, and ``absent`` then says why.
    """

    score: float | None
    base_score: float | None
    base: float | None
    causes: list[Cause] | None
    others: float | None
    absent: Words | None


class Normal(msgspec.Struct, frozen=True):
    """The payment beside what is normal for its payer; ``usual_amount_minor`` null = not known yet."""

    usual_amount_minor: int | None
    facts: list[Fact]


class ExplanationView(msgspec.Struct, frozen=True):
    """Why a payment was decided as it was, from its journal row alone.

    ``verdict`` is what the score, or its absence, asked for (``allow``, ``challenge``, ``review``, ``block``); null
    while no model was in force. ``state`` and ``reason`` are those of the decision, not of today. ``facts`` is all that
    was known of the payment before it was decided.
    """

    payment: str
    seq: int
    as_of_seq: int
    time: str
    state: str
    reason: str
    reason_code: int
    verdict: str | None
    challenge_passed: bool
    summary: list[Words]
    thresholds: Thresholds
    model: ModelUsed | None
    score: ScoreView
    normal: Normal
    facts: list[Fact]
