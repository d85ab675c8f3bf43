"""Measures: what the memory says of an entity just before an attempt, each as its registry term defines it. Kernels.

They fill a scratch (``MEASURES``,) of float64 by the numbers of ``contracts.features.Measure``. It says unknown
throughout before, so what is not written stays unknown.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from penstock.contracts.features import MOST_EXTRA, MOST_SIGNED, Measure
from penstock.kit.kernels import kernel
from penstock.state import layout as at
from penstock.state.behaviour.decay import (
    DAY_TICK,
    HOUR_TICK,
    ONE,
    WEEK_TICK,
    after_ticks,
    log2_1024,
    log2_count,
    log2_seconds,
)
from penstock.state.behaviour.learning import COSINES, SINES, failures
from penstock.state.behaviour.payees import (
    frauds_ever,
    genuine_ever,
    matured_in_week,
    matured_payments,
    week_at,
)
from penstock.state.behaviour.records import (
    LOG_ONE,
    SQUARE_ONE,
    WEIGHT_ONE,
    first_us,
    known_at,
    matured_by,
    seen,
)

MEASURES: Final = max(Measure) + 1
_SEEN, _AGE, _GAP = int(Measure.SEEN), int(Measure.AGE), int(Measure.GAP)
_COUNT_HOUR, _COUNT_DAY, _COUNT_WEEK = int(Measure.COUNT_HOUR), int(Measure.COUNT_DAY), int(Measure.COUNT_WEEK)
_SUM_DAY, _RATIO, _Z = int(Measure.SUM_DAY), int(Measure.AMOUNT_RATIO), int(Measure.AMOUNT_Z)
_PARTNERS, _GENUINE = int(Measure.PARTNERS), int(Measure.GENUINE)
_SHARE, _FRAUD_GAP, _RUN = int(Measure.FRAUD_SHARE), int(Measure.FRAUD_GAP), int(Measure.FRAUD_RUN)
_HABIT, _SWITCHES, _SPEED = int(Measure.HOUR_HABIT), int(Measure.SWITCHES), int(Measure.SPEED)
_RECEIVED_RATIO, _RECEIVED_GAP = int(Measure.RECEIVED_RATIO), int(Measure.RECEIVED_GAP)
_FAILED, _SUM_HOUR = int(Measure.FAILED), int(Measure.SUM_HOUR)
_SHARE_WEEK, _SHARE_EVER = int(Measure.FRAUD_SHARE_WEEK), int(Measure.FRAUD_SHARE_EVER)
_AMOUNT, _ROUND, _HOUR, _WEEKDAY = int(Measure.AMOUNT), int(Measure.ROUNDNESS), int(Measure.HOUR), int(Measure.WEEKDAY)
_TYPE, _CHANNEL, _EXTRA = int(Measure.TYPE), int(Measure.CHANNEL), int(Measure.EXTRA_1)
#: What is measured together, as bits of what may be wanted.
_WANT_SEEN, _WANT_TIMES, _WANT_PARTNERS = 1 << _SEEN, 1 << _AGE | 1 << _GAP, 1 << _PARTNERS
_WANT_HOUR, _WANT_DAY, _WANT_WEEK = 1 << _COUNT_HOUR, 1 << _COUNT_DAY | 1 << _SUM_DAY, 1 << _COUNT_WEEK
_WANT_FREQUENCY = _WANT_HOUR | _WANT_DAY | _WANT_WEEK
_WANT_DEVIATION = 1 << _RATIO | 1 << _Z
_WANT_REST = 1 << _GENUINE | 1 << _FRAUD_GAP | 1 << _RUN
_WANT_LABELS = 1 << _SHARE | _WANT_REST
#: Added to the standard deviation of log2 amounts, so that two equal amounts do not make the third infinitely odd.
_SPREAD: Final = 0.25
#: A mean direction shorter than the 1024th part of one payment is what rounding left.
_LEAST_LENGTH: Final = 32.0
_KM_PER_DEGREE: Final = 111.195  # of a great circle of the mean Earth, R = 6371.0 km
_NARROWING = np.cos(np.deg2rad(np.arange(91.0)))


@kernel
def measure_payment(event: Any, out: Any) -> None:
    """What the payment says of itself."""
    amount = event["amount_minor"]
    out[_AMOUNT] = log2_1024(amount + 1) / 1024.0
    out[_ROUND] = float(_zeros(amount))
    if event["quarter"] >= 0:
        out[_HOUR] = event["quarter"] / 4.0
    if event["weekday"] >= 0:
        out[_WEEKDAY] = float(event["weekday"])
    if event["payment_type"] > 0:
        out[_TYPE] = float(event["payment_type"])
    if event["channel"] > 0:
        out[_CHANNEL] = float(event["channel"])
    given = event["extras_given"]
    if given & 1 != 0:
        out[_EXTRA] = _extra(event["extra_1"])
    if given & 2 != 0:
        out[_EXTRA + 1] = _extra(event["extra_2"])
    if given & 4 != 0:
        out[_EXTRA + 2] = _extra(event["extra_3"])
    if given & 8 != 0:
        out[_EXTRA + 3] = _extra(event["extra_4"])


@kernel
def _extra(fixed: int) -> float:
    return max(min(fixed / 65536.0, MOST_EXTRA), -MOST_EXTRA)


@kernel
def _zeros(amount: int) -> int:
    count = 0
    while amount > 0 and amount % 10 == 0:
        amount //= 10
        count += 1
    return count


@kernel
def measure_entity(record: Any, wanted: int, now: Any, amount: int, out: Any) -> None:
    """What every record says, of what is wanted; one that was never seen has counts of 0, and no habits.

    ``wanted``: bits by the numbers of ``Measure``.
    """
    count, last_us = seen(record), record[at.LAST_US]
    if wanted & _WANT_SEEN != 0:
        out[_SEEN] = log2_1024(count + 1) / 1024.0
    if wanted & _WANT_TIMES != 0 and count > 0:
        out[_AGE] = log2_seconds(now.time_us - first_us(record))
        out[_GAP] = log2_seconds(now.time_us - last_us)
    if wanted & _WANT_FREQUENCY != 0:
        _measure_frequency(record, wanted, now, out)
    if wanted & _WANT_PARTNERS != 0:
        out[_PARTNERS] = log2_count(after_ticks(record[at.PARTNERS], now.week - last_us // WEEK_TICK))
    if wanted & _WANT_DEVIATION != 0 and count > 0:
        _measure_amount(record, amount, out)
    if wanted & _WANT_LABELS != 0:
        _measure_labels(record, wanted, now, out)


@kernel
def _measure_frequency(record: Any, wanted: int, now: Any, out: Any) -> None:
    last_us = record[at.LAST_US]
    if wanted & _WANT_HOUR != 0:
        out[_COUNT_HOUR] = log2_count(after_ticks(record[at.COUNT_HOUR], now.hour - last_us // HOUR_TICK))
    if wanted & _WANT_DAY != 0:
        day = now.day - last_us // DAY_TICK
        out[_COUNT_DAY] = log2_count(after_ticks(record[at.COUNT_DAY], day))
        out[_SUM_DAY] = log2_1024(after_ticks(record[at.SUM_DAY], day) + 1) / 1024.0
    if wanted & _WANT_WEEK != 0:
        out[_COUNT_WEEK] = log2_count(after_ticks(record[at.COUNT_WEEK], now.week - last_us // WEEK_TICK))


@kernel
def _measure_amount(record: Any, amount: int, out: Any) -> None:
    """Against the mean and the standard deviation of log2(1 + amount)."""
    weight = record[at.WEIGHT] / WEIGHT_ONE  # of the last attempt, and so at least 1; what decays all three changes nothing
    mean = record[at.LOG_SUM] / LOG_ONE / weight
    variance = record[at.LOG_SQUARES] / SQUARE_ONE / weight - mean * mean
    ratio = log2_1024(amount + 1) / 1024.0 - mean
    out[_RATIO] = _cut(ratio)
    out[_Z] = _cut(ratio / (math.sqrt(max(variance, 0.0)) + _SPREAD))


@kernel
def _cut(value: float) -> float:
    return max(min(value, MOST_SIGNED), -MOST_SIGNED)


@kernel
def _measure_labels(record: Any, wanted: int, now: Any, out: Any) -> None:
    matured = matured_by(record, now)
    genuine, fraud = known_at(record, at.GENUINE, now) + matured, known_at(record, at.FRAUD, now)
    out[_SHARE] = fraud / (fraud + genuine + ONE)
    if wanted & _WANT_REST != 0:
        out[_GENUINE] = log2_count(genuine)
        fraud_s = record[at.FRAUD_AND_RUN] >> 16
        if fraud_s > 0:
            out[_FRAUD_GAP] = log2_seconds(now.time_us - fraud_s * 1_000_000)
        out[_RUN] = 0.0 if matured > 0 else log2_1024((record[at.FRAUD_AND_RUN] & 0xFFFF) + 1) / 1024.0


@kernel
def measure_payee(record: Any, now: Any, out: Any) -> None:
    """What only a payee's record says."""
    genuine = week_at(record, at.GENUINE_WEEK, now.week) + matured_in_week(record, now)
    fraud = week_at(record, at.FRAUD_WEEK, now.week)
    out[_SHARE_WEEK] = fraud / (fraud + genuine + ONE)
    known = frauds_ever(record) + genuine_ever(record) + matured_payments(record, now)
    out[_SHARE_EVER] = frauds_ever(record) / (known + 1.0)


