"""The kernel agrees with a naive reference, feature by feature, on random and on awkward streams."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Callable
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray
from support.labelled import labelled_history
from support.reference_features import Attempt, Features, Step, Told, names_of, reference, steps_of
from support.streams import (
    MATURITY_US,
    START_US,
    evictions,
    memory,
    observe_events_alone,
    observe_steps,
    random_attempt,
    random_steps,
)

from penstock.contracts.features import BY_NAME, FEATURES, Feature, Measure
from penstock.improve.history.columns import FRAUD, GENUINE
from penstock.improve.observing.events import events_of

SEEDS: Final = int(os.environ.get("PENSTOCK_EXAMPLES", "20")) // 3
DAY_US: Final = 86_400_000_000
#: A logarithm is right to 2 / 1024, and a tick is the 4096th part of a half-life.
LOGARITHM: Final = 0.004
EXACT: Final = {Measure.ROUNDNESS, Measure.HOUR, Measure.WEEKDAY, Measure.TYPE, Measure.CHANNEL}


def tolerance(feature: Feature, value: float) -> float:
    """How far the kernel may be from the exact value."""
    if feature.measure in EXACT:
        return 0.0
    if feature.measure is Measure.AMOUNT_Z:  # a small spread is what is left of two large numbers
        return 0.02 + 0.03 * abs(value)
    return 0.001 if feature.term.unit == "share" else LOGARITHM


def bounds(feature: Feature, features: Features, payments: int) -> tuple[float, float]:
    """Between which the kernel's value must lie; money loses up to a minor unit at each payment of an entity."""
    value = features[feature.name]
    assert value is not None
    low = high = value
    if feature.measure in {Measure.SUM_HOUR, Measure.SUM_DAY}:
        low = math.log2(max(2**value - payments, 1.0))
    if feature.measure is Measure.RECEIVED_RATIO:
        amount = features["payment.amount"] or 0.0
        high = min(amount - math.log2(max(2 ** (amount - value) - payments, 1.0)), 16.0)
    return low - tolerance(feature, value), high + tolerance(feature, value)


def agrees(feature: Feature, features: Features, found: float, payments: int) -> bool:
    """Whether the kernel says the same; ``payments`` were before."""
    if features.get(feature.name) is None:
        return found == feature.unknown
    low, high = bounds(feature, features, payments)
    return found != feature.unknown and low <= found <= high


def compare(vectors: NDArray[np.float32], expected: list[Features]) -> None:
    """Each vector (n, 64) with the reference's features."""
    assert len(vectors) == len(expected)
    for place, (vector, features) in enumerate(zip(vectors.tolist(), expected, strict=True)):
        wrong = {
            each.name: (features.get(each.name), vector[each.slot])
            for each in FEATURES
            if features and not agrees(each, features, vector[each.slot], place)
        }
        assert wrong == {}, f"payment {place}: expected and found"
        assert features or not any(vector), "payments of nobody have no vector"


def check(steps: list[Step], maturity_us: int = MATURITY_US, accounts: int = 40) -> list[Features]:
    """Run steps through both; the reference's features, once they agree."""
    state = memory(accounts=accounts, maturity_us=maturity_us)
    vectors, _ = observe_steps(state, steps)
    assert evictions(state) == 0, "the reference never forgets"
    expected = reference(steps, maturity_us)
    compare(vectors, expected)
    return expected


@pytest.mark.parametrize("seed", range(max(SEEDS, 2)))
def test_random_streams(seed: int) -> None:
    check(random_steps(seed, 120))


def test_every_feature_is_tried_with_a_value() -> None:
    expected = reference(random_steps(0, 240), MATURITY_US) + reference(random_steps(1, 240), MATURITY_US)
    assert names_of(expected) >= set(BY_NAME)


@pytest.mark.parametrize("maturity_us", [7_000_000, 3_600_000_000, 30 * DAY_US, 400 * DAY_US])
def test_any_maturity(maturity_us: int) -> None:
    check(random_steps(77, 100), maturity_us)


def test_a_history_is_the_same_stream() -> None:
    history = labelled_history(3, 220, days=60, maturity_days=5.0)
    events, places = events_of(history)
    state = memory(accounts=2_000, maturity_us=history.maturity_us)
    vectors = observe_events_alone(state, events)
    assert evictions(state) == 0
    compare(vectors[places], reference(steps_of(history), history.maturity_us))


# --- awkward streams


def attempts(count: int, pause_us: Callable[[int], int], **fields: object) -> list[Step]:
    """Payments of one payer to one payee, by one device, from one place."""
    steps: list[Step] = []
    now = START_US
    for number in range(count):
        now += max(pause_us(number), 1)
        whole = {"payee": 2, "device": 3, "place": 4, "amount": 1_000 + 10 * number, "second_of_day": number * 977 % 86_400}
        steps.append(Attempt(now, 1, **{**whole, **fields}))  # type: ignore[arg-type]
    return steps


def huge(number: int) -> int:
    return (10**15, 2**38, 1, 0, 2**38 - 1)[number % 5]


def crossing(number: int) -> tuple[float, float]:
    """To and fro over the date line, and close to the poles."""
    return ((10.0, 179.9), (10.1, -179.9), (89.9, 0.0), (-89.9, 180.0), (0.0, -180.0), (0.0, 180.0))[number % 6]


AWKWARD: Final[dict[str, Callable[[], list[Step]]]] = {
    "thousands in a second": lambda: attempts(200, lambda _: 300, failed=True),
    "one microsecond apart": lambda: attempts(100, lambda _: 1),
    "always the same amount": lambda: attempts(60, lambda _: DAY_US, amount=4_200),
    "gaps of years": lambda: attempts(12, lambda number: (number % 4) ** 4 * 9 * DAY_US, failed=True, where=(1.0, 2.0)),
    "the payer pays themselves": lambda: attempts(40, lambda _: 5_000_000_000, payee=1),
    "nothing is said": lambda: attempts(30, lambda _: DAY_US // 7, payee=0, device=0, place=0, second_of_day=-1),
    "at the borders of days and eighths": lambda: attempts(60, lambda number: DAY_US // 2 - number % 3),
}


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_streams(name: str) -> None:
    check(AWKWARD[name]())


def test_huge_amounts() -> None:
    steps = attempts(40, lambda number: 3_600_000_000 * (number % 9))
    for number, step in enumerate(steps):
        assert isinstance(step, Attempt)
        step.amount = huge(number)
    check(steps)


def test_across_the_date_line_and_the_poles() -> None:
    steps = attempts(40, lambda number: 1_000_000 * (1 + number * number * 400))
    for number, step in enumerate(steps):
        assert isinstance(step, Attempt)
        step.where = crossing(number)
    check(steps)


def test_payments_of_nobody_are_passed_over() -> None:
    steps = attempts(20, lambda _: DAY_US)
    for step in steps[::2]:
        assert isinstance(step, Attempt)
        step.payer = 0
    check(steps)


def test_labels_change_again_and_again() -> None:
    dice, steps, now = random.Random(5), list[Step](), START_US
    paid = [random_attempt(dice, now + number * DAY_US // 5) for number in range(40)]
    for each in paid:
        each.waits, each.payer = True, 1
    now = paid[-1].time_us
    for number in range(120):
        now += dice.randrange(1, DAY_US // 4)
        steps.append(Told(now, dice.choice(paid), (FRAUD, None, GENUINE)[number % 3]))
        if number % 4 == 0:
            steps.append(random_attempt(dice, now + 1))
    check([*paid, *steps])
