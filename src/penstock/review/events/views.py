"""What an event looks like to a caller; webhooks carry the same ``data``."""

from __future__ import annotations

from typing import Any

import msgspec

from penstock.contracts import ids as public
from penstock.contracts.commands import NEVER_US, Flag, Kind, Option
from penstock.contracts.ids import PublicIds
from penstock.contracts.words import CURRENCY_CODES, KINDS, LABELS, REASONS, STATES, TYPES, time_text
from penstock.review.events.rules import BEGINNINGS
from penstock.review.events.store import EventRow

_OPTIONS = {int(option): option.name.lower() for option in Option if option is not Option.NONE}


class EventData(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a row did; members that do not apply are left out."""

    command: str
    state: str
    reason: str
    payment: str | None = None
    payment_type: str | None = None
    payer: str | None = None
    payee: str | None = None
    account: str | None = None
    customer: str | None = None
    currency: str | None = None
    amount_minor: int = 0
    held_minor: int = 0
    moved_minor: int = 0
    fee_minor: int = 0
    left_minor: int = 0
    expires: str | None = None
    begins: str | None = None
    option: str | None = None
    to_suspense: bool = False
    policy_version: int | None = None
    label: str | None = None
    model_version: int | None = None


class EventView(msgspec.Struct, frozen=True):
    """One event."""

    id: str
    type: str
    time: str
    seq: int
    data: EventData


class EventPage(msgspec.Struct, frozen=True):
    """Events in order; ``next_cursor`` says where to go on, ``as_of_seq`` how far events could be read."""

    events: list[EventView]
    next_cursor: str
    next_seq: int
    as_of_seq: int


class EventTypeView(msgspec.Struct, frozen=True):
    """One type of event."""

    type: str
    title: dict[str, str]


def event_view(row: EventRow, kind: str, ids: PublicIds) -> EventView:
    """Show a row as an event of type ``kind``."""
    return EventView(
        ids.encode(public.Kind.EVENT, row.seq), kind, time_text(row.time_us), row.seq, event_data(row, ids)
    )


def event_data(row: EventRow, ids: PublicIds) -> EventData:
    """What a row did, as far as it is for those whom it concerns."""
    return EventData(
        command=KINDS[row.kind],
        state=STATES[row.state],
        reason=REASONS[row.reason],
        currency=CURRENCY_CODES[row.currency] or None,
        amount_minor=row.amount_minor,
        held_minor=row.held_minor,
        moved_minor=row.moved_minor,
        fee_minor=row.fee_minor,
        left_minor=row.left_minor,
        expires=time_text(row.expires_us) if 0 < row.expires_us < NEVER_US else None,
        begins=time_text(row.from_us) if row.kind == Kind.SET_ACCOUNT and row.from_us else None,
        option=_OPTIONS.get(row.option),
        to_suspense=bool(row.flags & Flag.TO_SUSPENSE),
        policy_version=row.policy_version if row.kind == Kind.PUBLISH else None,
        label=LABELS[row.option] if row.kind == Kind.LABEL else None,
        model_version=row.model_version if row.kind == Kind.PUBLISH_MODEL else None,
        **_names(row, ids),
    )


def _names(row: EventRow, ids: PublicIds) -> dict[str, Any]:
    """The public ids of what a row is about."""
    payment = row.seq if row.kind in BEGINNINGS else row.ref_seq
    if payment or row.kind == Kind.RECOVER:
        return {
            "payment": ids.encode(public.Kind.PAYMENT, payment) if payment else None,
            "payment_type": TYPES[row.payment_type] if row.payment_type else None,
            "payer": _account(row.payer_account, ids),
            "payee": _account(row.payee_account, ids),
        }
    return {
        "account": _account(row.payer_account or row.payee_account, ids),
        "customer": ids.encode(public.Kind.CUSTOMER, row.customer) if row.customer else None,
    }


def _account(index: int, ids: PublicIds) -> str | None:
    return ids.encode(public.Kind.ACCOUNT, index) if index else None
