"""Values of a vector in natural units, and quantities in words. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple

from penstock.contracts.features import Measure


class Said(NamedTuple):
    """The same words in both languages."""

    en: str
    zh: str


def _from_log(value: float) -> float:
    return math.exp2(value) - 1


def _from_signed_log(value: float) -> float:
    return math.copysign(math.exp2(abs(value)) - 1, value)


def _hours_off(value: float) -> float:
    """1 - the cosine of an angle on the clock, as hours."""
    return math.acos(max(-1.0, min(1.0, 1 - value))) * 12 / math.pi


def _same(value: float) -> float:
    return value


class Scale(NamedTuple):
    """How a measure is read: from the vector's value to ``unit``."""

    unit: str
    natural: Callable[[float], float]


_PAYMENTS: Final = Scale("payments", _from_log)
_SECONDS: Final = Scale("seconds", _from_log)
_MINOR: Final = Scale("minor units", _from_log)
_TIMES: Final = Scale("times", math.exp2)
_EXTRA: Final = Scale("number", _from_signed_log)
SCALES: Final = {
    Measure.AMOUNT: _MINOR,
    Measure.ROUNDNESS: Scale("zeros", _same),
    Measure.HOUR: Scale("hours", _same),
    Measure.WEEKDAY: Scale("0 Monday … 6 Sunday", _same),
    Measure.TYPE: Scale("payment type", _same),
    Measure.CHANNEL: Scale("channel", _same),
    Measure.EXTRA_1: _EXTRA,
    Measure.EXTRA_2: _EXTRA,
    Measure.EXTRA_3: _EXTRA,
    Measure.EXTRA_4: _EXTRA,
    Measure.SEEN: _PAYMENTS,
    Measure.AGE: _SECONDS,
    Measure.GAP: _SECONDS,
    Measure.COUNT_HOUR: _PAYMENTS,
    Measure.COUNT_DAY: _PAYMENTS,
    Measure.COUNT_WEEK: _PAYMENTS,
    Measure.SUM_DAY: _MINOR,
    Measure.AMOUNT_RATIO: _TIMES,
    Measure.AMOUNT_Z: Scale("standard deviations", _same),
    Measure.PARTNERS: Scale("partners", _from_log),
    Measure.GENUINE: _PAYMENTS,
    Measure.FRAUD_SHARE: Scale("share", _same),
    Measure.FRAUD_GAP: _SECONDS,
    Measure.FRAUD_RUN: _PAYMENTS,
    Measure.HOUR_HABIT: Scale("hours", _hours_off),
    Measure.SWITCHES: Scale("switches", _from_log),
    Measure.SPEED: Scale("km/h", _from_log),
    Measure.RECEIVED_RATIO: _TIMES,
    Measure.RECEIVED_GAP: _SECONDS,
    Measure.FAILED: _PAYMENTS,
    Measure.SUM_HOUR: _MINOR,
    Measure.FRAUD_SHARE_WEEK: Scale("share", _same),
    Measure.FRAUD_SHARE_EVER: Scale("share", _same),
}
assert set(SCALES) == set(Measure)

_LENGTHS: Final = (
    (365 * 86_400.0, "year", "年"), (86_400.0, "day", "天"), (3_600.0, "hour", "小时"), (60.0, "minute", "分钟"),
)  # fmt: skip
#: Of a unit there should be two, as nearly as half precision tells them apart.
_AT_LEAST: Final = 1.95


def number(value: float) -> str:
    """A number as people say it: whole from 10 on, with thousands apart; one digit after the point below."""
    if abs(value) < 10:
        return f"{value:.1f}".removesuffix(".0")
    return f"{value:,.0f}"


def times(value: float) -> str:
    """A factor: two digits where it is small, so that a hundredth does not read as nothing."""
    return number(value) if value >= 1 else f"{value:.2g}"


def percent(share: float) -> str:
    """A share, in percent."""
    return "0" if share == 0 else times(100 * share)


def length(seconds: float) -> Said:
    """A span of time in its largest unit of which it has about two or more; otherwise in seconds."""
    for size, en, zh in _LENGTHS:
        if seconds >= _AT_LEAST * size:
            count = number(round(seconds / size))
            return Said(f"{count} {en}s", f"{count}{zh}")
    count = f"{seconds:.0f}"
    return Said(f"{count} second{'' if count == '1' else 's'}", f"{count}秒")


def clock(hours: float) -> str:
    """A time of the day, such as 03:15."""
    minutes = round(hours * 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
