"""Which payments may be learnt from at a time, and how they are divided: nothing from the future, ever."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.labelled import DAY_US, labelled_history

from penstock.improve.history.columns import FRAUD, GENUINE, NEVER_KNOWN, UNLABELLED, History
from penstock.improve.learning.samples import TooLittle, divide, known_labels


@pytest.fixture(scope="module")
def history() -> History:
    return labelled_history(11, 4_000, days=120)


def at_share(history: History, share: float) -> int:
    return int(history.time_us[0] + share * (history.time_us[-1] - history.time_us[0]))


def test_only_mature_and_labelled_payments_are_known(history: History) -> None:
    until = at_share(history, 0.6)
    labels = known_labels(history, until)
    known = labels != UNLABELLED
    assert np.all(history.time_us[known] + history.maturity_us <= until)
    assert np.all(history.label[known] != UNLABELLED)
    told = known & (history.label == FRAUD) & (history.known_us <= until)
    assert np.array_equal(labels == FRAUD, told)


def test_a_fraud_that_nobody_knew_of_counts_as_genuine_once_mature(history: History) -> None:
    until = at_share(history, 0.9)
    late = int(np.flatnonzero(history.label == FRAUD)[0])
    known_us = history.known_us.copy()
    known_us[late] = until + 1
    assert known_labels(replace(history, known_us=known_us), until)[late] == GENUINE
    known_us[late] = until
    assert known_labels(replace(history, known_us=known_us), until)[late] == FRAUD


def test_what_becomes_known_later_changes_nothing(history: History) -> None:
    until = at_share(history, 0.6)
    later = (history.known_us > until) & (history.label != UNLABELLED)
    turned = np.where(later, 1 - history.label, history.label).astype(np.int8)
    turned_us = np.where(turned == FRAUD, np.maximum(history.known_us, until + 1), history.known_us)
    turned_us[~later] = history.known_us[~later]
    assert later.sum() > 500
    changed = replace(history, label=turned, known_us=turned_us)
    assert np.array_equal(known_labels(changed, until), known_labels(history, until))


def test_the_parts_follow_one_another_with_an_embargo(history: History) -> None:
    until = at_share(history, 0.9)
    division = divide(history, until)
    begins = history.time_us[division.validation].min()
    assert division.embargo_us == history.maturity_us == 14 * DAY_US
    assert np.all(history.time_us[division.training] <= begins - division.embargo_us)
    fraud = division.training[division.training_labels == FRAUD]
    assert np.all(history.known_us[fraud] <= begins)
    assert np.all(history.time_us[division.final] <= until - history.maturity_us)
    assert set(division.training) | set(division.validation) <= set(division.final)
    share = len(division.validation) / len(division.final)
    assert 0.24 < share < 0.5


def test_a_history_too_short_for_the_embargo_is_divided_without(history: History) -> None:
    slow = replace(history, maturity_us=35 * DAY_US)
    division = divide(slow, int(history.time_us[-1]))
    assert division.embargo_us == 0
    assert history.time_us[division.training].max() < history.time_us[division.validation].min()
    assert len(division.training) + len(division.validation) == len(division.final)


def test_payments_of_nobody_are_not_learnt_from(history: History) -> None:
    payer = np.where(history.row % 10 == 0, 0, history.payer)
    division = divide(replace(history, payer=payer), at_share(history, 0.9))
    for places in (division.training, division.validation, division.final):
        assert np.all(payer[places] > 0)


def test_too_few_frauds_are_told(history: History) -> None:
    with pytest.raises(TooLittle, match=r"0 frauds and 0 genuine payments .* later --until"):
        divide(history, at_share(history, 0.05))
    honest = replace(history, label=np.zeros_like(history.label), known_us=np.full(len(history), NEVER_KNOWN))
    with pytest.raises(TooLittle, match="0 frauds"):
        divide(honest, int(history.time_us[-1]))
