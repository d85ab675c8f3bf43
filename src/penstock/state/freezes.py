"""Freezes of an account: whether one holds at a time. They end by themselves. Kernels."""

from __future__ import annotations

from typing import Any

from penstock.kit.kernels import kernel
from penstock.state import layout as at


@kernel
def debit_frozen(account: Any, time_us: int) -> bool:
    """Whether nothing may leave an account."""
    return account[at.DEBIT_FROM_US] <= time_us < account[at.DEBIT_UNTIL_US]


@kernel
def credit_frozen(account: Any, time_us: int) -> bool:
    """Whether nothing may be credited to an account."""
    return account[at.CREDIT_FROM_US] <= time_us < account[at.CREDIT_UNTIL_US]


@kernel
def frozen_amount(account: Any, time_us: int) -> int:
    """How much of the available balance may not leave, minor units."""
    if account[at.FROZEN_FROM_US] <= time_us < account[at.FROZEN_UNTIL_US]:
        return account[at.FROZEN_MINOR]
    return 0
