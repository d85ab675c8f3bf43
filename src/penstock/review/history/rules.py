"""From journal rows to entries, events and sums. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from penstock.contracts.commands import Kind
from penstock.contracts.words import KINDS, REASONS, STATES, time_text
from penstock.review.history.store import Row
from penstock.review.history.views import Entry, Event


class _Side(msgspec.Struct):
    """The free text that came with a command."""

    reference: str | None = None
    metadata: dict[str, str] | None = None


class Sums(NamedTuple):
    """What a payment's rows add up to, in minor units."""

    cleared: int
    released: int
    held: int
    fee: int


def payment_seq(row: Row) -> int:
    """The first row of the payment that a row is about, 0 = none."""
    return row.seq if row.kind == Kind.PAY else row.ref_seq


def previous_seq(row: Row, account: int) -> int:
    """The row before this one in an account's history, 0 = none."""
    if row.payer_account == account:
        return row.payer_prev_seq
    if row.payee_account == account:
        return row.payee_prev_seq
    return row.fee_prev_seq


def is_of(row: Row, account: int, *, takes_fees: bool) -> bool:
    """Whether a row belongs to an account's history."""
    if account == row.payer_account or (takes_fees and row.fee_minor > 0):
        return True
    return account == row.payee_account and (row.moved_minor > 0 or row.kind == Kind.OPEN_ACCOUNT)


def entry(row: Row, account: int, name_account: Callable[[int], str], name_payment: Callable[[int], str]) -> Entry:
    """Show a row from one account's view."""
    change, held, moved, fee, counterparty = _view(row, account)
    payment = payment_seq(row)
    return Entry(
        row.seq, time_text(row.time_us), KINDS[row.kind], STATES[row.state], REASONS[row.reason], row.amount_minor,
        change, held, moved, fee, name_payment(payment) if payment else None, name_account(counterparty) or None,
        side(row).reference,
    )  # fmt: skip


def _view(row: Row, account: int) -> tuple[int, int, int, int, int]:
    """(change of available, of held, moved, fee, counterparty) as the account sees them."""
    if account == row.payer_account:
        change = -(row.held_minor + row.moved_minor + row.fee_minor)
        return change, row.held_minor, -row.moved_minor, row.fee_minor, row.payee_account
    if account == row.payee_account:
        return row.moved_minor, 0, row.moved_minor, 0, row.payer_account
    return row.fee_minor, 0, 0, row.fee_minor, row.payer_account


def event(row: Row) -> Event:
    """Show a row as a step of its payment."""
    return Event(
        row.seq, time_text(row.time_us), KINDS[row.kind], STATES[row.state],
        row.amount_minor, row.held_minor, row.moved_minor, row.fee_minor,
    )  # fmt: skip


def sums(rows: Sequence[Row]) -> Sums:
    """Add a payment's rows up; a give-back shows as limit given back."""
    released = -sum(row.limit_minor for row in rows if row.kind != Kind.PAY)
    return Sums(
        cleared=sum(row.moved_minor for row in rows),
        released=released,
        held=sum(row.held_minor for row in rows),
        fee=sum(row.fee_minor for row in rows),
    )


def side(row: Row) -> _Side:
    """The row's free text; nothing when it has none, or when it is another kind of text (a policy)."""
    if row.side is None or row.kind == Kind.PUBLISH:
        return _Side()
    return msgspec.json.decode(row.side, type=_Side)
