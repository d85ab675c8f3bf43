"""A history as the events that the lane would have learned from: attempts, and labels when they became known."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import Option
from penstock.improve.history.columns import FRAUD, GENUINE, NEVER_KNOWN, NO_PLACE, UNLABELLED, History
from penstock.state.behaviour.events import ATTEMPT, EVENT, LABEL

_ENTITIES: Final = ("payer", "payee", "instrument", "device", "network", "place", "category")
_FEW: Final = 65_536.0
#: Steps may be counted from 0, and the memory takes 0 for never: such a history begins on the second day of 1970.
_EARLIEST_US: Final = 86_400_000_000


def events_of(history: History) -> tuple[NDArray[np.void], NDArray[np.int64]]:
    """All events (m,) in the order of lane time, and where in them each payment (n,) is.

    Lane time never stands still, so payments of one instant follow one another by 1 µs, as they would in the lane; a
    label that becomes known at the time of a payment is known to it.
    """
    attempts, told = _attempts(history), _told(history)
    labels = _labels(history, attempts[told], told)
    events = np.concatenate([labels, attempts])
    events["time_us"] += max(_EARLIEST_US - int(history.time_us.min(initial=_EARLIEST_US)), 0)
    order = np.argsort(events["time_us"], kind="stable")
    events = events[order]
    count = np.arange(len(events))
    events["time_us"] = np.maximum.accumulate(events["time_us"] - count) + count
    places = np.empty(len(order), np.int64)
    places[order] = count
    events["paid_us"][places[: len(labels)]] = events["time_us"][places[len(labels) :][told]]
    return events, places[len(labels) :]


def _attempts(history: History) -> NDArray[np.void]:
    events = np.zeros(len(history), EVENT)
    for name in (*_ENTITIES, "time_us", "amount_minor", "payment_type", "channel"):
        events[name] = getattr(history, name)
    if not history.payee.any():  # terminals stand for the payees of whom a history does not tell
        events["payee"] = np.where(history.place > 0, history.payer.max(initial=0) + history.place, 0)
    events["kind"] = ATTEMPT
    events["quarter"] = np.where(history.second_of_day < 0, -1, history.second_of_day // 900)
    events["weekday"] = history.weekday
    events["located"] = (history.latitude_e4 != NO_PLACE) & (history.longitude_e4 != NO_PLACE)
    for name in ("latitude_e4", "longitude_e4"):
        events[name] = np.where(events["located"] != 0, getattr(history, name), 0)
    events["failed"] = history.failed
    events["waits"] = history.label != UNLABELLED
    for number in range(history.extras.shape[1]):
        extra = history.extras[:, number].astype(np.float64)
        given = np.isfinite(extra)
        events[f"extra_{number + 1}"] = np.where(given, fixed_logarithm(np.where(given, extra, 0.0)), 0)
        events["extras_given"] |= given.astype(np.int16) << number
    return events


def fixed_logarithm(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """sign(x) log2(1 + |x|) in 65536ths, as commands carry extra numbers."""
    return np.rint(np.sign(values) * np.log2(1.0 + np.abs(values)) * _FEW).astype(np.int64)


def _told(history: History) -> NDArray[np.int64]:
    """The payments that have a label: frauds, and the genuine where a label came before the maturity said so."""
    early = (history.label == GENUINE) & (history.known_us < history.time_us + history.maturity_us)
    told = ((history.label == FRAUD) & (history.known_us < NEVER_KNOWN)) | early
    return np.flatnonzero(told & (history.payer > 0))


def _labels(history: History, attempts: NDArray[np.void], told: NDArray[np.int64]) -> NDArray[np.void]:
    """A label of each attempt told, when it became known."""
    events = np.zeros(len(told), EVENT)
    for name in _ENTITIES:
        events[name] = attempts[name]
    events["kind"] = LABEL
    events["time_us"] = np.maximum(history.known_us[told], history.time_us[told] + 1)
    events["option"] = np.where(history.label[told] == FRAUD, Option.LABEL_FRAUD, Option.LABEL_GENUINE)
    return events
