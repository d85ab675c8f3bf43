"""From journal rows to entries, events and sums. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from penstock.contracts.bank import Party
from penstock.contracts.commands import NEVER_US, Flag, Kind
from penstock.contracts.lane_port import AccountAnswer
from penstock.contracts.states import OPEN, STARTS
from penstock.contracts.words import CHANNELS, KINDS, LABELS, REASONS, STATES, factor_names, score_told, time_text
from penstock.review.history.store import Row
from penstock.review.history.views import Entry, Event, FreezeView, LabelView, LocationView, OriginView, Told

_STARTS: Final = frozenset(map(int, STARTS))
_OPEN: Final = frozenset(map(int, OPEN))
_DEGREE: Final = 10_000
#: The names of people by their numbers; None = for nobody to see.
People = Mapping[int, str] | None


class _Side(msgspec.Struct):
    """The free text that came with a command."""

    reference: str | None = None
    metadata: dict[str, str] | None = None
    reason: str | None = None
    to: Party | None = None


class Sums(NamedTuple):
    """What a payment's rows add up to, in minor units."""

    cleared: int
    released: int
    held: int
    fee: int
    given_back: int


def payment_seq(row: Row) -> int:
    """The first row of the payment that a row is about, 0 = none."""
    return row.seq if row.kind in _STARTS else row.ref_seq


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


def entry(
    row: Row, account: int, name_account: Callable[[int], str], name_payment: Callable[[int], str], people: People
) -> Entry:
    """Show a row from one account's view."""
    change, held, moved, fee, counterparty = _view(row, account)
    payment = payment_seq(row)
    return Entry(
        row.seq, time_text(row.time_us), KINDS[row.kind], STATES[row.state], REASONS[row.reason], row.amount_minor,
        change, held, moved, fee, name_payment(payment) if payment else None, name_account(counterparty) or None,
        side(row).reference, bool(row.flags & Flag.TO_SUSPENSE), told(row, people),
        origin(row) if account == row.payer_account or people is not None else None,
    )  # fmt: skip


def origin(row: Row) -> OriginView | None:
    """By what a payment came and how it was judged; None for what is no payment between accounts."""
    if row.kind != Kind.PAY:
        return None
    located = row.flags & Flag.LOCATED
    return OriginView(
        CHANNELS.get(row.channel), factor_names(row.factors), row.verification,
        LocationView(row.latitude_e4 / _DEGREE, row.longitude_e4 / _DEGREE) if located else None,
        score_told(row.score, row.model_version), row.model_version,
    )  # fmt: skip


def _view(row: Row, account: int) -> tuple[int, int, int, int, int]:
    """(change of available, of held, moved, fee, counterparty) as the account sees them."""
    if account == row.payer_account:
        change = -(row.held_minor + row.moved_minor + row.fee_minor)
        return change, row.held_minor, -row.moved_minor, row.fee_minor, row.payee_account
    if account == row.payee_account:
        return row.moved_minor, 0, row.moved_minor, 0, row.payer_account
    return row.fee_minor, 0, 0, row.fee_minor, row.payer_account


def event(row: Row, people: People) -> Event:
    """Show a row as a step of its payment."""
    return Event(
        row.seq, time_text(row.time_us), KINDS[row.kind], STATES[row.state], REASONS[row.reason],
        row.amount_minor, row.held_minor, row.moved_minor, row.fee_minor, row.left_minor,
        side(row).reference, bool(row.flags & Flag.TO_SUSPENSE), told(row, people),
    )  # fmt: skip


def told(row: Row, people: People) -> Told | None:
    """Who asked for a row, who approved it, and why."""
    if people is None:
        return None
    approvers = [people[number] for number in (row.approval_1, row.approval_2, row.approval_3) if number]
    return Told(people.get(row.maker), approvers, side(row).reason)


def label(row: Row, people: People) -> LabelView:
    """Show a row that gave its payment a label."""
    return LabelView(LABELS[row.option], time_text(row.time_us), row.seq, told(row, people))


def sums(rows: Sequence[Row], first: Row) -> Sums:
    """Add a payment's rows up. What its payer did not pay itself was given back; a released hold gives limit back."""
    paid = [row for row in rows if row.payer_account == first.payer_account]
    return Sums(
        cleared=sum(row.moved_minor for row in paid),
        released=-sum(row.limit_minor for row in rows if row.kind not in _STARTS),
        held=sum(row.held_minor for row in rows),
        fee=sum(row.fee_minor for row in paid),
        given_back=sum(row.moved_minor for row in rows if row.payer_account != first.payer_account),
    )


def due_us(rows: Sequence[Row]) -> int:
    """When a payment that is held falls due, 0 = it does not; ``rows`` are newest first."""
    if rows[0].state not in _OPEN:
        return 0
    newest = next((row.expires_us for row in rows if row.expires_us), 0)
    return newest if newest < NEVER_US else 0


def arrival(first: Row) -> str | None:
    """How fast a payment was to arrive; None for what is no payment between accounts."""
    if first.kind != Kind.PAY:
        return None
    if first.flags & Flag.ORDINARY:
        return "ordinary"
    return "next_day" if first.flags & Flag.NEXT_DAY else "instant"


def freezes(account: AccountAnswer, time_us: int) -> list[FreezeView]:
    """The freezes of an account that have not ended."""
    spans = (
        ("debit", account.debit_from_us, account.debit_until_us, None),
        ("credit", account.credit_from_us, account.credit_until_us, None),
        ("amount", account.frozen_from_us, account.frozen_until_us, account.frozen_minor),
    )
    return [
        FreezeView(side, time_text(start_us), time_text(end_us) if end_us < NEVER_US else None, amount_minor)
        for side, start_us, end_us, amount_minor in spans
        if end_us > max(time_us, start_us)
    ]


def side(row: Row) -> _Side:
    """The row's free text; nothing when it has none, or when it is another kind of text (a policy)."""
    if row.side is None or row.kind == Kind.PUBLISH:
        return _Side()
    try:
        return msgspec.json.decode(row.side, type=_Side)
    except msgspec.ValidationError:  # written by another version, with other types
        return _Side()
