"""Fees of the payer, in int64 without overflow (see the bounds in contracts/money.py). Kernel."""

from __future__ import annotations

from typing import Any

from penstock.kit.kernels import kernel


@kernel
def fee_of(terms: Any, kind: int, slot: int, amount: int) -> int:
    """The fee of an amount: fixed + amount x basis points / 10,000, rounded half up, at most ``most``."""
    fixed, basis_points, most = terms.fees[kind, slot, 0], terms.fees[kind, slot, 1], terms.fees[kind, slot, 2]
    return min(most, fixed + (amount * basis_points + 5000) // 10000)


@kernel
def fee_share(fee: int, part: int, whole: int) -> int:
    """The share of a hold's fee that belongs to a part of its amount, rounded down; the whole has the whole fee."""
    return fee * part // whole
