"""Who may say where events are sent: keys with ``webhooks:write``, for their client; who operates sees all endpoints."""

from __future__ import annotations

from penstock.contracts.principal import Principal, Scope


def may_read(principal: Principal) -> None:
    """Let the caller look at endpoints; a URL may hold a token, so reading payments is not enough.

    :raises Problem: 403.
    """
    principal.require(Scope.WEBHOOKS_WRITE, Scope.OPERATE)


def may_change(principal: Principal, *, all_clients: bool = False) -> None:
    """Let the caller make and change endpoints of its client; one for events of everybody takes ``operate`` too.

    :raises Problem: 403.
    """
    principal.require(Scope.WEBHOOKS_WRITE)
    if all_clients:
        principal.require(Scope.OPERATE)
