"""Limits of the customer over all accounts (mission D1): tier × type × currency × window, exact at posting. Kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.contracts.commands import PaymentType
from penstock.contracts.reasons import Reason
from penstock.kit.kernels import constant, kernel
from penstock.state import layout as at
from penstock.state.fold import month_of_day
from penstock.state.overrides import find_override

_ANY = constant(PaymentType.ANY)
_NOT_OFFERED, _SINGLE = constant(Reason.TYPE_NOT_OFFERED), constant(Reason.LIMIT_SINGLE)
_SINGLE_FIELD = constant(0)
_FIRST_WINDOW = constant(Reason.LIMIT_DAY_AMOUNT)


@kernel
def limit_of(state: Any, terms: Any, row: Any, kind: int, slot: int, field: int) -> int:
    """A field of ``LIMIT_FIELDS`` for the row's customer: the customer's own while it lasts, else the tier's."""
    purse: Any = np.int64(row["purse"])
    if state.purses[purse, at.OVERRIDDEN] != 0:
        own = state.overrides[find_override(state, purse, kind, field)]
        if own[at.OVERRIDE_KEY] != 0 and own[at.OVERRIDE_UNTIL_US] > row["time_us"]:
            return own[at.OVERRIDE_VALUE]
    return terms.limits[row["tier"], kind, slot, field]


@kernel
def judge_limits(state: Any, terms: Any, row: Any, slot: int, amount: int) -> int:
    """The reason with which the limits refuse an amount of the row's payer, 0 = they allow it.

    The limits' fields and the purse's counters have the same order: amount and count of day, month and
    year. A counter never exceeds NO_LIMIT, so nothing here overflows.
    """
    reason = _judge_single(state, terms, row, slot, amount)
    if reason != 0:
        return reason
    kind: Any = np.int64(row["payment_type"])
    day, purse = row["business_day"], state.purses[row["purse"]]
    month = month_of_day(day)
    own_cell = at.FIRST_CELL + kind * at.CELL_WIDTH
    all_cell = at.FIRST_CELL + _ANY * at.CELL_WIDTH
    for field in range(at.CELL_WIDTH):
        step = amount if field % 2 == 0 else 1
        current = _is_current(purse, field // 2, day, month)
        own_used = purse[own_cell + field] if current else 0
        all_used = purse[all_cell + field] if current else 0
        if own_used > limit_of(state, terms, row, kind, slot, 1 + field) - step:
            return _FIRST_WINDOW + field
        if all_used > limit_of(state, terms, row, _ANY, slot, 1 + field) - step:
            return _FIRST_WINDOW + field
    return 0


@kernel
def judge_limits_again(state: Any, terms: Any, row: Any, slot: int, amount: int, limit_day: int) -> int:
    """As ``judge_limits``, for an amount that was counted on ``limit_day``: the counters contain it already."""
    reason = _judge_single(state, terms, row, slot, amount)
    if reason != 0:
        return reason
    kind: Any = np.int64(row["payment_type"])
    purse = state.purses[row["purse"]]
    own_cell = at.FIRST_CELL + kind * at.CELL_WIDTH
    all_cell = at.FIRST_CELL + _ANY * at.CELL_WIDTH
    for field in range(at.CELL_WIDTH):
        if _same_window(field // 2, limit_day, row["business_day"]):
            if purse[own_cell + field] > limit_of(state, terms, row, kind, slot, 1 + field):
                return _FIRST_WINDOW + field
            if purse[all_cell + field] > limit_of(state, terms, row, _ANY, slot, 1 + field):
                return _FIRST_WINDOW + field
    return 0


@kernel
def _judge_single(state: Any, terms: Any, row: Any, slot: int, amount: int) -> int:
    kind: Any = np.int64(row["payment_type"])
    if not terms.offered[row["tier"], kind, slot]:
        return _NOT_OFFERED
    if amount > limit_of(state, terms, row, kind, slot, _SINGLE_FIELD) or amount > limit_of(state, terms, row, _ANY, slot, _SINGLE_FIELD):
        return _SINGLE
    return 0


@kernel
def _is_current(purse: Any, window: int, day: int, month: int) -> bool:
    """Whether the purse's counters of a window (0 day, 1 month, 2 year) are those of ``day``."""
    if window == 0:
        return purse[at.DAY] == day
    if window == 1:
        return purse[at.MONTH] == month
    return purse[at.MONTH] // 12 == month // 12


@kernel
def _same_window(window: int, day: int, other_day: int) -> bool:
    """Whether two days fall into one day, month or year."""
    if window == 0:
        return day == other_day
    if window == 1:
        return month_of_day(day) == month_of_day(other_day)
    return month_of_day(day) // 12 == month_of_day(other_day) // 12
