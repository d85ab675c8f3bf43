"""Who may look at the recovery queue, and who may act on it."""

from __future__ import annotations

from penstock.contracts.principal import Principal, Scope
from penstock.kit.http.problem import Problem


def may_look(principal: Principal) -> None:
    """Let those look who correct, approve or operate.

    :raises Problem: 403.
    """
    principal.require(Scope.CONTROL, Scope.APPROVE, Scope.OPERATE)


def may_act(principal: Principal) -> None:
    """Let those act who correct; the evidence names who it was.

    :raises Problem: 403.
    """
    principal.require(Scope.CONTROL)
    if not principal.person:
        detail = "Make a new key with `penstock key create --owner NAME`: corrections are asked for by people."
        raise Problem(403, "person_unknown", "Nobody is known to be behind this key", detail)
