"""Who may see requests and decide them. Scope ``approve`` is for the operator's own people."""

from __future__ import annotations

from penstock.contracts.principal import Principal, Scope
from penstock.kit.http.problem import not_found
from penstock.office.approvals.store import Request

_STAFF = frozenset({Scope.APPROVE, Scope.CONTROL, Scope.REVIEW, Scope.OPERATE})


def visible_client(principal: Principal) -> int | None:
    """Whose requests the caller may see: None = everybody's, for the operator's people; else its own client's.

    :raises Problem: 403 without a scope that reads.
    """
    if principal.scopes & _STAFF:
        return None
    principal.require(Scope.READ, Scope.APPROVE)
    return principal.client


def may_see(principal: Principal, request: Request) -> None:
    """Let the caller see a request.

    :raises Problem: 403, or 404 for another client's.
    """
    client = visible_client(principal)
    if client is not None and request.client != client:
        raise not_found("approval request")


def may_decide(principal: Principal) -> None:
    """Let the caller approve and reject what others ask for.

    :raises Problem: 403.
    """
    principal.require(Scope.APPROVE)
