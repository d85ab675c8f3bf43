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
    HOUR_TICK,
    MONTH_TICK,
    MOST,
    ONE,
    WEEK_TICK,
    after_ticks,
    decayed,
    log2_1024,
)

_SEEN_MASK: Final = (1 << 30) - 1
#: One payment in the habit's three sums: its weight, log2 and log2 squared, in units so fine that the variance, a
#: small difference of large numbers, is right to 1/1000.
WEIGHT_ONE, LOG_ONE, SQUARE_ONE = 1 << 20, 1 << 18, 1 << 12
#: Above the weight of 16,384 payments the three are halved together, which changes neither mean nor variance.
_HEAVY: Final = WEIGHT_ONE << 14
#: In how many steps payments wait for their maturity: each is an eighth of the time, seven make a maturity.
EIGHTHS: Final = 8
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
def learn_attempt(record: Any, time_us: int, amount: int, novel: bool, waits: bool, maturity_us: int) -> None:
    """Count an attempt; ``novel``: with a partner that is new."""
    last_us, count = record[at.LAST_US], seen(record)
    if count == 0:
        record[at.FIRST_AND_SEEN] = (time_us // 1_000_000) << 30
        last_us = time_us
    record[at.FIRST_AND_SEEN] += 1 if count < _SEEN_MASK else 0
    record[at.LAST_US] = time_us
    record[at.COUNT_HOUR] = min(decayed(record[at.COUNT_HOUR], HOUR_TICK, last_us, time_us) + ONE, MOST)
    record[at.COUNT_DAY] = min(decayed(record[at.COUNT_DAY], DAY_TICK, last_us, time_us) + ONE, MOST)
    record[at.COUNT_WEEK] = min(decayed(record[at.COUNT_WEEK], WEEK_TICK, last_us, time_us) + ONE, MOST)
    record[at.SUM_DAY] = min(decayed(record[at.SUM_DAY], DAY_TICK, last_us, time_us) + min(amount, MOST), MOST)
    record[at.PARTNERS] = min(decayed(record[at.PARTNERS], WEEK_TICK, last_us, time_us) + (ONE if novel else 0), MOST)
    _learn_amount(record, last_us, time_us, amount)
    if waits:
        mature(record, time_us, maturity_us)
        _wait(record, time_us // (maturity_us // 7), 1)


@kernel
def _learn_amount(record: Any, last_us: int, time_us: int, amount: int) -> None:
    """Weight, sum and sum of squares of log2(1 + amount)."""
    log = log2_1024(amount + 1)
    record[at.WEIGHT] = decayed(record[at.WEIGHT], MONTH_TICK, last_us, time_us) + WEIGHT_ONE
    record[at.LOG_SUM] = decayed(record[at.LOG_SUM], MONTH_TICK, last_us, time_us) + (log << 8)
    record[at.LOG_SQUARES] = decayed(record[at.LOG_SQUARES], MONTH_TICK, last_us, time_us) + ((log * log) >> 8)
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
def matured_by(record: Any, time_us: int, maturity_us: int) -> int:
    """What has become genuine since the record was last brought up to date: the payments that are eight buckets old.

    Each is forgotten from the beginning of the eighth bucket after its own, whenever somebody looks.
    """
    length_us = maturity_us // 7
    last = record[at.TICK_AND_BUCKET] & 0xFFFFFFFF
    total = 0
    for step in range(1, min(time_us // length_us - last, EIGHTHS) + 1):
        count = waiting_in(record, (last + step) & 7)
        if count > 0:
            total += count * max(decayed(ONE, MONTH_TICK, (last + step) * length_us, time_us), 1)
    return total


@kernel
def known_at(record: Any, column: int, time_us: int) -> int:
    """A counter of labels as of a time, before what has matured since."""
    return after_ticks(record[column], time_us // MONTH_TICK - (record[at.TICK_AND_BUCKET] >> 32))


@kernel
def mature(record: Any, time_us: int, maturity_us: int) -> None:
    """Bring what is known up to a time: waiting payments that are old enough become genuine."""
    bucket = time_us // (maturity_us // 7)
    genuine = matured_by(record, time_us, maturity_us)
    record[at.GENUINE] = min(known_at(record, at.GENUINE, time_us) + genuine, MOST)
    record[at.FRAUD] = known_at(record, at.FRAUD, time_us)
    last = record[at.TICK_AND_BUCKET] & 0xFFFFFFFF
    for step in range(1, min(bucket - last, EIGHTHS) + 1):
        _wait(record, last + step, -waiting_in(record, (last + step) & 7))
    record[at.TICK_AND_BUCKET] = ((time_us // MONTH_TICK) << 32) | bucket
    if genuine > 0:
        record[at.FRAUD_AND_RUN] &= ~0xFFFF


@kernel
def learn_label(record: Any, time_us: int, paid_us: int, was: int, option: int, maturity_us: int) -> None:
    """Take back what was known of a payment, and note what is known now."""
    mature(record, time_us, maturity_us)
    _count_label(record, time_us, paid_us, was, -1, maturity_us)
    _count_label(record, time_us, paid_us, option, 1, maturity_us)


@kernel
def _count_label(record: Any, time_us: int, paid_us: int, label: int, sign: int, maturity_us: int) -> None:
    if label == _FRAUD:
        record[at.FRAUD] = min(max(record[at.FRAUD] + sign * ONE, 0), MOST)
        run = min(max((record[at.FRAUD_AND_RUN] & 0xFFFF) + sign, 0), 0xFFFF)
        fraud_s = time_us // 1_000_000 if sign > 0 else record[at.FRAUD_AND_RUN] >> 16
        record[at.FRAUD_AND_RUN] = (fraud_s << 16) | run
    elif label == _GENUINE:
        record[at.GENUINE] = min(max(record[at.GENUINE] + sign * ONE, 0), MOST)
        record[at.FRAUD_AND_RUN] &= ~0xFFFF if sign > 0 else ~0
    else:
        _count_unlabelled(record, time_us, paid_us, sign, maturity_us)


@kernel
def _count_unlabelled(record: Any, time_us: int, paid_us: int, sign: int, maturity_us: int) -> None:
    """A payment without a label waits, or counts as genuine since its maturity."""
    length_us = maturity_us // 7
    if paid_us // length_us > time_us // length_us - EIGHTHS:
        _wait(record, paid_us // length_us, sign)
        return
    weight = decayed(ONE, MONTH_TICK, (paid_us // length_us + EIGHTHS) * length_us, time_us)
    record[at.GENUINE] = min(max(record[at.GENUINE] + sign * weight, 0), MOST)
