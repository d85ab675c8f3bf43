"""What history looks like to a caller."""

from __future__ import annotations

import msgspec

from penstock.contracts.bank import Party
from penstock.office.approvals.views import RequestView


class FreezeView(msgspec.Struct, frozen=True):
    """A freeze that holds or will hold: ``side`` is debit, credit or amount; ``until`` null = until it is ended."""

    side: str
    since: str = msgspec.field(name="from")
    until: str | None = None
    amount_minor: int | None = None


class Told(msgspec.Struct, frozen=True):
    """What only the operator's people see of a row: who asked for it, who approved it, and why."""

    maker: str | None
    approvers: list[str]
    why: str | None


class AccountView(msgspec.Struct, frozen=True):
    """An account as of ``as_of_seq``; ``freezes`` that have ended are not shown."""

    account: str
    kind: str
    currency: str
    available_minor: int
    held_minor: int
    open_holds: int
    opened_seq: int
    last_seq: int
    as_of_seq: int
    closed: bool
    freezes: list[FreezeView]
    approvals_pending: list[RequestView]
    customer: str | None = None


class LocationView(msgspec.Struct, frozen=True):
    """A place, in degrees."""

    latitude: float
    longitude: float


class OriginView(msgspec.Struct, frozen=True):
    """By what a payment came, and how it was judged; null = not said. Texts that came with it are kept nowhere.

    ``verification`` counts the kinds of factor (know, have, are); ``score`` is null while no model was in force.
    """

    channel: str | None
    factors: list[str]
    verification: int
    location: LocationView | None
    score: float | None
    model_version: int


class Entry(msgspec.Struct, frozen=True):
    """One row of an account's history, signed from this account's view."""

    seq: int
    time: str
    command: str
    state: str
    reason: str
    amount_minor: int
    change_minor: int
    held_minor: int
    moved_minor: int
    fee_minor: int
    payment: str | None = None
    counterparty: str | None = None
    reference: str | None = None
    to_suspense: bool = False
    told: Told | None = None
    origin: OriginView | None = None


class Page(msgspec.Struct, frozen=True):
    """A page of an account's history, newest first; ``next_cursor`` is null at its end."""

    account: str
    currency: str
    entries: list[Entry]
    next_cursor: str | None
    as_of_seq: int


class Event(msgspec.Struct, frozen=True):
    """One step of a payment."""

    seq: int
    time: str
    command: str
    state: str
    reason: str
    amount_minor: int
    held_minor: int
    moved_minor: int
    fee_minor: int
    refundable_minor: int
    reference: str | None = None
    to_suspense: bool = False
    told: Told | None = None


class LabelView(msgspec.Struct, frozen=True):
    """What has become known of a payment: ``fraud`` or ``genuine``; ``none`` after it was revoked."""

    label: str
    time: str
    seq: int
    told: Told | None = None


class PaymentView(msgspec.Struct, frozen=True):
    """A payment as of ``as_of_seq``, with its events from the first to the newest.

    ``cleared_minor`` is what reached the payee, ``given_back_minor`` what came back of it, ``refundable_minor`` what
    still can; ``expires`` is when a payment that is held falls due. ``label`` (null = nobody has said
    anything) and ``origin`` are told to the client that sent it and to who operates.
    """

    payment: str
    command: str
    state: str
    reason: str
    reason_code: int
    type: str | None  # None: a deposit is of no type
    currency: str
    amount_minor: int
    cleared_minor: int
    released_minor: int
    remaining_minor: int
    held_minor: int
    fee_minor: int
    given_back_minor: int
    refundable_minor: int
    time: str
    events: list[Event]
    as_of_seq: int
    approvals_pending: list[RequestView]
    events_left_out: bool = False
    arrival: str | None = None
    payer: str | None = None
    payee: str | None = None
    expires: str | None = None
    reference: str | None = None
    metadata: dict[str, str] | None = None
    to: Party | None = None
    to_suspense: bool = False
    label: LabelView | None = None
    origin: OriginView | None = None
