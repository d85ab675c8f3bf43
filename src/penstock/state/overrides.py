"""Limits of single customers that stand in for their tier's: an insert-only hash table. Kernels.

Setting a limit again writes over it; one that has ended stays as it is, and is not looked at.
"""

from __future__ import annotations

from typing import Any

from penstock.kit.kernels import kernel
from penstock.state import layout as at
from penstock.state.hashing import mix


@kernel
def override_key(purse: int, kind: int, field: int) -> int:
    """The key of a field of ``policy.LIMIT_FIELDS`` of a payment type in a purse."""
    return purse << 16 | kind << 8 | field


@kernel
def find_override(state: Any, purse: int, kind: int, field: int) -> int:
    """The place of a limit, or the free place where it would go."""
    table = state.overrides
    mask = table.shape[0] - 1
    key = override_key(purse, kind, field)
    place = mix(key, 0) & mask
    while table[place, at.OVERRIDE_KEY] != 0 and table[place, at.OVERRIDE_KEY] != key:
        place = (place + 1) & mask
    return place


@kernel
def set_override(state: Any, purse: int, kind: int, field: int, value: int, until_us: int, seq: int) -> None:
    """Set a limit until a time."""
    place = find_override(state, purse, kind, field)
    if state.overrides[place, at.OVERRIDE_KEY] == 0:
        state.overrides[place, at.OVERRIDE_KEY] = override_key(purse, kind, field)
        state.scalars[0, at.OVERRIDES] += 1
    state.overrides[place, at.OVERRIDE_VALUE] = value
    state.overrides[place, at.OVERRIDE_UNTIL_US] = until_us
    state.overrides[place, at.OVERRIDE_SEQ] = seq
