"""What is known of a payee's payments besides the template's: the labels of about a week, and of all time. Kernels.

Fraud that goes by way of a payee comes in waves: a week tells when one has begun, all time who has had one before.
"""

from __future__ import annotations

from typing import Any, Final

from penstock.contracts.commands import Option
from penstock.kit.kernels import kernel
from penstock.state import layout as at
from penstock.state.behaviour.decay import EIGHTHS, MONTH_TICK, MOST, ONE, WEEK_TICK, after_ticks
from penstock.state.behaviour.records import last_eighth, ripe_steps, waiting_in

_FRAUD, _GENUINE = int(Option.LABEL_FRAUD), int(Option.LABEL_GENUINE)
_MOST_EVER: Final = (1 << 31) - 1


@kernel
def week_at(record: Any, column: int, week: int) -> int:
    """A counter of a week's labels as of a tick, before what has matured since it was last brought up to date."""
    return after_ticks(record[column], week - (record[at.TICK_AND_BUCKET] >> 32) * MONTH_TICK // WEEK_TICK)


@kernel
def matured_in_week(record: Any, now: Any) -> int:
    """What has become genuine since the record was last brought up to date, forgotten by the week."""
    last, total = last_eighth(record), 0
    for step in range(1, ripe_steps(record, now) + 1):
        count = waiting_in(record, (last + step) & 7)
        if count > 0:
            total += count * after_ticks(ONE, now.week - (last + step) * now.eighth_us // WEEK_TICK)
    return total


@kernel
def matured_payments(record: Any, now: Any) -> int:
    """How many payments have become genuine since the record was last brought up to date."""
    last, total = last_eighth(record), 0
    for step in range(1, ripe_steps(record, now) + 1):
        total += waiting_in(record, (last + step) & 7)
    return total


@kernel
def frauds_ever(record: Any) -> int:
    """How many payments are known to be fraud, never forgotten."""
    return record[at.EVER] & 0xFFFFFFFF


@kernel
def genuine_ever(record: Any) -> int:
    """How many payments are known to be genuine, as of when the record was last brought up to date."""
    return record[at.EVER] >> 32


@kernel
def mature_payee(record: Any, now: Any) -> None:
    """Bring the week and all time up to a time; to be called before ``mature``, which empties the eighths.

    The week is kept as of the beginning of the template's tick, so that one stamp serves both.
    """
    week = now.month * MONTH_TICK // WEEK_TICK
    record[at.GENUINE_WEEK] = min(week_at(record, at.GENUINE_WEEK, week) + matured_in_week(record, now), MOST)
    record[at.FRAUD_WEEK] = week_at(record, at.FRAUD_WEEK, week)
    _count_ever(record, matured_payments(record, now), 0)


@kernel
def _count_ever(record: Any, genuine: int, fraud: int) -> None:
    genuine = min(max(genuine_ever(record) + genuine, 0), _MOST_EVER)
    fraud = min(max(frauds_ever(record) + fraud, 0), _MOST_EVER)
    record[at.EVER] = (genuine << 32) | fraud


@kernel
def label_payee(record: Any, now: Any, paid_us: int, was: int, option: int) -> None:
    """Take back what was known of a payment, and note what is known now; after ``mature_payee``."""
    _count_label(record, now, paid_us, was, -1)
    _count_label(record, now, paid_us, option, 1)


@kernel
def _count_label(record: Any, now: Any, paid_us: int, label: int, sign: int) -> None:
    if label == _FRAUD:
        record[at.FRAUD_WEEK] = min(max(record[at.FRAUD_WEEK] + sign * ONE, 0), MOST)
        _count_ever(record, 0, sign)
    elif label == _GENUINE:
        record[at.GENUINE_WEEK] = min(max(record[at.GENUINE_WEEK] + sign * ONE, 0), MOST)
        _count_ever(record, sign, 0)
    else:
        ripe_us = (paid_us // now.eighth_us + EIGHTHS) * now.eighth_us
        if ripe_us <= now.time_us:
            weight = after_ticks(ONE, now.week - ripe_us // WEEK_TICK)
            record[at.GENUINE_WEEK] = min(max(record[at.GENUINE_WEEK] + sign * weight, 0), MOST)
            _count_ever(record, sign, 0)
