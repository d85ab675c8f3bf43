"""Who may send which command."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from penstock.contracts.commands import Kind
from penstock.contracts.principal import Principal, Scope

NEEDED: Final = {
    Kind.OPEN_CUSTOMER: Scope.CUSTOMERS_WRITE,
    Kind.OPEN_ACCOUNT: Scope.CUSTOMERS_WRITE,
    Kind.DEPOSIT: Scope.LEDGER_WRITE,
    Kind.WITHDRAW: Scope.LEDGER_WRITE,
    Kind.PAY: Scope.PAYMENTS_WRITE,
    Kind.CLEAR: Scope.PAYMENTS_WRITE,
    Kind.RELEASE: Scope.PAYMENTS_WRITE,
    Kind.CANCEL: Scope.PAYMENTS_WRITE,
}


def check(principal: Principal, kinds: Iterable[Kind]) -> None:
    """Let the caller send commands of these kinds.

    :raises Problem: 403, naming the scope that is missing.
    """
    for kind in kinds:
        principal.require(NEEDED[kind])
