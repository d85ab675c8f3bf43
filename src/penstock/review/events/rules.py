"""Which event a row is, and whom it concerns. Pure.

What a command does to a payment in a state is in ``contracts/states.py``; here a row that took effect gets a name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from penstock.contracts.commands import Flag, Kind, Option
from penstock.contracts.events import EVENT_TYPES
from penstock.contracts.states import State
from penstock.review.events.store import EventRow

#: The commands that begin a payment, and the first word of its events.
BEGINNINGS: Final = {Kind.PAY: "payment", Kind.DEPOSIT: "deposit", Kind.WITHDRAW: "withdrawal"}
#: What is no payment's, where the option says nothing else.
_OTHERS: Final = {
    Kind.OPEN_CUSTOMER: "customer.opened",
    Kind.OPEN_ACCOUNT: "account.opened",
    Kind.PUBLISH: "policy.published",
    Kind.SET_APPROVALS: "approvals.changed",
    Kind.SET_ACCOUNT: "account.closed",
    Kind.SET_CUSTOMER: "customer.tier_changed",
    Kind.RECOVER: "suspense.moved",
}
_FOR_OPERATORS: Final = frozenset({"policy.published", "approvals.changed", "model.published", "model.withdrawn"})
#: What is not for the one who is paid: why somebody could not pay, and what has become known of a payment.
_NOT_FOR_PAYEES: Final = frozenset({"declined", "challenge", "labelled"})
#: What a command did when some of the payment stays as it was: held, or cleared.
_PARTS: Final = {
    Kind.CLEAR: "partly_cleared",
    Kind.RELEASE: "partly_released",
    Kind.REFUND: "partly_refunded",
    Kind.RETURN: "partly_returned",
    Kind.CHARGEBACK: "partly_charged_back",
}
_OPEN: Final = frozenset({State.HELD, State.DELAYED, State.REVIEW})
_FROZEN: Final = frozenset({Option.FREEZE_DEBIT, Option.FREEZE_CREDIT, Option.FREEZE_ALL, Option.FREEZE_AMOUNT})
#: The commands whose rows can be events of a first word; all others can be events of payments.
_KINDS: Final = {
    "customer": frozenset({Kind.OPEN_CUSTOMER, Kind.SET_CUSTOMER}),
    "account": frozenset({Kind.OPEN_ACCOUNT, Kind.SET_ACCOUNT}),
    "policy": frozenset({Kind.PUBLISH}),
    "approvals": frozenset({Kind.SET_APPROVALS}),
    "model": frozenset({Kind.PUBLISH_MODEL}),
}
_OF_PAYMENTS: Final = frozenset(Kind).difference(*_KINDS.values())


def kinds_of(types: Iterable[str]) -> list[int]:
    """The kinds of command whose rows can be events of these types: others need not be read."""
    words = {name.partition(".")[0] for name in types}
    return sorted(frozenset[Kind]().union(*(_KINDS.get(word, _OF_PAYMENTS) for word in words)))


def event_type(row: EventRow) -> str | None:
    """The type of event that a row is; None = it is none: a refused follow-up or change, which changed nothing."""
    first = row.kind if row.ref_seq == 0 else row.first_kind
    if row.state == State.DECLINED:
        return f"{BEGINNINGS[Kind(row.kind)]}.declined" if row.kind in BEGINNINGS else None
    if row.kind == Kind.LABEL:
        return "payment.labelled"
    if row.flags & Flag.TO_SUSPENSE and row.moved_minor > 0:
        return "suspense.credited"
    if first in BEGINNINGS:
        name = f"{BEGINNINGS[Kind(first)]}.{_happening(row, Kind(first))}"
        return name if name in EVENT_TYPES else None
    return _without_payment(row)


def _without_payment(row: EventRow) -> str | None:
    kind, option = Kind(row.kind), row.option
    if kind == Kind.SET_ACCOUNT and option != Option.CLOSE:
        return "account.frozen" if option in _FROZEN else "account.unfrozen"
    if kind == Kind.SET_CUSTOMER and option != Option.TIER:
        return "customer.limit_removed" if row.flags & Flag.REMOVE else "customer.limit_set"
    if kind == Kind.PUBLISH_MODEL:
        return "model.withdrawn" if option == Option.MODEL_WITHDRAWN else "model.published"
    return _OTHERS.get(kind)


def _happening(row: EventRow, first: Kind) -> str:
    """The second word: the state, unless the command changed only a part of the payment."""
    state, kind = State(row.state), Kind(row.kind)
    if state == State.REFUNDING:
        return "refund_started"
    if state in _OPEN:
        return _PARTS.get(kind, state.name.lower())
    if state != State.CLEARED:
        return state.name.lower()
    if kind == Kind.RECOVER and row.option == Option.REVERSE:
        return "partly_reversed"
    if first == Kind.DEPOSIT and kind in (Kind.CLEAR, Kind.RELEASE, Kind.RECOVER):
        return "partly_refunded" if row.moved_minor > 0 else "refund_failed"
    return "cleared" if kind in (Kind.CLEAR, Kind.RELEASE) else _PARTS.get(kind, "cleared")


def audience(row: EventRow, kind: str) -> frozenset[int]:
    """The clients whom an event of type ``kind`` concerns; who operates sees it as well."""
    if kind in _FOR_OPERATORS:
        return frozenset()
    concerned = {row.client, row.first_client, row.payer_client, row.customer_client}
    if kind.partition(".")[2] not in _NOT_FOR_PAYEES:
        concerned.add(row.payee_client)
    return frozenset(concerned - {0})
