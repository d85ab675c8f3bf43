"""Who may look at the review queue, and who may claim."""

from __future__ import annotations

from penstock.contracts.principal import Principal, Scope
from penstock.kit.http.problem import Problem


def may_look(principal: Principal) -> None:
    """Let reviewers and operators look.

    :raises Problem: 403.
    """
    principal.require(Scope.REVIEW, Scope.OPERATE)


def may_claim(principal: Principal) -> None:
    """Let reviewers claim; a claim is a person's.

    :raises Problem: 403.
    """
    principal.require(Scope.REVIEW)
    if not principal.person:
        detail = "Make a new key with `penstock key create --owner NAME`: a claim belongs to a person."
        raise Problem(403, "person_unknown", "Nobody is known to be behind this key", detail)
