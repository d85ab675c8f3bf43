"""The time T, until which labels are known: a date, a step, or a share of the history."""

from __future__ import annotations

import math
from datetime import UTC, datetime, tzinfo
from typing import Final

from penstock.improve.history.columns import History

_FORMS: Final = "give an ISO date or time (2026-03-31, 2026-03-31T18:00+08:00; without a zone: the mapping's), a share of the time of the history (0.7), or a step where the file counts steps"


class BadTime(ValueError):
    """The text says no time within the history."""


def read_until(text: str, history: History, step_us: int | None = None, zone: tzinfo = UTC) -> int:
    """The µs since 1970 UTC that a text means.

    A number up to 1 is the share of the time from the first payment to the last; a greater one is a step, where the
    mapping says that time is counted in steps of ``step_us``; anything else is an ISO date or time, in
    ``zone`` where it names none. Raises `BadTime`.
    """
    try:
        number = float(text)
    except ValueError:
        return _within(_moment(text, zone), history, text)
    first, last = int(history.time_us[0]), int(history.time_us[-1])
    if 0 < number <= 1:
        return first + round((last - first) * number)
    if step_us is None or not math.isfinite(number) or number < 0:
        raise BadTime(f"{text!r} is no time; {_FORMS}")
    return _within(round(number * step_us), history, text)


def _moment(text: str, zone: tzinfo) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadTime(f"{text!r} is no time; {_FORMS}") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return round(moment.timestamp() * 1_000_000)


def _within(time_us: int, history: History, text: str) -> int:
    if time_us <= history.time_us[0]:
        raise BadTime(f"{text!r} is before the first payment; {_FORMS}")
    return time_us
