"""Who may read events: whoever may read; of one's own, or, for who operates, of all."""

from __future__ import annotations

from penstock.contracts.principal import Principal, Scope


def may_read(principal: Principal) -> None:
    """Let the caller read.

    :raises Problem: 403.
    """
    principal.require(Scope.READ, Scope.OPERATE)
