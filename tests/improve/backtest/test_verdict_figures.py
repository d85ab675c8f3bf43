"""Interceptions, false blocks, customers, episodes and loads against cases computed by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from support.labelled import DAY_US
from support.measured import intents_of, random_intents

from penstock.improve.backtest.assumptions import (
    FRAUD_KINDS,
    Assumptions,
    BadAssumption,
    effectiveness_of,
    kind_of,
)
from penstock.improve.backtest.chances import chances_of
from penstock.improve.backtest.episodes import chance_unstopped, find_runs, summarise_episodes
from penstock.improve.backtest.intents import Intents
from penstock.improve.backtest.loads import daily_loads, disturbance
from penstock.improve.backtest.ratios import number_payers, verdict_ratios

STATED = Assumptions(
    effectiveness={"scam": 0.2, "other": 0.5},
    review_approves_genuine=0.9,
    review_declines_fraud=0.8,
    review_late=0.1,
)


def values(intents: Intents, assumptions: Assumptions = STATED, words: list[str] | None = None) -> dict[str, float]:
    chances = chances_of(intents, effectiveness_of(words or ["scam"], assumptions), assumptions)
    payer, payers = number_payers(intents.payer)
    return verdict_ratios(intents, chances, assumptions, 0, payer, payers).values()


def test_the_chances_of_each_verdict() -> None:
    intents = intents_of(verdict=[0, 1, 1, 2, 3], fraud_type=[1, 1, 0, 1, 1], label=[1] * 5)
    chances = chances_of(intents, effectiveness_of(["scam"], STATED), STATED)
    assert chances.intercepted.tolist() == pytest.approx([0, 0.2, 0.5, 0.9 * 0.8 + 0.1, 1])
    assert chances.block_only.tolist() == [0, 0, 0, 0, 1]
    assert chances.touched.tolist() == [0, 1, 1, 1, 1]
    assert chances.false_block.tolist() == pytest.approx([0, 0, 0, 0.9 * 0.1 + 0.1, 1])
    lenient = Assumptions(review_declines_fraud=0.8, review_late=0.1, late_review_declines=False)
    assert chances_of(intents, effectiveness_of(["scam"], lenient), lenient).intercepted[3] == pytest.approx(0.72)


def test_by_count_amount_and_customer() -> None:
    found = values(
        intents_of(
            payer=[1, 1, 1, 2, 3, 0, 0],
            label=[0, 0, 0, 0, 1, 0, 0],
            verdict=[3, 3, 0, 0, 1, 3, 0],
            fraud_type=[0, 0, 0, 0, 1, 0, 0],
            amount_minor=[10, 20, 30, 40, 50, 60, 140],
        )
    )
    assert found["false_block/count"] == pytest.approx(3 / 6)
    assert found["false_block/amount"] == pytest.approx(90 / 300)
    assert found["false_block/customer"] == pytest.approx(2 / 4)  # two known, two unknown
    assert (found["intercepted/count"], found["intercepted/episode"]) == pytest.approx((0.2, 0.2))
    assert (found["touched/count"], found["block_only/count"]) == (1.0, 0.0)


def test_customers_are_counted_within_windows_of_thirty_days() -> None:
    found = values(intents_of(time_us=[0, DAY_US, 29 * DAY_US, 30 * DAY_US], verdict=[2, 2, 0, 0]))
    each = 0.9 * 0.1 + 0.1
    assert found["false_block/customer"] == pytest.approx((1 - (1 - each) ** 2) / 2)
    assert found["touched_genuine/customer"] == pytest.approx(1 / 2)


def test_frauds_that_history_refused_are_nobodys_merit() -> None:
    found = values(intents_of(label=[1, 1], verdict=[3, 0], failed=[True, False]))
    assert found["intercepted/count"] == 0.0
    nothing = values(intents_of(label=[1, 0], verdict=[3, 0], failed=[True, False]))
    assert math.isnan(nothing["intercepted/count"])


def test_runs_end_with_a_gap_and_the_unknown_run_alone() -> None:
    runs = find_runs(np.array([5, 0, 5, 5, 6, 0]), np.array([0, 1, 10, 21, 22, 23]), 10)
    groups = [sorted(group.tolist()) for group in np.split(runs.places, runs.begins[1:])]
    assert sorted(groups) == [[0, 2], [1], [3], [4], [5]]
    assert sorted(runs.lengths.tolist()) == [1, 1, 1, 1, 2]
    assert len(find_runs(np.zeros(0, np.int64), np.zeros(0, np.int64), 1).begins) == 0


def test_the_first_stop_ends_an_episode() -> None:
    runs = find_runs(np.array([1, 1, 1, 2, 2]), np.array([0, 1, 2, 3, 4]), 100)
    chance = np.array([0.0, 1.0, 0.0, 0.5, 0.5])
    amount = np.array([10, 20, 30, 40, 60])
    assert chance_unstopped(runs, chance).tolist() == pytest.approx([1, 0, 0, 0.5, 0.25])
    found = summarise_episodes(runs, chance, amount)
    assert found.episodes == 2
    assert found.frauds_per_episode == 2.5
    assert found.stopped == pytest.approx((1 + 0.75) / 2)
    assert found.stopped_at_first == pytest.approx(0.25)
    assert found.payments_until_stop == pytest.approx((1 + 0.75) / 2)
    assert found.loss_saved == pytest.approx((50 + 20 + 45) / 160)


def test_episodes_are_what_every_course_of_events_gives_on_average() -> None:
    """Against the definition: stop or not at each payment, all possibilities weighed."""
    chance, amount = [0.3, 0.0, 0.9, 0.5], [7, 11, 13, 17]
    saved = through = 0.0
    for course in itertools.product((True, False), repeat=4):
        weight = math.prod(c if stop else 1 - c for c, stop in zip(chance, course, strict=True))
        first = course.index(True) if True in course else 4
        saved += weight * sum(amount[first:])
        through += weight * first
    runs = find_runs(np.ones(4, np.int64), np.arange(4), 1)
    found = summarise_episodes(runs, np.array(chance), np.array(amount))
    assert found.loss_saved == pytest.approx(saved / sum(amount))
    assert found.payments_until_stop == pytest.approx(through)


def test_many_certain_stops_leave_later_episodes_exact() -> None:
    entity = np.arange(20_000) // 2 + 1
    runs = find_runs(entity, np.arange(20_000), 5)
    chance = np.tile([1.0, 0.25], 10_000)
    chance[-2:] = 0.25, 0.0
    assert chance_unstopped(runs, chance)[-2:].tolist() == pytest.approx([0.75, 0.75])


def test_episodes_without_frauds_say_nothing() -> None:
    runs = find_runs(np.zeros(0, np.int64), np.zeros(0, np.int64), 1)
    found = summarise_episodes(runs, np.zeros(0), np.zeros(0, np.int64))
    assert found.episodes == 0
    assert math.isnan(found.loss_saved)


def test_loads_and_complaints_a_day() -> None:
    stated = Assumptions(challenged_genuine_complain=0.1, reviewed_genuine_complain=0.2, blocked_genuine_complain=0.5)
    intents = intents_of(verdict=[0, 1, 2, 2, 3, 3], label=[0, 0, 0, -1, 0, 1], time_us=[0, 0, 0, 0, DAY_US, DAY_US])
    found = daily_loads(intents, stated, 2.0)
    assert found["reviews_per_day"] == 1.0
    assert found["reviews_on_the_busiest_day"] == 2
    assert (found["challenges_per_day"], found["blocks_per_day"]) == (0.5, 1.0)
    assert found["complaints_per_day"] == pytest.approx((0.1 + 0.4 + 0.5) / 2)
    assert found["complaints_per_thousand_intents"] == pytest.approx(1_000 / 6)


def test_false_blocks_of_one_customer_are_one_episode() -> None:
    intents = intents_of(
        verdict=[3, 2, 1, 3, 3], payer=[1, 1, 1, 2, 1], time_us=[0, DAY_US, 2 * DAY_US, 2 * DAY_US, 30 * DAY_US]
    )
    found = disturbance(intents, Assumptions())
    assert found == {"episodes": 3, "intents_per_episode": pytest.approx(4 / 3), "longest": 2}


def test_a_files_own_words_find_their_kind() -> None:
    assert kind_of("Stolen card") == "stolen_instrument"
    assert kind_of("account_takeover") == "account_takeover"
    assert kind_of("APP scam") == "scam"
    assert kind_of("电信诈骗") == "scam"
    assert kind_of("something else") == "other"
    own = effectiveness_of(["Stolen card", "x"], Assumptions(effectiveness={"x": 0.7}))
    assert own.tolist() == [FRAUD_KINDS["other"].effectiveness, FRAUD_KINDS["stolen_instrument"].effectiveness, 0.7]
    kind = effectiveness_of(["Stolen card"], Assumptions(effectiveness={"stolen_instrument": 0.6}))
    assert kind[1] == 0.6


def test_shares_outside_of_zero_and_one_and_strange_types_are_refused() -> None:
    with pytest.raises(BadAssumption, match=r"review_late is a share between 0 and 1, not 1\.5"):
        Assumptions(review_late=1.5)
    with pytest.raises(BadAssumption, match="'scam' is a share"):
        Assumptions(effectiveness={"scam": -0.1})
    with pytest.raises(BadAssumption, match="no fraud type is called scm"):
        effectiveness_of(["scam"], Assumptions(effectiveness={"scm": 0.1}))
    with pytest.raises(BadAssumption, match="lengths of time"):
        Assumptions(episode_gap_days=0)


def test_ratios_of_many_intents_are_the_same_one_by_one() -> None:
    intents = random_intents(4)
    found = values(intents, words=["scam", "card"])
    chances = chances_of(intents, effectiveness_of(["scam", "card"], STATED), STATED)
    genuine = [i for i in range(len(intents)) if not intents.fraud[i]]
    groups: dict[tuple[int, int], float] = {}
    for i in genuine:
        key = (int(intents.payer[i]), int(intents.time_us[i] // (30 * DAY_US)))
        groups[key] = groups.get(key, 1.0) * (1 - chances.false_block[i])
    assert found["false_block/customer"] == pytest.approx(sum(1 - rest for rest in groups.values()) / len(groups))
    assert found["false_block/count"] == pytest.approx(sum(chances.false_block[i] for i in genuine) / len(genuine))
