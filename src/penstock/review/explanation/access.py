"""Who may read explanations: they tell what is known of payers and payees of any client."""

from __future__ import annotations

from penstock.contracts.principal import Principal, Scope


def may_explain(principal: Principal) -> None:
    """Let the operator's people read.

    :raises Problem: 403.
    """
    principal.require(Scope.REVIEW, Scope.OPERATE)
