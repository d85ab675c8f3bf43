"""One template of memory for every entity: what an attempt and a label do to a record. Kernels.

A record is int64 (``ENTITY_WIDTH``,), a payer's is longer. Reading never changes a record.
"""

from __future__ import annotations

from typing import Any, Final

from penstock.contracts.commands import Option
from penstock.kit.kernels import kernel
from penstock.state import layout as at
from penstock.state.behaviour.decay import (
    DAY_TICK,
    EIGHTHS,
    HOUR_TICK,
    MONTH_TICK,
    MOST,
    ONE,
    WEEK_TICK,
    after_ticks,
    log2_1024,
)

_SEEN_MASK: Final = (1 << 30) - 1
#: One payment in the habit's three sums: its weight, log2 and log2 squared, in units so fine that the variance, a
#: small difference of large numbers, is right to 1/1000.
WEIGHT_ONE, LOG_ONE, SQUARE_ONE = 1 << 20, 1 << 18, 1 << 12
#: Above the weight of 16,384 payments the three are halved together, which changes neither mean nor variance.
_HEAVY: Final = WEIGHT_ONE << 14
_MOST_WAITING: Final = 32_767
_FRAUD, _GENUINE = int(Option.LABEL_FRAUD), int(Option.LABEL_GENUINE)


@kernel
def seen(record: Any) -> int:
    """How many attempts there were, at most 2^30 - 1."""
    return record[at.FIRST_AND_SEEN] & _SEEN_MASK


@kernel
def first_us(record: Any) -> int:
    """When the first attempt was, to the second."""
    return (record[at.FIRST_AND_SEEN] >> 30) * 1_000_000


