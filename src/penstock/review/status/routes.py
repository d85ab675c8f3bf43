"""Reading route of the approval rules: translate only."""

from __future__ import annotations

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from penstock.contracts.commands import Query
from penstock.contracts.lane_port import approvals_answer
from penstock.contracts.principal import Principal, Scope
from penstock.contracts.reading import Reading


class ApprovalRulesView(msgspec.Struct, frozen=True):
    """How many people other than the one who asks must approve, by operation."""

    approvers: dict[str, int]
    as_of_seq: int


@get("/v1/approval-rules", summary="Read how many must approve", tags=["office"])
async def read_approval_rules(
    principal: NamedDependency[SkipValidation[Principal]], reading: NamedDependency[SkipValidation[Reading]]
) -> ApprovalRulesView:
    """How many approvers each dangerous operation needs now. Scope: read, or any of the operator's."""
    if not principal.works_here:
        principal.require(Scope.READ)
    payload, as_of_seq = await reading.ask(Query.APPROVALS, principal, 0)
    assert payload is not None  # the lane answers whoever asks
    return ApprovalRulesView({key.name.lower(): count for key, count in approvals_answer(payload).items()}, as_of_seq)
