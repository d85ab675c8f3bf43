"""Whether enough other people have approved a command (mission P2), counted by the lane itself. Kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.contracts.commands import APPROVERS, Operation
from penstock.contracts.reasons import Reason
from penstock.kit.kernels import constant, kernel
from penstock.state import layout as at

_DEFAULTS = np.array([APPROVERS[operation] for operation in Operation], dtype=np.int64)
_MISSING, _OWN = constant(Reason.APPROVALS_MISSING), constant(Reason.APPROVAL_OWN)


@kernel
def approvers_needed(state: Any, operation: int) -> int:
    """How many approvers an operation needs."""
    said = state.scalars[0, at.APPROVERS_NEEDED + operation]
    return said - 1 if said > 0 else _DEFAULTS[operation]


@kernel
def judge_approvals(state: Any, row: Any, operation: int) -> int:
    """Why the row's approvals do not suffice for an operation, 0 = they do."""
    maker, first, second, third = row["maker"], row["approval_1"], row["approval_2"], row["approval_3"]
    needed = approvers_needed(state, operation)
    if int(first > 0) + int(second > 0) + int(third > 0) < needed or (needed > 0 and maker <= 0):
        return _MISSING
    if maker > 0 and maker in (first, second, third):
        return _OWN
    if (first > 0 and first in (second, third)) or (second > 0 and second == third):
        return _OWN
    return 0
