"""What the posting kernels are given besides the state: the terms in force, and a batch's inputs and results."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import Kind
from penstock.contracts.policy import PolicyArrays
from penstock.contracts.states import TRANSITIONS, State
from penstock.kit.settings import Settings

Int64 = NDArray[np.int64]


class Terms(NamedTuple):
    """The policy in force and the lane's caps, as numbers."""

    limits: Int64  # (tiers, types, currencies, 7)
    offered: NDArray[np.bool_]  # (tiers, types, currencies)
    fees: Int64  # (types, currencies, 3)
    hold_lifetime_us: int
    policy_version: int
    lane: int
    holds_per_account: int
    id_age_us: int
    id_ahead_us: int
    expiries: int


class Known(NamedTuple):
    """What ``admit`` found out about each command of a batch; all (commands,)."""

    fingerprint: Int64
    found_seq: Int64  # the row of the same id in a closed partition, 0 = none
    found_fingerprint: Int64
    ref_client: Int64  # who owns the payment that a follow-up names, 0 = nobody
    ref_state: Int64  # the payment's state, if it is not held any more


class Verdicts(NamedTuple):
    """What posting says of each command; all (commands,)."""

    status: Int64
    reason: Int64
    row: Int64  # index into the batch's rows, -1 = none
    seq: Int64  # of the row, also of the earlier one for a replay


def make_terms(policy: PolicyArrays, policy_version: int, settings: Settings) -> Terms:
    """Combine policy and caps."""
    return Terms(
        limits=policy.limits,
        offered=policy.offered,
        fees=policy.fees,
        hold_lifetime_us=policy.hold_lifetime_us,
        policy_version=policy_version,
        lane=settings.lane,
        holds_per_account=settings.holds_per_account,
        id_age_us=settings.id_age_s * 1_000_000,
        id_ahead_us=int(settings.id_ahead_s * 1_000_000),
        expiries=settings.expiries_per_batch,
    )


def make_verdicts(commands: int) -> Verdicts:
    """Room for the results of a batch."""
    return Verdicts(*(np.zeros(commands, dtype=np.int64) for _ in Verdicts._fields))


#: The refusals of the state × command table, (states, kinds): reason, 0 = the command is carried out.
REFUSALS = np.zeros((max(State) + 1, max(Kind) + 1), dtype=np.int64)
for (_state, _kind), _transition in TRANSITIONS.items():
    REFUSALS[_state, _kind] = _transition.reason
