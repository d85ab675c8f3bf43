"""What labels do to the features of later payments: maturity, lateness, revocation, and how soon."""

from __future__ import annotations

from typing import Final

import pytest
from support.reference_features import Attempt, Step, Told
from support.streams import MATURITY_US, START_US, memory, observe_steps

from penstock.contracts.features import BY_NAME
from penstock.improve.history.columns import FRAUD, GENUINE

#: A payment waits until the eighth step after its own begins.
STEP_US: Final = MATURITY_US // 7
DAY_US: Final = 86_400_000_000


def last(steps: list[Step]) -> dict[str, float]:
    """The features of the last attempt, which is appended, of payer 1 to payee 2."""
    vectors, _ = observe_steps(memory(), steps)
    return {name: float(vectors[-1, feature.slot]) for name, feature in BY_NAME.items()}


def labels_of(features: dict[str, float], entity: str = "payee") -> tuple[float, float, float, float]:
    """Genuine, share, share ever, run."""
    return tuple(features[f"{entity}.{name}"] for name in ("genuine", "fraud_share", "fraud_share_ever", "fraud_run"))  # type: ignore[return-value]


def paid(at_us: int = 0, **fields: int) -> Attempt:
    return Attempt(START_US + at_us, **{"payer": 1, "payee": 2, "device": 3, **fields})


def test_a_payment_is_known_to_be_genuine_at_its_maturity_and_not_before() -> None:
    first = paid()
    ripe_us = (first.time_us // STEP_US + 8) * STEP_US
    before, after = Attempt(ripe_us - 1, 1, 2), Attempt(ripe_us, 1, 2)
    assert MATURITY_US <= ripe_us - first.time_us <= MATURITY_US + STEP_US
    assert last([first, before])["payee.genuine"] == 0
    assert last([first, after])["payee.genuine"] == 1
    assert last([first, after])["payer.genuine"] == 1


def test_an_unlabelled_payment_never_matures() -> None:
    first = paid()
    first.waits = False
    assert last([first, paid(20 * DAY_US)])["payee.genuine"] == 0
    assert last([first, paid(20 * DAY_US)])["payee.seen"] == 1


@pytest.mark.parametrize("late_us", [DAY_US, 6 * DAY_US, 9 * DAY_US, 40 * DAY_US])
def test_a_fraud_counts_from_the_label_on_for_everybody_who_took_part(late_us: int) -> None:
    first = paid()
    told = Told(START_US + late_us, first, FRAUD)
    features = last([first, told, paid(late_us + 1)])
    for entity in ("payer", "payee", "device"):
        assert features[f"{entity}.fraud_share"] == pytest.approx(0.5, abs=0.001)
    assert features["payee.genuine"] == pytest.approx(0, abs=0.001), "what had matured is taken back"
    assert features["payee.fraud_run"] == 1
    assert features["payee.fraud_share_ever"] == 0.5
    assert last([first, paid(late_us - 1)])["payee.fraud_share"] == 0


def test_the_next_payment_knows_of_a_label() -> None:
    first = paid()
    assert last([first, Told(START_US + 1, first, FRAUD), paid(2)])["payer.fraud_share"] > 0.4


def test_a_label_says_genuine_before_the_maturity() -> None:
    first = paid()
    told = Told(START_US + DAY_US, first, GENUINE)
    assert last([first, told, paid(DAY_US + 1)])["payee.genuine"] == 1
    much_later = last([first, told, paid(8 * DAY_US)])
    assert 0.8 < much_later["payee.genuine"] < 1, "it is not counted again at its maturity"


@pytest.mark.parametrize("late_us", [DAY_US, 12 * DAY_US])
def test_a_label_that_is_revoked_was_never_there(late_us: int) -> None:
    first = paid()
    revoked: list[Step] = [first, Told(START_US + late_us, first, FRAUD), Told(START_US + late_us + 2, first, None)]
    for wait_us in (late_us + 3, 30 * DAY_US):
        with_both, without = last([*revoked, paid(wait_us)]), last([first, paid(wait_us)])
        assert labels_of(with_both) == pytest.approx(labels_of(without), abs=0.001)
    assert last([*revoked, paid(late_us + 3)])["payee.fraud_gap"] >= 0, "when it was last feared is not forgotten"


def test_labels_change_twice() -> None:
    first = paid()
    changes: list[Step] = [Told(START_US + DAY_US + number, first, label) for number, label in
                           enumerate((GENUINE, FRAUD, GENUINE, FRAUD))]  # fmt: skip
    features = last([first, *changes, paid(DAY_US + 9)])
    assert labels_of(features) == pytest.approx((0, 0.5, 0.5, 1), abs=0.001)
    again = last([first, *changes, Told(START_US + DAY_US + 5, first, GENUINE), paid(DAY_US + 9)])
    assert labels_of(again) == pytest.approx((1, 0, 0, 0), abs=0.001)


def test_a_run_of_frauds_ends_with_a_payment_known_to_be_genuine() -> None:
    good, *bad = (paid(number) for number in range(4))
    steps: list[Step] = [good, *bad, *(Told(START_US + DAY_US + number, each, FRAUD) for number, each in enumerate(bad))]
    assert last([*steps, paid(DAY_US + 9)])["payee.fraud_run"] == 2, "log2(1 + 3)"
    assert last([*steps, paid(9 * DAY_US)])["payee.fraud_run"] == 0, "the first has matured"


def test_a_label_of_somebody_forgotten_is_no_news_to_others() -> None:
    state = memory(entities=8, pairs=8)
    first = paid(device=1)
    others: list[Step] = [paid(1 + number, device=100 + number) for number in range(200)]
    vectors, _ = observe_steps(state, [first, *others, Told(START_US + DAY_US, first, FRAUD), paid(DAY_US + 1, device=299)])
    assert vectors[-1, BY_NAME["device.fraud_share"].slot] == 0
