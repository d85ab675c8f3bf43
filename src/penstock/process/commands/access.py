"""Who may send which command, and which commands one gives as somebody who operates the system."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
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
    Kind.LABEL: (Scope.LABELS_WRITE, Scope.REVIEW),
    Kind.PUBLISH_MODEL: (Scope.MODELS_WRITE, Scope.CONTROL),
}
#: The dangerous commands that others than those with the scope control may ask for.
_ASKING: Final = {Kind.DECIDE_REVIEW: (Scope.REVIEW,), Kind.PUBLISH_MODEL: NEEDED[Kind.PUBLISH_MODEL]}
#: Commands that reach what belongs to any client, by the scope that lets them. Clearing and releasing are not among
#: them: of a payment at the bank that would be a correction, which takes approvals.
_CONTROLS: Final = frozenset(map(int, (
    Kind.REFUND, Kind.RETURN, Kind.CHARGEBACK, Kind.SET_ACCOUNT, Kind.SET_CUSTOMER, Kind.RECOVER, Kind.SET_APPROVALS,
    Kind.PUBLISH_MODEL,
)))  # fmt: skip
#: Who reviews payments also says of anybody's what has become known of it.
_REVIEWS: Final = frozenset({int(Kind.DECIDE_REVIEW), int(Kind.LABEL)})
_MODELS: Final = frozenset({int(Kind.PUBLISH_MODEL)})
#: What each scope lets its holder reach.
_REACHES: Final = {Scope.CONTROL: _CONTROLS, Scope.REVIEW: _REVIEWS, Scope.MODELS_WRITE: _MODELS}
_NOTHING: Final[frozenset[int]] = frozenset()


def check(principal: Principal, kinds: Iterable[Kind]) -> None:
    """Let the caller send commands of these kinds.

    :raises Problem: 403, naming the scope that is missing.
    """
    for kind in kinds:
        principal.require(*NEEDED[kind])


def may_ask(principal: Principal, kind: Kind) -> None:
    """Let the caller ask for a dangerous command; others may have to approve it.

    :raises Problem: 403, naming the scope that is missing.
    """
    principal.require(*_ASKING.get(kind, (Scope.CONTROL,)))


def operates(principal: Principal) -> frozenset[int]:
    """The kinds of command that this caller gives as one who operates the system."""
    return _reached(principal.scopes)


@lru_cache(1024)
def _reached(scopes: frozenset[str]) -> frozenset[int]:
    return _NOTHING.union(*(kinds for scope, kinds in _REACHES.items() if scope in scopes))
