"""The machine does what SQL says: SQLite judges the same conditions over the same payments."""

from __future__ import annotations

import os
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from process.decide.rules import languages

from penstock.contracts.features import BY_NAME, SLOTS
from penstock.process.decide.rules.machine import BLOCK
from penstock.process.decide.rules.pack import BadPack, Content, Pack, Rule, Strength, Verdict

EXAMPLES: Final = int(os.environ.get("PENSTOCK_EXAMPLES", "25")) * 8


def pack_of(*conditions: str, verdict: Verdict = Verdict.REVIEW) -> Pack:
    rules = (Rule(i, f"rule{i}", "says so", "如此", when, verdict) for i, when in enumerate(conditions))
    return Pack(Content("tried", tuple(rules)))


def payment(**stored: float) -> NDArray[np.float32]:
    """One vector; names with __ for the dot."""
    vector = np.array([[feature.unknown for feature in BY_NAME.values()]], np.float32)
    for name, value in stored.items():
        vector[0, BY_NAME[name.replace("__", ".")].slot] = np.float16(value)
    return vector


def fires(condition: str, vector: NDArray[np.float32], score: float | None = None) -> bool:
    scores = None if score is None else np.array([score], np.float32)
    return bool(pack_of(condition).fired(vector, scores)[0])


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(languages.conditions(2), min_size=1, max_size=4), languages.payments())
def test_what_fires_is_what_sql_selects(
    conditions: list[tuple[str, str]], payments: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> None:
    try:
        pack = pack_of(*(rule for rule, _ in conditions))
    except BadPack as bad:  # such as 1 / 0: refused, and never run
        if any("no number" in problem or "steps" in problem for problem in bad.problems):
            return
        raise
    fired = pack.fired(*payments)
    database = languages.make_table(*payments)
    for bit, (rule, sqlite) in enumerate(conditions):
        selected = {place for (place,) in database.execute(f"SELECT place FROM payments WHERE {sqlite}")}
        assert set(np.flatnonzero((fired >> bit) & 1).tolist()) == selected, rule
    database.close()


@pytest.mark.parametrize("count", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7])
def test_where_blocks_are_cut_changes_nothing(count: int) -> None:
    vectors = np.full((count, SLOTS), -1.0, np.float32)
    slot = BY_NAME["payer.seen"].slot
    vectors[:, slot] = np.log2(1.0 + np.arange(count) % 7).astype(np.float16)
    pack = pack_of("payer.seen >= 5", "payer.seen + 0 * payer.seen = 3", "payer.seen IS UNKNOWN")
    expected = [(n % 7 >= 5) + 2 * (n % 7 == 3) for n in range(count)]
    assert pack.fired(vectors).tolist() == expected


def test_each_of_63_rules_has_its_bit() -> None:
    pack = pack_of(*(["TRUE"] * 63))
    assert pack.fired(payment()).tolist() == [2**63 - 1]


def test_what_is_not_known_fires_nothing_and_its_opposite_neither() -> None:
    vector = payment()
    for condition in ("payer.age > 5", "NOT payer.age > 5", "payer.age IN (1, 2)", "payer.age NOT IN (1, 2)", "payer.age <> 5"):
        assert not fires(condition, vector), condition
    assert fires("payer.age IS UNKNOWN AND NOT payer.age IS KNOWN", vector)
    assert fires("payer.age > 5 OR TRUE", vector)
    assert fires("coalesce(payer.age, 9) > 5", vector)


@pytest.mark.parametrize("stored", [np.nan, np.inf, -np.inf, 1e30, -5.0])
def test_what_no_feature_can_be_is_unknown(stored: float) -> None:
    vector = payment()
    vector[0, BY_NAME["payer.age"].slot] = stored
    assert fires("payer.age IS UNKNOWN", vector)
    assert not fires("payer.age + 1 > 0 OR payer.age <= 0", vector)


def test_dividing_by_zero_and_what_is_too_large_are_unknown() -> None:
    vector = payment(payer__seen=0, payment__amount=60)
    assert not fires("payment.amount / payer.seen > 1 OR NOT payment.amount / payer.seen > 1", vector)
    huge = " * ".join(["payment.amount"] * 10)
    assert not fires(f"({huge}) * ({huge}) > 1 OR ({huge}) * ({huge}) <= 1", vector)
    assert fires(f"({huge}) * ({huge}) - ({huge}) * ({huge}) IS UNKNOWN", vector)


def test_a_score_counts_to_six_digits_and_may_be_missing() -> None:
    assert fires("score >= 0.9", payment(), 0.9)  # in float32 it is less
    assert not fires("score > 0.9", payment(), 0.9)
    assert fires("score IS UNKNOWN", payment(), -1.0)
    assert fires("score IS UNKNOWN", payment())
    assert not fires("score >= 0 OR score < 0", payment())


def test_the_strongest_verdict_counts() -> None:
    verdicts = [Verdict.WATCH, Verdict.BLOCK, Verdict.CHALLENGE, Verdict.REVIEW]
    rules = (Rule(i * 20, f"rule{i}", "says so", "如此", "TRUE", verdict) for i, verdict in enumerate(verdicts))
    pack = Pack(Content("tried", tuple(rules)))
    watch, block, challenge, review = 1, 1 << 20, 1 << 40, 1 << 60
    fired = np.array([0, watch, watch | challenge, challenge | review, review | block | watch, block], np.int64)
    allow = [Strength.ALLOW] * 2
    assert pack.verdicts(fired).tolist() == [*allow, Strength.CHALLENGE, Strength.REVIEW, Strength.BLOCK, Strength.BLOCK]
    assert pack.verdicts(fired).dtype == np.int8


def test_wrong_shapes_are_refused() -> None:
    pack = pack_of("score > 0.5")
    with pytest.raises(ValueError, match=r"\(n, 64\)"):
        pack.fired(np.zeros((2, 3), np.float32))
    with pytest.raises(ValueError, match="scores"):
        pack.fired(np.zeros((2, SLOTS), np.float32), np.zeros(3, np.float32))


def test_halves_may_come_as_they_are_stored() -> None:
    vector = payment(payer__seen=np.log2(8))
    assert pack_of("payer.seen = 7").fired(vector.astype(np.float16)).tolist() == [1]
