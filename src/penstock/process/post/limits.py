"""Limits of the customer over all accounts (mission D1): tier × type × currency × window, exact at posting. Kernel."""

from __future__ import annotations

from typing import Any

from penstock.contracts.commands import PaymentType
from penstock.contracts.reasons import Reason
from penstock.kit.kernels import kernel
from penstock.state import layout as at

_ANY = int(PaymentType.ANY)
_NOT_OFFERED, _SINGLE = int(Reason.TYPE_NOT_OFFERED), int(Reason.LIMIT_SINGLE)
_FIRST_WINDOW = int(Reason.LIMIT_DAY_AMOUNT)


@kernel
def judge_limits(terms: Any, purse: Any, tier: int, kind: int, slot: int, amount: int, day: int, month: int) -> int:
    """The reason with which the limits refuse an amount, 0 = they allow it.

    ``month`` is that of ``day``. The limits' fields and the purse's counters have the same order: amount and
    count of day, month and year. A counter never exceeds NO_LIMIT, so nothing here overflows.
    """
    if not terms.offered[tier, kind, slot]:
        return _NOT_OFFERED
    own, all_types = terms.limits[tier, kind, slot], terms.limits[tier, _ANY, slot]
    if amount > own[0] or amount > all_types[0]:
        return _SINGLE
    own_cell = at.FIRST_CELL + kind * at.CELL_WIDTH
    all_cell = at.FIRST_CELL + _ANY * at.CELL_WIDTH
    for field in range(at.CELL_WIDTH):
        step = amount if field % 2 == 0 else 1
        current = _is_current(purse, field // 2, day, month)
        own_used = purse[own_cell + field] if current else 0
        all_used = purse[all_cell + field] if current else 0
        if own_used > own[1 + field] - step or all_used > all_types[1 + field] - step:
            return _FIRST_WINDOW + field
    return 0


@kernel
def _is_current(purse: Any, window: int, day: int, month: int) -> bool:
    """Whether the purse's counters of a window (0 day, 1 month, 2 year) are those of ``day``."""
    if window == 0:
        return purse[at.DAY] == day
    if window == 1:
        return purse[at.MONTH] == month
    return purse[at.MONTH] // 12 == month // 12
