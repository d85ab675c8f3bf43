"""What the posting kernels are given besides the state: the terms in force, and a batch's inputs and results."""

from __future__ import annotations

from typing import Any, NamedTuple

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
    fees: Int64  # (types + 1, currencies, 3)
    reviews: Int64  # (types, currencies, 3)
    reviews_per_hour: int
    overflow_rejects: bool
    review_approval_above: int
    ordinary_us: int
    next_day_us: int
    hold_lifetime_us: int
    policy_version: int
    lane: int
    holds_per_account: int
    own_limits: int
    id_age_us: int
    id_ahead_us: int
    expiries: int
    sandbox: bool
    rails: bool
    risk: NDArray[np.float32]  # (types, 3): from which score on challenge, review, block
    challenge_factors: int
    without_score: int
    labels: int


class Known(NamedTuple):
    """What ``admit`` found out about each command of a batch; all (commands,)."""

    fingerprint: Int64
    found_seq: Int64  # the row of the same id, 0 = none
    found_fingerprint: Int64
    twin: Int64  # the earlier command of the same id in this batch, plus 1; 0 = none
    refused: Int64  # why its id is out of its time, 0 = it is not
    ref_client: Int64  # who began the payment that a follow-up names, 0 = nobody
    ref_kind: Int64  # with which command
    ref_payer: Int64
    ref_payee: Int64
    ref_type: Int64
    ref_currency: Int64
    ref_state: Int64  # the payment's state, if it is not held any more and memory does not know better
    ref_left: Int64  # what can still be given back of it
    ref_last_seq: Int64  # its newest row


class Judged(NamedTuple):
    """What the decision says of each command of a batch before it is posted; all (commands,)."""

    attempt: Int64  # 1 = it has a vector
    score: NDArray[np.float32]  # 0 without a model, UNKNOWN = there is one but it failed
    verdict: Int64  # index of ``policy.VERDICTS``
    model_version: Int64
    reason: Int64  # why a label or a model is refused, 0 = it is not
    was: Int64  # the label before
    labelled: NDArray[np.void]  # of ``LABELLED``: the payment that a label is about


#: What a label's row copies from its payment.
LABELLED = np.dtype(
    [
        (name, "i8")
        for name in (
            "client", "kind", "registry", "payer", "payee", "customer", "purse", "currency", "payment_type", "time_us",
            "instrument", "device", "network", "place", "category",
        )
    ]
)  # fmt: skip


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
        reviews=policy.reviews,
        reviews_per_hour=policy.reviews_per_hour,
        overflow_rejects=policy.overflow_rejects,
        review_approval_above=policy.review_approval_above,
        ordinary_us=policy.ordinary_us,
        next_day_us=policy.next_day_us,
        hold_lifetime_us=policy.hold_lifetime_us,
        policy_version=policy_version,
        lane=settings.lane,
        holds_per_account=settings.holds_per_account,
        own_limits=settings.own_limits_max,
        id_age_us=settings.id_age_s * 1_000_000,
        id_ahead_us=int(settings.id_ahead_s * 1_000_000),
        expiries=settings.expiries_per_batch,
        sandbox=bool(settings.sandbox),
        rails=bool(settings.bank_url),
        risk=policy.risk,
        challenge_factors=policy.challenge_factors,
        without_score=policy.without_score,
        labels=settings.labels_max,
    )


def make_judged(labelled: NDArray[Any]) -> Judged:
    """Room for the decision on a batch, of whose labels (n,) of ``LABELLED`` is known."""
    ints = {name: np.zeros(len(labelled), np.int64) for name in Judged._fields if name not in ("score", "labelled")}
    return Judged(**ints, score=np.zeros(len(labelled), np.float32), labelled=labelled)


def make_verdicts(commands: int) -> Verdicts:
    """Room for the results of a batch."""
    return Verdicts(*(np.zeros(commands, dtype=np.int64) for _ in Verdicts._fields))


#: The refusals of the state × command table, (states, kinds): reason, 0 = the command is carried out.
REFUSALS = np.zeros((max(State) + 1, max(Kind) + 1), dtype=np.int64)
for (_state, _kind), _transition in TRANSITIONS.items():
    REFUSALS[_state, _kind] = _transition.reason
