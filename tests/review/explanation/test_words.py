"""Values in natural units, sentences in both languages, and a verdict that is the lane's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.contracts.commands import FORCE_REASON, Kind
from penstock.contracts.features import BY_NAME, FEATURES, SLOTS, Entity
from penstock.contracts.policy import Policy, RiskRule
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from penstock.review.explanation import quantities, rules
from penstock.review.explanation.sentences import Scene, sentence
from penstock.review.explanation.store import Row
from penstock.review.explanation.summary import summary

SCENE = Scene(120_000, 156, frozenset())
UNKNOWN = np.array([feature.unknown for feature in FEATURES], np.float16)


def said(name: str, value: float, scene: Scene = SCENE) -> tuple[float | None, str, str]:
    """A fact of a vector's value."""
    values = UNKNOWN.copy()
    values[BY_NAME[name].slot] = value
    fact = rules.facts(values, scene)[BY_NAME[name].slot]
    assert fact.feature == name
    return fact.value, fact.words.en, fact.words.zh


@pytest.mark.parametrize(
    ("name", "value", "natural", "en", "zh"),
    [
        ("payer.amount_ratio", 3, 8, "The amount is 8 times what this payer usually pays.", "金额约为该付款人平常金额的 8 倍。"),
        ("payer.amount_ratio", -2, 0.25, "The amount is 25 % of what this payer usually pays.", "金额约为该付款人平常金额的 25%。"),
        ("payee.amount_ratio", 0.1, 1.072, "The amount is about what this payee is usually paid.", "金额与该收款人平常收款金额相近。"),
        ("payment.amount", 16.9, 120_000, "The amount is 1,200.00 CNY.", "金额为 1,200.00 CNY。"),
        ("payment.hour", 3.25, 3.25, "The local time is about 03:15.", "当地时间约为 03:15。"),
        ("payment.weekday", 6, 6, "It is a Sunday.", "当天是星期日。"),
        ("payment.extra_2", -2, -3, "The extra number 2 is about -3.", "附加数值二约为 -3。"),
        ("payer.hour_habit", 1, 6, "The time is about 6 hours from when this payer usually pays.", "付款时刻与该付款人平常相差约 6 小时。"),
        ("payer.gap", np.log2(1 + 7_200), 7200, "The last payment of this payer was 2 hours ago.", "该付款人的上一笔支付发生在2小时前。"),
        ("payer_payee.seen", 0, 0, "This payer has never paid this payee before.", "该付款人此前从未向该收款人付款。"),
        ("payer_device.seen", 1, 1, "This payer has used this device once before.", "该付款人此前已使用该设备 1 次。"),
        ("payee.fraud_share", 0.5, 0.5, "Of the payments to this payee of which it is known, about 50 % were fraud.",
         "付给该收款人的支付中，在已知结果的范围内约 50% 为欺诈。"),
        ("device.seen", 0, 0, "This is the first payment from this device.", "这是来自该设备的首笔支付。"),
        ("payee.fraud_gap", -1, None, "No fraud is known among the payments to this payee.", "付给该收款人的支付中没有已知的欺诈。"),
        ("payer.amount_ratio", -32, None, "Too few earlier payments of this payer are known to say what amount is usual.",
         "该付款人的历史支付太少，无法判断平常金额。"),
    ],
)  # fmt: skip
def test_a_fact_is_told_in_natural_units(name: str, value: float, natural: float | None, en: str, zh: str) -> None:
    found = said(name, value)
    assert found[0] == (None if natural is None else pytest.approx(natural, rel=5e-3))
    assert found[1:] == (en, zh)


def test_what_the_payment_did_not_say_is_said() -> None:
    silent = SCENE._replace(unnamed=frozenset({Entity.DEVICE}))
    assert said("device.seen", -1, silent) == (None, "The payment did not say its device.", "该支付未提供设备。")
    assert said("payer_device.seen", -1, silent)[1] == "The payment did not say its device."
    assert "did not say" not in said("device.seen", -1)[1]


@given(st.lists(st.floats(-16, 40, width=16), min_size=SLOTS, max_size=SLOTS))
@settings(deadline=None, max_examples=30)
def test_any_vector_has_words(values: list[float]) -> None:
    for fact in rules.facts(np.array(values, np.float16), SCENE):
        for text in (fact.words.en, fact.words.zh):
            assert text.endswith((".", "。"))
            assert "{" not in text
            assert "nan" not in text


def test_every_feature_has_words_when_known_and_when_not() -> None:
    for feature in FEATURES:
        known, unknown = sentence(feature, 1.5, SCENE), sentence(feature, None, SCENE)
        assert known != unknown
        assert known.en.isascii()
        assert not known.zh.isascii()