@kernel
def learn_attempt(record: Any, now: Any, amount: int, novel: bool, waits: bool) -> None:
    """Count an attempt; ``now``: an ``Instant``; ``novel``: with a partner that is new."""
    last_us, count = record[at.LAST_US], seen(record)
    if count == 0:
        record[at.FIRST_AND_SEEN] = (now.time_us // 1_000_000) << 30
        last_us = now.time_us
    record[at.FIRST_AND_SEEN] += 1 if count < _SEEN_MASK else 0
    record[at.LAST_US] = now.time_us
    day, week = now.day - last_us // DAY_TICK, now.week - last_us // WEEK_TICK
    record[at.COUNT_HOUR] = min(after_ticks(record[at.COUNT_HOUR], now.hour - last_us // HOUR_TICK) + ONE, MOST)
    record[at.COUNT_DAY] = min(after_ticks(record[at.COUNT_DAY], day) + ONE, MOST)
    record[at.COUNT_WEEK] = min(after_ticks(record[at.COUNT_WEEK], week) + ONE, MOST)
    record[at.SUM_DAY] = min(after_ticks(record[at.SUM_DAY], day) + min(amount, MOST), MOST)
    record[at.PARTNERS] = min(after_ticks(record[at.PARTNERS], week) + (ONE if novel else 0), MOST)
    _learn_amount(record, now.month - last_us // MONTH_TICK, amount)
    if waits:
        mature(record, now)
        _wait(record, now.eighth, 1)


@kernel
def _learn_amount(record: Any, ticks: int, amount: int) -> None:
    """Weight, sum and sum of squares of log2(1 + amount), after ticks of a month's half-life."""
    log = log2_1024(amount + 1)
    record[at.WEIGHT] = after_ticks(record[at.WEIGHT], ticks) + WEIGHT_ONE
    record[at.LOG_SUM] = after_ticks(record[at.LOG_SUM], ticks) + (log << 8)
    record[at.LOG_SQUARES] = after_ticks(record[at.LOG_SQUARES], ticks) + ((log * log) >> 8)
    if record[at.WEIGHT] > _HEAVY:
        record[at.WEIGHT] >>= 1
        record[at.LOG_SUM] >>= 1
        record[at.LOG_SQUARES] >>= 1


# --- what is known of payments


@kernel
def waiting_in(record: Any, lane: int) -> int:
    """How many payments of one eighth wait for their maturity."""
    word = record[at.WAITING_A] if lane < 4 else record[at.WAITING_B]
    return (word >> ((lane & 3) * 16)) & 0xFFFF


@kernel
def _wait(record: Any, bucket: int, change: int) -> None:
    lane = bucket & 7
    count = waiting_in(record, lane) + change
    if count < 0 or count > _MOST_WAITING:
        return
    column = at.WAITING_A if lane < 4 else at.WAITING_B
    record[column] += change << ((lane & 3) * 16)


@kernel
def last_eighth(record: Any) -> int:
    """The eighth in which the record was last brought up to date."""
    return record[at.TICK_AND_BUCKET] & 0xFFFFFFFF


@kernel
def ripe_steps(record: Any, now: Any) -> int:
    """How many eighths have emptied since the record was last brought up to date, 0 where nothing waits."""
    if record[at.WAITING_A] | record[at.WAITING_B] == 0:
        return 0
    return min(now.eighth - last_eighth(record), EIGHTHS)


@kernel
def matured_by(record: Any, now: Any) -> int:
    """What has become genuine since the record was last brought up to date: the payments that are eight buckets old.

    Each is forgotten from the beginning of the eighth bucket after its own, whenever somebody looks.
    """
    last, total = last_eighth(record), 0
    for step in range(1, ripe_steps(record, now) + 1):
        count = waiting_in(record, (last + step) & 7)
        if count > 0:
            ticks = now.month - (last + step) * now.eighth_us // MONTH_TICK
            total += count * max(after_ticks(ONE, ticks), 1)
    return total


@kernel
def known_at(record: Any, column: int, now: Any) -> int:
    """A counter of labels as of a time, before what has matured since."""
    return after_ticks(record[column], now.month - (record[at.TICK_AND_BUCKET] >> 32))


@kernel
def mature(record: Any, now: Any) -> None:
    """Bring what is known up to a time: waiting payments that are old enough become genuine."""
    genuine = matured_by(record, now)
    record[at.GENUINE] = min(known_at(record, at.GENUINE, now) + genuine, MOST)
    record[at.FRAUD] = known_at(record, at.FRAUD, now)
    last = last_eighth(record)
    for step in range(1, ripe_steps(record, now) + 1):
        _wait(record, last + step, -waiting_in(record, (last + step) & 7))
    record[at.TICK_AND_BUCKET] = (now.month << 32) | now.eighth
    if genuine > 0:
        record[at.FRAUD_AND_RUN] &= ~0xFFFF


@kernel
def learn_label(record: Any, now: Any, paid_us: int, was: int, option: int) -> None:
    """Take back what was known of a payment, and note what is known now."""
    mature(record, now)
    _count_label(record, now, paid_us, was, -1)
    _count_label(record, now, paid_us, option, 1)


@kernel
def _count_label(record: Any, now: Any, paid_us: int, label: int, sign: int) -> None:
    if label == _FRAUD:
        record[at.FRAUD] = min(max(record[at.FRAUD] + sign * ONE, 0), MOST)
        run = min(max((record[at.FRAUD_AND_RUN] & 0xFFFF) + sign, 0), 0xFFFF)
        fraud_s = now.time_us // 1_000_000 if sign > 0 else record[at.FRAUD_AND_RUN] >> 16
        record[at.FRAUD_AND_RUN] = (fraud_s << 16) | run
    elif label == _GENUINE:
        record[at.GENUINE] = min(max(record[at.GENUINE] + sign * ONE, 0), MOST)
        record[at.FRAUD_AND_RUN] &= ~0xFFFF if sign > 0 else ~0
    else:
        _count_unlabelled(record, now, paid_us, sign)


@kernel
def _count_unlabelled(record: Any, now: Any, paid_us: int, sign: int) -> None:
    """A payment without a label waits, or counts as genuine since its maturity."""
    paid = paid_us // now.eighth_us
    if paid > now.eighth - EIGHTHS:
        _wait(record, paid, sign)
        return
    weight = after_ticks(ONE, now.month - (paid + EIGHTHS) * now.eighth_us // MONTH_TICK)
    record[at.GENUINE] = min(max(record[at.GENUINE] + sign * weight, 0), MOST)
