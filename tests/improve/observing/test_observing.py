"""Observing is causal: what is not yet known, and what comes later, changes no vector; how it is cut changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.labelled import labelled_history
from support.streams import memory, observe_events_alone

from penstock.contracts.features import BY_NAME, UNKNOWN
from penstock.improve.history.columns import FRAUD, GENUINE, History
from penstock.improve.observing.events import events_of
from penstock.improve.observing.observing import observe, replay
from penstock.state import layout as at

HISTORY = labelled_history(6, 400, days=60, maturity_days=7.0, fraud_share=0.15)
VECTORS: list[NDArray[np.float16]] = []


def vectors() -> NDArray[np.float16]:
    """Those of HISTORY, once."""
    if not VECTORS:
        VECTORS.append(observe(HISTORY))
    return VECTORS[0]


def same_before(other: History, now_us: int) -> bool:
    before = HISTORY.time_us < now_us
    return np.array_equal(observe(other)[before], vectors()[before])


@settings(max_examples=25, deadline=None)
@given(place=st.integers(1, 399), seed=st.integers(0, 2**32 - 1))
def test_labels_that_are_not_yet_known_change_nothing(place: int, seed: int) -> None:
    now_us, dice = int(HISTORY.time_us[place]), np.random.default_rng(seed)
    open_ = (HISTORY.known_us > now_us) & (HISTORY.label >= 0) & (dice.random(len(HISTORY)) < 0.7)
    later_us = now_us + 1 + dice.integers(0, 30 * 86_400_000_000, len(HISTORY))
    fraud = dice.random(len(HISTORY)) < 0.5
    label = np.where(open_, np.where(fraud, FRAUD, GENUINE), HISTORY.label).astype(np.int8)
    genuine_us = np.maximum(HISTORY.time_us + HISTORY.maturity_us, now_us + 1)
    known_us = np.where(open_, np.where(fraud, np.maximum(later_us, HISTORY.time_us), genuine_us), HISTORY.known_us)
    assert same_before(replace(HISTORY, label=label, known_us=known_us), now_us + 1)


@settings(max_examples=15, deadline=None)
@given(place=st.integers(1, 399), seed=st.integers(0, 2**32 - 1))
def test_later_payments_change_nothing(place: int, seed: int) -> None:
    now_us, dice = int(HISTORY.time_us[place]), np.random.default_rng(seed)
    later = HISTORY.time_us >= now_us
    changes: dict[str, Any] = {}
    for name in ("amount_minor", "payer", "payee", "device", "place", "second_of_day", "failed"):
        values = getattr(HISTORY, name)
        changes[name] = np.where(later, dice.permutation(values), values).astype(values.dtype)
    assert same_before(replace(HISTORY, **changes), now_us)


def test_a_label_changes_what_comes_after_it() -> None:
    fraud = int(np.flatnonzero(HISTORY.label == FRAUD)[0])
    label = HISTORY.label.copy()
    label[fraud] = GENUINE
    other = observe(replace(HISTORY, label=label))
    changed = np.flatnonzero((other != vectors()).any(axis=1))
    assert len(changed)
    assert HISTORY.time_us[changed[0]] >= HISTORY.known_us[fraud]


def test_a_long_history_is_observed_in_pieces_as_in_one() -> None:
    count = 70_000  # more than a piece
    dice = np.random.default_rng(2)
    long = HISTORY.select(np.sort(dice.integers(0, len(HISTORY), count)))
    long = replace(long, time_us=long.time_us + np.arange(count) * 1_000)
    events, places = events_of(long)
    state = memory(accounts=2_000, entities=4_000, pairs=100_000, maturity_us=long.maturity_us)
    whole = observe_events_alone(state, events)[places].astype(np.float16)
    in_pieces = replay(long)
    alone = [feature.slot for feature in BY_NAME.values() if feature.entity.name in {"PAYMENT", "PAYER", "PAYEE"}]
    assert np.array_equal(in_pieces.vectors[:, alone], whole[:, alone])
    assert np.array_equal(in_pieces.state.payees, state.payees[: len(in_pieces.state.payees)])


def test_steps_from_zero_and_before_1970_are_counted_like_others() -> None:
    first = int(HISTORY.time_us[0])
    at_zero = replace(HISTORY, time_us=HISTORY.time_us - first, known_us=HISTORY.known_us - first)
    long_ago = replace(HISTORY, time_us=at_zero.time_us - 10**15, known_us=at_zero.known_us - 10**15)
    seen = BY_NAME["payer.seen"].slot
    for other in (at_zero, long_ago):
        assert np.array_equal(observe(other)[:, seen], vectors()[:, seen])
    assert np.array_equal(observe(at_zero), observe(long_ago))


@pytest.mark.parametrize("maturity_us", [0, 1, 10**6])
def test_labels_may_be_known_at_once(maturity_us: int) -> None:
    found = observe(replace(HISTORY, maturity_us=maturity_us, known_us=HISTORY.time_us + maturity_us))
    assert (found[:, BY_NAME["payee.fraud_share"].slot] > 0).any()
    assert (found[:, BY_NAME["payee.genuine"].slot] > 0).any()


def test_terminals_stand_for_payees_where_there_are_none() -> None:
    nobody = np.zeros_like(HISTORY.payee)
    found = observe(replace(HISTORY, payee=nobody))
    named = HISTORY.place > 0
    assert (found[named, BY_NAME["payee.seen"].slot] >= 0).all()
    assert (found[~named, BY_NAME["payee.seen"].slot] == UNKNOWN).all()
    assert (observe(replace(HISTORY, payee=nobody, place=nobody))[:, BY_NAME["payee.seen"].slot] == UNKNOWN).all()


def test_labels_of_payments_without_a_payer_teach_nothing() -> None:
    payer = HISTORY.payer.copy()
    payer[::3] = 0
    state = replay(replace(HISTORY, payer=payer)).state
    assert not state.payers[0].any()
    assert not state.payees[0].any()
    assert (state.payees[:, at.FRAUD] >= 0).all()