@pytest.mark.parametrize(
    ("seconds", "en", "zh"),
    [(0, "0 seconds", "0秒"), (1, "1 second", "1秒"), (116, "116 seconds", "116秒"), (120, "2 minutes", "2分钟"),
     (6_960, "116 minutes", "116分钟"), (7_180, "2 hours", "2小时"), (86_400, "24 hours", "24小时"), (3 * 86_400, "3 days", "3天"),
     (731 * 86_400, "2 years", "2年")],
)  # fmt: skip
def test_a_span_of_time_is_told_in_its_largest_unit(seconds: float, en: str, zh: str) -> None:
    assert quantities.length(seconds) == (en, zh)


POLICY = Policy(
    name="p", time_zone="UTC", tiers=("t",), hold_lifetime_s=1, limits=(),
    risk=(RiskRule("any", challenge=0.1, review=0.2, block=0.8), RiskRule("bill", block=0.5)), without_score="review",
)  # fmt: skip


def row(**more: Any) -> Row:
    fixed = dict.fromkeys(Row._fields, 0) | {
        "seq": 9, "kind": int(Kind.PAY), "state": int(State.CLEARED), "amount_minor": 120_000, "payment_type": 1,
        "currency": 156, "policy_version": 1, "model_version": 1, "features": UNKNOWN.tobytes(),
    }  # fmt: skip
    return Row(**{**fixed, **more})


@pytest.mark.parametrize(
    ("more", "name", "passed"),
    [
        ({"score": 0.05}, "allow", False),
        ({"score": float(np.float32(0.1))}, "challenge", False),
        ({"score": 0.15, "verification": 1}, "challenge", False),
        ({"score": 0.15, "verification": 2}, "allow", True),
        ({"score": 0.2001, "verification": 3}, "review", False),
        ({"score": 0.9}, "block", False),
        ({"score": 0.4, "payment_type": 3}, "allow", False),
        ({"score": 0.6, "payment_type": 3}, "block", False),
        ({"score": -1.0}, "review", False),
    ],
)
def test_the_verdict_is_that_of_the_thresholds(more: dict[str, Any], name: str, passed: bool) -> None:
    told = row(**more)
    verdict = rules.verdict(told, rules.thresholds(POLICY, told))
    assert verdict is not None
    assert (verdict.name, verdict.challenge_passed) == (name, passed)


def summed(**more: Any) -> list[str]:
    told = row(**more)
    limits = rules.thresholds(POLICY, told)
    return [words.en for words in summary(told, rules.verdict(told, limits), limits)]


def test_the_summary_says_what_decided() -> None:
    assert summed(model_version=0) == [
        "No model was in force, so there is no score and no verdict from one.", "The payment was carried out.",
    ]  # fmt: skip
    assert summed(score=0.85, state=int(State.DECLINED), reason=int(Reason.RISK_BLOCKED))[0] == (
        "The score 0.85 reaches 0.8, from where on the policy says: decline it."
    )
    assert summed(score=0.01)[0] == "The score 0.01 is below 0.1, the lowest threshold: let it pass."
    assert "passes the challenge" in summed(score=0.15, verification=2)[1]
    assert summed(score=-1.0, state=int(State.REVIEW))[:2] == [
        "The model in force could not score this payment.",
        "The policy says for this case: have a person look at it.",
    ]


def test_the_summary_says_when_something_else_decided() -> None:
    declined = summed(score=0.9, state=int(State.DECLINED), reason=int(Reason.INSUFFICIENT_FUNDS))
    assert declined[-1] == "This is judged before the risk, so the verdict did not matter."
    assert summed(score=0.3)[-1].startswith("As many reviews had begun")
    assert summed(score=0.01, state=int(State.REVIEW))[-1] == "The policy has payments of this amount reviewed."
    forced = summed(score=0.01, state=int(State.DECLINED), option=FORCE_REASON + Reason.LIMIT_SINGLE, reason=int(Reason.LIMIT_SINGLE))
    assert forced[0] == "A test value of the sandbox decided this payment, whatever the score."


def test_the_strongest_causes_come_first_and_nothing_is_lost() -> None:
    added = np.zeros(SLOTS)
    added[3], added[7], added[20:40] = 0.5, -2.0, 0.01
    causes, others = rules.causes(rules.facts(UNKNOWN, SCENE), added)
    assert [cause.feature for cause in causes[:2]] == [FEATURES[7].name, FEATURES[3].name]
    assert len(causes) == rules.MOST_CAUSES
    assert sum(cause.contribution for cause in causes) + others == pytest.approx(added.sum(), abs=1e-6)


def test_the_usual_amount_is_known_from_the_ratio() -> None:
    values = UNKNOWN.copy()
    assert rules.normal(rules.facts(values, SCENE), values, row()).usual_amount_minor is None
    values[BY_NAME["payer.amount_ratio"].slot] = 3
    assert rules.normal(rules.facts(values, SCENE), values, row()).usual_amount_minor == 14_999