@kernel
def measure_payer(record: Any, event: Any, now: Any, out: Any) -> None:
    """What only a payer's record says."""
    last_us = record[at.LAST_US]
    out[_HABIT] = _hour_habit(record, event["quarter"])
    out[_SWITCHES] = log2_count(after_ticks(record[at.SWITCHES], now.day - last_us // DAY_TICK))
    out[_FAILED] = log2_count(failures(record, now.time_us))
    out[_SUM_HOUR] = log2_1024(after_ticks(record[at.SUM_HOUR], now.hour - last_us // HOUR_TICK) + 1) / 1024.0
    if event["located"] != 0 and record[at.WAS_AT] != 0:
        out[_SPEED] = _speed(record, now.time_us, event["latitude_e4"], event["longitude_e4"])
    received_us = record[at.RECEIVED_US]
    if received_us > 0:
        received = after_ticks(record[at.RECEIVED], now.day - received_us // DAY_TICK)
        out[_RECEIVED_RATIO] = _cut((log2_1024(event["amount_minor"] + 1) - log2_1024(received + 1)) / 1024.0)
        out[_RECEIVED_GAP] = log2_seconds(now.time_us - received_us)


@kernel
def _hour_habit(record: Any, quarter: int) -> float:
    """1 - the cosine of the angle to the mean direction (Mardia and Jupp, *Directional Statistics*, 2.2)."""
    cosine, sine = float(record[at.HABIT_COS]), float(record[at.HABIT_SIN])
    length = math.sqrt(cosine * cosine + sine * sine)
    if quarter < 0 or length < _LEAST_LENGTH:
        return -1.0
    return max(1.0 - (cosine * COSINES[quarter] + sine * SINES[quarter]) / (length * 32768.0), 0.0)


@kernel
def _speed(record: Any, time_us: int, latitude_e4: int, longitude_e4: int) -> float:
    """log2(1 + km/h) since the last place, whole km/h, on a sphere made flat at the latitude between the two."""
    last_latitude_e4 = (record[at.WAS_AT] >> 32) - 900_000
    north = (latitude_e4 - last_latitude_e4) / 10_000.0
    east = abs((longitude_e4 - ((record[at.WAS_AT] & 0xFFFFFFFF) - 1_800_001)) / 10_000.0)
    east = min(east, 360.0 - east) * _NARROWING[min(abs(latitude_e4 + last_latitude_e4) // 20_000, 90)]
    kilometres = math.sqrt(north * north + east * east) * _KM_PER_DEGREE
    hours = max(time_us - record[at.WAS_AT_US], 1_000_000) / 3.6e9
    return log2_1024(1 + int(min(kilometres / hours, 1e9))) / 1024.0


@kernel
def measure_pair(place: Any, column: int, time_us: int, out: Any) -> None:
    """What a pair's record says; column -1 = it is new."""
    out[_SEEN] = 0.0
    if column >= 0:
        out[_SEEN] = log2_1024(place[column + at.PAIR_COUNT] + 1) / 1024.0
        out[_GAP] = log2_seconds(time_us - place[column + at.PAIR_LAST_US])
