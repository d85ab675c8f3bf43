"""What history looks like to a caller."""

from __future__ import annotations

import msgspec


class AccountView(msgspec.Struct, frozen=True):
    """An account as of ``as_of_seq``."""

    account: str
    kind: str
    currency: str
    available_minor: int
    held_minor: int
    open_holds: int
    opened_seq: int
    last_seq: int
    as_of_seq: int
    customer: str | None = None


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
    amount_minor: int
    held_minor: int
    moved_minor: int
    fee_minor: int


class PaymentView(msgspec.Struct, frozen=True):
    """A payment as of ``as_of_seq``, with its events from the first to the newest."""

    payment: str
    state: str
    reason: str
    reason_code: int
    type: str
    currency: str
    amount_minor: int
    cleared_minor: int
    released_minor: int
    remaining_minor: int
    held_minor: int
    fee_minor: int
    time: str
    events: list[Event]
    as_of_seq: int
    events_left_out: bool = False
    payer: str | None = None
    payee: str | None = None
    expires: str | None = None
    reference: str | None = None
    metadata: dict[str, str] | None = None
