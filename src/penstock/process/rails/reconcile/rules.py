"""What it means when the bank's books and ours say different things. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from penstock.contracts.bank import SIGNS, Statement


class Difference(StrEnum):
    """What is wrong."""

    MISSING_AT_BANK = "missing_at_bank"  # we have booked it, no statement has it
    MISSING_HERE = "missing_here"  # the statement has it, we have not booked it
    AMOUNT_DIFFERS = "amount_differs"  # both have it, with other amounts; also what was paid twice
    REJECTED_BUT_PAID = "rejected_but_paid"  # the bank said rejected, the money was given back, and it has left
    STATEMENT_SUM = "statement_sum"  # the statement contradicts itself, or the one of the day before


class Pair(NamedTuple):
    """All that both sides have under one reference; amounts in minor units, None = nothing."""

    reference: str
    currency: int
    bank_minor: int | None
    our_minor: int | None
    #: Of the credit transfer of that end-to-end id: its state here and its payment, empty and 0 = none.
    transfer_state: str
    payment_seq: int


class Finding(NamedTuple):
    """One difference."""

    kind: Difference
    reference: str
    currency: int
    bank_minor: int | None
    our_minor: int | None
    payment_seq: int


def judge(pair: Pair) -> Finding | None:
    """What is wrong with a pair; None when both sides agree, or neither has anything."""
    if pair.bank_minor == pair.our_minor:
        return None
    if pair.bank_minor is None:
        kind = Difference.MISSING_AT_BANK
    elif pair.our_minor is not None:
        kind = Difference.AMOUNT_DIFFERS
    elif pair.transfer_state in ("rejected", "released"):
        kind = Difference.REJECTED_BUT_PAID
    else:
        kind = Difference.MISSING_HERE
    return Finding(kind, pair.reference, pair.currency, pair.bank_minor, pair.our_minor, pair.payment_seq)


def check_sum(statement: Statement, closing_before: int | None, numeric: int) -> Finding | None:
    """Whether a statement adds up, and begins where the one of the day before ended (None = there is none)."""
    change = sum(SIGNS[entry.kind] * entry.amount.minor_units for entry in statement.entries)
    expected = statement.opening_minor_units + change
    reference = f"{statement.account} {statement.date}"
    if closing_before is not None and closing_before != statement.opening_minor_units:
        return Finding(Difference.STATEMENT_SUM, reference, numeric, statement.opening_minor_units, closing_before, 0)
    if expected != statement.closing_minor_units:
        return Finding(Difference.STATEMENT_SUM, reference, numeric, statement.closing_minor_units, expected, 0)
    return None


def judge_all(pairs: Iterable[Pair]) -> list[Finding]:
    """Everything that is wrong."""
    return [finding for pair in pairs if (finding := judge(pair)) is not None]


def day_bounds_us(day: date) -> tuple[int, int]:
    """The times of a day in UTC, µs: the first, and the first of the next."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return int(start.timestamp() * 1_000_000), int((start + timedelta(days=1)).timestamp() * 1_000_000)


def due_day(first: date | None, done: set[date], now: datetime, delay_s: float) -> date | None:
    """The oldest day that has ended, had something in it or after it, and was not compared yet."""
    if first is None:
        return None
    day, last = first, (now - timedelta(seconds=delay_s)).astimezone(UTC).date() - timedelta(days=1)
    while day <= last:
        if day not in done:
            return day
        day += timedelta(days=1)
    return None
