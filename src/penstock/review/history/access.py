"""Who may look at what: one's own accounts, the payments one sent or received; who operates sees all."""

from __future__ import annotations

from penstock.contracts.commands import Query
from penstock.contracts.principal import Principal, Scope
from penstock.contracts.reading import Reading
from penstock.review.history.store import Row


def may_read(principal: Principal) -> None:
    """Let the caller read.

    :raises Problem: 403.
    """
    principal.require(Scope.READ, Scope.OPERATE)


async def may_see_payment(first: Row, principal: Principal, reading: Reading) -> bool:
    """Whether the caller sent the payment, or receives it, or operates."""
    if principal.operates or first.client == principal.client:
        return True
    if not first.payee_account:
        return False
    own, _ = await reading.ask(Query.ACCOUNT, principal, first.payee_account)
    return own is not None


def may_see_inside(first: Row, principal: Principal) -> bool:
    """Whether the caller sent the payment, or operates: who was paid is told neither by what it came nor its label."""
    return principal.works_here or first.client == principal.client
