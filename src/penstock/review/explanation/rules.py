"""What a row, its policy and its contributions say: values, verdict, thresholds and causes. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import FORCE_REASON
from penstock.contracts.features import FEATURES, SLOT_OF, SLOTS, Entity, Feature, Measure
from penstock.contracts.policy import VERDICTS, Policy
from penstock.contracts.words import TYPES
from penstock.review.explanation.quantities import SCALES
from penstock.review.explanation.sentences import Scene, sentence
from penstock.review.explanation.store import Row
from penstock.review.explanation.views import Cause, Fact, Normal, Thresholds, Words

#: Causes that are told; the others are summed.
MOST_CAUSES: Final = 10
_ALLOW, _CHALLENGE, _REVIEW, _BLOCK = (VERDICTS.index(name) for name in ("allow", "challenge", "review", "block"))
_RATIO: Final = SLOT_OF[Entity.PAYER, Measure.AMOUNT_RATIO]
#: What a person looks at first to see whether this is like the payer.
_NORMAL: Final = tuple(SLOT_OF[pair] for pair in (
    (Entity.PAYER, Measure.AMOUNT_RATIO), (Entity.PAYER, Measure.HOUR_HABIT), (Entity.PAYER, Measure.SEEN),
    (Entity.PAYER, Measure.GAP), (Entity.PAYER, Measure.COUNT_DAY), (Entity.PAYER_PAYEE, Measure.SEEN),
    (Entity.PAYER_DEVICE, Measure.SEEN), (Entity.PAYER_NETWORK, Measure.SEEN), (Entity.PAYER_PLACE, Measure.SEEN),
    (Entity.PAYER, Measure.SPEED), (Entity.PAYER, Measure.SWITCHES), (Entity.PAYER, Measure.FAILED),
))  # fmt: skip


class Verdict(NamedTuple):
    """What the score, or its absence, asked for; ``asked`` is what it was before the payer's verification counted."""

    name: str
    asked: str

    @property
    def challenge_passed(self) -> bool:
        """Whether a challenge was spared because the payer had been verified."""
        return self.asked != self.name


def vector(row: Row) -> NDArray[np.float16]:
    """The vector (64,) of a row that has one."""
    assert row.features is not None
    found = np.frombuffer(row.features, "<f2")
    assert found.shape == (SLOTS,), f"row {row.seq} has {len(row.features)} bytes of features"
    return found


def scene(row: Row) -> Scene:
    """What sentences need of the row."""
    named = {
        Entity.INSTRUMENT: row.instrument, Entity.DEVICE: row.device, Entity.NETWORK: row.network,
        Entity.PLACE: row.place, Entity.CATEGORY: row.category,
    }  # fmt: skip
    return Scene(row.amount_minor, row.currency, frozenset(entity for entity, said in named.items() if not said))


def facts(values: NDArray[np.float16], about: Scene) -> list[Fact]:
    """All features in words, by slot."""
    return [_fact(feature, float(values[feature.slot]), about) for feature in FEATURES]


def _fact(feature: Feature, value: float, about: Scene) -> Fact:
    scale = SCALES[feature.measure]
    known = None if value == feature.unknown else scale.natural(value)
    if known is not None and feature.measure == Measure.AMOUNT:
        known = float(about.amount_minor)
    said = sentence(feature, known, about)
    return Fact(feature.name, None if known is None else _short(known), scale.unit, Words(said.en, said.zh))


def _short(value: float) -> float:
    """The digits that half precision has."""
    return float(f"{value:.4g}") if abs(value) < 1e4 else float(round(value))


def causes(told: list[Fact], added: NDArray[np.float64]) -> tuple[list[Cause], float]:
    """The strongest contributions, strongest first, and the sum of the others.

    :param added: contributions in log-odds (64,).
    """
    order = np.argsort(-np.abs(added), kind="stable")
    strongest = [slot for slot in order[:MOST_CAUSES].tolist() if added[slot] != 0]
    others = float(added.sum() - added[strongest].sum())
    found = [
        Cause(fact.feature, round(float(added[slot]), 6), fact.value, fact.unit, fact.words)
        for slot in strongest
        for fact in (told[slot],)
    ]
    return found, round(others, 6)


def normal(told: list[Fact], values: NDArray[np.float16], row: Row) -> Normal:
    """The payment beside what is normal for its payer."""
    ratio = float(values[_RATIO])
    usual = None if ratio == FEATURES[_RATIO].unknown else max(round((row.amount_minor + 1) / 2.0**ratio) - 1, 0)
    return Normal(usual, [told[slot] for slot in _NORMAL])


def thresholds(policy: Policy, row: Row) -> Thresholds:
    """Those that the policy of the row has for its type."""
    rules = {rule.type: rule for rule in policy.risk}
    rule = rules.get(TYPES[row.payment_type], rules.get("any"))
    scores = (None, None, None) if rule is None else (rule.challenge, rule.review, rule.block)
    return Thresholds(row.policy_version, *scores, policy.challenge_factors, policy.without_score)


def verdict(row: Row, limits: Thresholds) -> Verdict | None:
    """What was asked for, from the row and its policy; None while no model was in force."""
    if row.model_version == 0:
        return None
    if row.score < 0:
        return Verdict(limits.without_score, limits.without_score)
    asked = _ALLOW
    for name, threshold in ((_CHALLENGE, limits.challenge), (_REVIEW, limits.review), (_BLOCK, limits.block)):
        if threshold is not None and np.float32(row.score) >= np.float32(threshold):
            asked = name
    passed = asked == _CHALLENGE and row.verification >= limits.challenge_factors
    return Verdict(VERDICTS[_ALLOW if passed else asked], VERDICTS[asked])


def was_forced(row: Row) -> bool:
    """Whether a test value of the sandbox decided."""
    return row.option >= FORCE_REASON
