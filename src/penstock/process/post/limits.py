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
def judge_limits(state: Any, terms: Any, row: Any, slot: int, amount: int) -> int:
    """The reason with which the limits refuse an amount of the row's payer, 0 = they allow it.

    The limits' fields and the purse's counters have the same order: amount and count of day, month and
    year. A counter never exceeds NO_LIMIT, so nothing here overflows.
    """
    kind: Any = np.int64(row["payment_type"])
    tier, day, purse = row["tier"], row["business_day"], state.purses[row["purse"]]
    if not terms.offered[tier, kind, slot]:
        return _NOT_OFFERED
    own, all_types = terms.limits[tier, kind, slot], terms.limits[tier, _ANY, slot]
    if amount > _limit(state, row, kind, _SINGLE_FIELD, own) or amount > _limit(state, row, _ANY, _SINGLE_FIELD, all_types):
        return _SINGLE
    month = month_of_day(day)
    own_cell = at.FIRST_CELL + kind * at.CELL_WIDTH
    all_cell = at.FIRST_CELL + _ANY * at.CELL_WIDTH
    for field in range(at.CELL_WIDTH):
        step = amount if field % 2 == 0 else 1
        current = _is_current(purse, field // 2, day, month)
        own_used = purse[own_cell + field] if current else 0
        all_used = purse[all_cell + field] if current else 0
        if own_used > _limit(state, row, kind, 1 + field, own) - step:
            return _FIRST_WINDOW + field
        if all_used > _limit(state, row, _ANY, 1 + field, all_types) - step:
            return _FIRST_WINDOW + field
    return 0


@kernel
def judge_limits_again(state: Any, terms: Any, row: Any, slot: int, amount: int, limit_day: int) -> int:
    """As ``judge_limits``, for an amount that was counted on ``limit_day``: the counters contain it already."""
    kind: Any = np.int64(row["payment_type"])
    tier, purse = row["tier"], state.purses[row["purse"]]
    if not terms.offered[tier, kind, slot]:
        return _NOT_OFFERED
    own, all_types = terms.limits[tier, kind, slot], terms.limits[tier, _ANY, slot]
    if amount > _limit(state, row, kind, _SINGLE_FIELD, own) or amount > _limit(state, row, _ANY, _SINGLE_FIELD, all_types):
        return _SINGLE
    own_cell = at.FIRST_CELL + kind * at.CELL_WIDTH
    all_cell = at.FIRST_CELL + _ANY * at.CELL_WIDTH
    for field in range(at.CELL_WIDTH):
        if _same_window(field // 2, limit_day, row["business_day"]):
            if purse[own_cell + field] > _limit(state, row, kind, 1 + field, own):
                return _FIRST_WINDOW + field
            if purse[all_cell + field] > _limit(state, row, _ANY, 1 + field, all_types):
                return _FIRST_WINDOW + field
    return 0


@kernel
def _limit(state: Any, row: Any, kind: int, field: int, of_tier: Any) -> int:
    """A field of ``LIMIT_FIELDS`` for the row's customer: the customer's own while it lasts, else the tier's."""
    if state.purses[row["purse"], at.OVERRIDDEN] == 0:
        return of_tier[field]
    purse: Any = np.int64(row["purse"])
    own = state.overrides[find_override(state, purse, kind, field)]
    if own[at.OVERRIDE_KEY] != 0 and own[at.OVERRIDE_UNTIL_US] > row["time_us"]:
        return own[at.OVERRIDE_VALUE]
    return of_tier[field]


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
