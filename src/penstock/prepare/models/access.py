"""Who may bring models, and who may look at them. Both are the operator's business, no client's."""

from __future__ import annotations

from penstock.contracts.principal import Principal, Scope
from penstock.kit.http.problem import Problem


def may_look(principal: Principal) -> None:
    """Let those look who bring, approve, control or operate.

    :raises Problem: 403.
    """
    principal.require(Scope.MODELS_WRITE, Scope.APPROVE, Scope.CONTROL, Scope.OPERATE)


def may_upload(principal: Principal) -> None:
    """Let those upload who bring models; the table says who it was.

    :raises Problem: 403.
    """
    principal.require(Scope.MODELS_WRITE)
    if not principal.person:
        detail = "Make a new key with `penstock key create --owner NAME`: models are uploaded by people."
        raise Problem(403, "person_unknown", "Nobody is known to be behind this key", detail)
