"""What is known of a payee's payments besides the template's: the labels of about a week, and of all time. Kernels.

Fraud that goes by way of a payee comes in waves: a week tells when one has begun, all time who has had one before.
"""

from __future__ import annotations

from typing import Any, Final

from penstock.contracts.commands import Option
from penstock.kit.kernels import kernel
from penstock.state import layout as at
from penstock.state.behaviour.decay import MONTH_TICK, MOST, ONE, WEEK_TICK, decayed
from penstock.state.behaviour.records import EIGHTHS, waiting_in

_FRAUD, _GENUINE = int(Option.LABEL_FRAUD), int(Option.LABEL_GENUINE)
_MOST_EVER: Final = (1 << 31) - 1


@kernel
def week_at(record: Any, column: int, time_us: int) -> int:
    """A counter of a week's labels as of a time, before what has matured since it was last brought up to date."""
    return decayed(record[column], WEEK_TICK, (record[at.TICK_AND_BUCKET] >> 32) * MONTH_TICK, time_us)


@kernel
def matured_in_week(record: Any, time_us: int, maturity_us: int) -> int:
    """What has become genuine since the record was last brought up to date, forgotten by the week."""
    length_us = maturity_us // 7
    last = record[at.TICK_AND_BUCKET] & 0xFFFFFFFF
    total = 0
    for step in range(1, min(time_us // length_us - last, EIGHTHS) + 1):
        count = waiting_in(record, (last + step) & 7)
        if count > 0:
            total += count * decayed(ONE, WEEK_TICK, (last + step) * length_us, time_us)
    return total


@kernel
def matured_payments(record: Any, time_us: int, maturity_us: int) -> int:
    """How many payments have become genuine since the record was last brought up to date."""
    last = record[at.TICK_AND_BUCKET] & 0xFFFFFFFF
    total = 0
    for step in range(1, min(time_us // (maturity_us // 7) - last, EIGHTHS) + 1):
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
def mature_payee(record: Any, time_us: int, maturity_us: int) -> None:
    """Bring the week and all time up to a time; to be called before ``mature``, which empties the eighths.

    The week is kept as of the beginning of the template's tick, so that one stamp serves both.
    """
    now_us = time_us // MONTH_TICK * MONTH_TICK
    matured = matured_in_week(record, time_us, maturity_us)
    record[at.GENUINE_WEEK] = min(week_at(record, at.GENUINE_WEEK, now_us) + matured, MOST)
    record[at.FRAUD_WEEK] = week_at(record, at.FRAUD_WEEK, now_us)
    _count_ever(record, matured_payments(record, time_us, maturity_us), 0)


@kernel
def _count_ever(record: Any, genuine: int, fraud: int) -> None:
    genuine = min(max(genuine_ever(record) + genuine, 0), _MOST_EVER)
    fraud = min(max(frauds_ever(record) + fraud, 0), _MOST_EVER)
    record[at.EVER] = (genuine << 32) | fraud


@kernel
def label_payee(record: Any, time_us: int, paid_us: int, was: int, option: int, maturity_us: int) -> None:
    """Take back what was known of a payment, and note what is known now; after ``mature_payee``."""
    _count_label(record, time_us, paid_us, was, -1, maturity_us)
    _count_label(record, time_us, paid_us, option, 1, maturity_us)


@kernel
def _count_label(record: Any, time_us: int, paid_us: int, label: int, sign: int, maturity_us: int) -> None:
    if label == _FRAUD:
        record[at.FRAUD_WEEK] = min(max(record[at.FRAUD_WEEK] + sign * ONE, 0), MOST)
        _count_ever(record, 0, sign)
    elif label == _GENUINE:
        record[at.GENUINE_WEEK] = min(max(record[at.GENUINE_WEEK] + sign * ONE, 0), MOST)
        _count_ever(record, sign, 0)
    else:
        ripe_us = (paid_us // (maturity_us // 7) + EIGHTHS) * (maturity_us // 7)
        if ripe_us <= time_us:
            weight = decayed(ONE, WEEK_TICK, ripe_us, time_us)
            record[at.GENUINE_WEEK] = min(max(record[at.GENUINE_WEEK] + sign * weight, 0), MOST)
            _count_ever(record, sign, 0)
