"""Who may look at the comparison with the bank, and who may resolve what differs."""

from __future__ import annotations

from penstock.contracts.principal import Principal, Scope
from penstock.kit.http.problem import Problem


def may_look(principal: Principal) -> None:
    """Let operators and those who work the queues look.

    :raises Problem: 403.
    """
    principal.require(Scope.CONTROL, Scope.OPERATE)


def may_resolve(principal: Principal) -> None:
    """Let a person who works the queues resolve.

    :raises Problem: 403.
    """
    principal.require(Scope.CONTROL)
    if not principal.person:
        detail = "Make a new key with `penstock key create --owner NAME`: a resolution is a person's."
        raise Problem(403, "person_unknown", "Nobody is known to be behind this key", detail)
