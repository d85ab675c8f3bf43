"""Who may send which command, and which commands one gives as somebody who operates the system."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from penstock.contracts.commands import Kind
from penstock.contracts.principal import Principal, Scope

#: One of the scopes is enough. What a client may do with its own lane rules narrow further (docs/payment-life.md).
NEEDED: Final = {
    Kind.OPEN_CUSTOMER: (Scope.CUSTOMERS_WRITE,),
    Kind.OPEN_ACCOUNT: (Scope.CUSTOMERS_WRITE,),
    Kind.DEPOSIT: (Scope.LEDGER_WRITE,),
    Kind.WITHDRAW: (Scope.LEDGER_WRITE,),
    Kind.PAY: (Scope.PAYMENTS_WRITE,),
    Kind.CLEAR: (Scope.PAYMENTS_WRITE,),
    Kind.RELEASE: (Scope.PAYMENTS_WRITE,),
    Kind.CANCEL: (Scope.PAYMENTS_WRITE,),
    Kind.REFUND: (Scope.PAYMENTS_WRITE, Scope.CONTROL),
    Kind.RETURN: (Scope.PAYMENTS_WRITE, Scope.CONTROL),
    Kind.CHARGEBACK: (Scope.CONTROL,),
    Kind.DECIDE_REVIEW: (Scope.REVIEW,),
    Kind.SET_ACCOUNT: (Scope.CONTROL, Scope.CUSTOMERS_WRITE),
    Kind.SET_CUSTOMER: (Scope.CONTROL,),
    Kind.RECOVER: (Scope.CONTROL,),
    Kind.SET_APPROVALS: (Scope.CONTROL,),
}
#: Commands that reach what belongs to any client, by the scope that lets them. Clearing and releasing are not among
#: them: of a payment at the bank that would be a correction, which takes approvals.
_CONTROLS: Final = frozenset(map(int, (
    Kind.REFUND, Kind.RETURN, Kind.CHARGEBACK, Kind.SET_ACCOUNT, Kind.SET_CUSTOMER, Kind.RECOVER, Kind.SET_APPROVALS,
)))  # fmt: skip
_REVIEWS: Final = frozenset({int(Kind.DECIDE_REVIEW)})
_NOTHING: Final[frozenset[int]] = frozenset()


def check(principal: Principal, kinds: Iterable[Kind]) -> None:
    """Let the caller send commands of these kinds.

    :raises Problem: 403, naming the scope that is missing.
    """
    for kind in kinds:
        principal.require(*NEEDED[kind])


def operates(principal: Principal) -> frozenset[int]:
    """The kinds of command that this caller gives as one who operates the system."""
    controls = _CONTROLS if Scope.CONTROL in principal.scopes else _NOTHING
    return controls | _REVIEWS if Scope.REVIEW in principal.scopes else controls
