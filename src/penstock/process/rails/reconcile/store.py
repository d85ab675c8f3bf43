"""Statements, comparisons and differences in the database: all SQL of the comparison."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row

from penstock.contracts.bank import EntryKind, Statement
from penstock.contracts.money import BY_CODE
from penstock.process.rails.reconcile.rules import Finding, Pair

Connection = AsyncConnection[Any]


class DifferenceRow(NamedTuple):
    """A difference as it is kept."""

    difference: int
    date: date
    kind: str
    reference: str
    currency: int
    bank_minor: int | None
    our_minor: int | None
    payment_seq: int
    state: str
    found_at: datetime
    resolved_at: datetime | None
    resolved_by: int
    note: str


class ReconciliationRow(NamedTuple):
    """One day's comparison."""

    date: date
    done_at: datetime
    runs: int
    bank_entries: int
    our_bookings: int
    differences: int


_ADD_ENTRY: Final = """
    INSERT INTO rail_statement_entry (lane, account, bank_reference, date, kind, reference, currency, amount_minor)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (account, bank_reference) DO NOTHING
"""
_ADD_STATEMENT: Final = """
    INSERT INTO rail_statement (lane, account, date, opening_minor, closing_minor) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (account, date) DO UPDATE SET opening_minor = excluded.opening_minor, closing_minor = excluded.closing_minor
"""
_CLOSING: Final = "SELECT closing_minor FROM rail_statement WHERE account = %s AND date = %s::date - 1"
#: References of the day on either side, and those that still differ from before: both sides of each, from any day.
_PAIRS: Final = """
    WITH wanted AS (
        SELECT reference FROM rail_booking WHERE lane = %(lane)s AND time_us >= %(from_us)s AND time_us < %(until_us)s
        UNION SELECT reference FROM rail_statement_entry WHERE lane = %(lane)s AND date = %(date)s
        UNION SELECT reference FROM rail_difference WHERE lane = %(lane)s AND state = 'open' AND kind <> 'statement_sum'
    )
    SELECT wanted.reference, coalesce(bank.currency, ours.currency, 0) AS currency, bank.minor AS bank_minor,
           ours.minor AS our_minor, coalesce(sent.state, '') AS transfer_state, coalesce(sent.payment_seq, 0) AS payment_seq
    FROM wanted
    LEFT JOIN LATERAL (
        SELECT sum(amount_minor)::bigint AS minor, min(currency) AS currency FROM rail_statement_entry
        WHERE lane = %(lane)s AND reference = wanted.reference
    ) AS bank ON true
    LEFT JOIN LATERAL (
        SELECT sum(amount_minor)::bigint AS minor, min(currency) AS currency FROM rail_booking
        WHERE lane = %(lane)s AND reference = wanted.reference
    ) AS ours ON true
    LEFT JOIN rail_transfer AS sent ON sent.end_to_end_id = wanted.reference AND sent.lane = %(lane)s
"""
_COUNTS: Final = """
    SELECT (SELECT count(*) FROM rail_statement_entry WHERE lane = %(lane)s AND date = %(date)s),
           (SELECT count(*) FROM rail_booking WHERE lane = %(lane)s AND time_us >= %(from_us)s AND time_us < %(until_us)s)
"""
#: A difference that somebody resolved stays resolved; one that a later run settled comes back when it does.
_FOUND: Final = """
    INSERT INTO rail_difference (lane, date, kind, reference, currency, bank_minor, our_minor, payment_seq, found_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (lane, kind, reference) DO UPDATE SET state = 'open', resolved_at = NULL, note = '',
        bank_minor = excluded.bank_minor, our_minor = excluded.our_minor, payment_seq = excluded.payment_seq
    WHERE rail_difference.state = 'open' OR rail_difference.resolved_by = 0
"""
_SETTLE: Final = """
    UPDATE rail_difference SET state = 'resolved', resolved_at = %s, note = %s
    WHERE lane = %s AND state = 'open' AND (kind, reference) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
"""
_OPEN: Final = "SELECT kind, reference FROM rail_difference WHERE lane = %s AND state = 'open'"
_DONE: Final = """
    INSERT INTO rail_reconciliation (lane, date, done_at, bank_entries, our_bookings, differences)
    SELECT %(lane)s, %(date)s, %(now)s, %(entries)s, %(bookings)s, count(*) FROM rail_difference
    WHERE lane = %(lane)s AND date = %(date)s AND state = 'open'
    ON CONFLICT (lane, date) DO UPDATE SET done_at = excluded.done_at, runs = rail_reconciliation.runs + 1,
        bank_entries = excluded.bank_entries, our_bookings = excluded.our_bookings, differences = excluded.differences
    RETURNING date, done_at, runs, bank_entries, our_bookings, differences
"""
_FIRST: Final = """
    SELECT least(
        (SELECT to_timestamp(min(time_us) / 1000000) AT TIME ZONE 'UTC' FROM rail_booking WHERE lane = %(lane)s),
        (SELECT to_timestamp(min(time_us) / 1000000) AT TIME ZONE 'UTC' FROM rail_transfer WHERE lane = %(lane)s),
        (SELECT to_timestamp(min(seen_us) / 1000000) AT TIME ZONE 'UTC' FROM rail_entry WHERE lane = %(lane)s)
    )::date
"""
_DIFFERENCE: Final = f"SELECT {', '.join(DifferenceRow._fields)} FROM rail_difference"  # noqa: S608 - constants
_RESOLVE: Final = """
    UPDATE rail_difference SET state = 'resolved', resolved_at = %s, resolved_by = %s, note = %s
    WHERE lane = %s AND difference = %s AND state = 'open'
"""


async def add_statement(connection: Connection, lane: int, statement: Statement) -> None:
    """Keep a statement and its entries."""
    values = [lane, statement.account, statement.date, statement.opening_minor_units, statement.closing_minor_units]
    await connection.execute(_ADD_STATEMENT, values)
    for entry in statement.entries:
        reference = entry.end_to_end_id if entry.kind is EntryKind.DEBIT else entry.bank_reference
        numeric = BY_CODE[statement.currency].numeric
        row = [lane, statement.account, entry.bank_reference, statement.date, entry.kind.value, reference, numeric]
        await connection.execute(_ADD_ENTRY, [*row, entry.amount.minor_units])


async def closing_before(connection: Connection, account: str, day: date) -> int | None:
    """The closing balance of the day before, None when its statement is not known."""
    found = await (await connection.execute(_CLOSING, [account, day])).fetchone()
    return None if found is None else int(found[0])


async def pairs(connection: Connection, lane: int, day: date, bounds_us: tuple[int, int]) -> list[Pair]:
    """What both sides have under each reference that is of the day or still differs."""
    values = {"lane": lane, "date": day, "from_us": bounds_us[0], "until_us": bounds_us[1]}
    async with connection.cursor(row_factory=class_row(Pair)) as cursor:
        return await (await cursor.execute(_PAIRS, values)).fetchall()


async def counts(connection: Connection, lane: int, day: date, bounds_us: tuple[int, int]) -> tuple[int, int]:
    """Entries of the bank and bookings of ours on a day."""
    values = {"lane": lane, "date": day, "from_us": bounds_us[0], "until_us": bounds_us[1]}
    found = await (await connection.execute(_COUNTS, values)).fetchone()
    assert found is not None
    return int(found[0]), int(found[1])


async def keep_findings(connection: Connection, lane: int, day: date, findings: Sequence[Finding], now: datetime) -> None:
    """Keep what is wrong, once each."""
    for found in findings:
        values = [lane, day, found.kind.value, found.reference, found.currency, found.bank_minor, found.our_minor]
        await connection.execute(_FOUND, [*values, found.payment_seq, now])


async def open_ones(connection: Connection, lane: int) -> set[tuple[str, str]]:
    """Kind and reference of the open differences."""
    return {(row[0], row[1]) for row in await (await connection.execute(_OPEN, [lane])).fetchall()}


async def settle(connection: Connection, lane: int, gone: Sequence[tuple[str, str]], note: str, now: datetime) -> None:
    """Resolve differences that are no more."""
    await connection.execute(_SETTLE, [now, note, lane, [kind for kind, _ in gone], [name for _, name in gone]])


async def keep_run(
    connection: Connection, lane: int, day: date, counted: tuple[int, int], now: datetime
) -> ReconciliationRow:
    """Note that a day was compared."""
    values = {"lane": lane, "date": day, "now": now, "entries": counted[0], "bookings": counted[1]}
    async with connection.cursor(row_factory=class_row(ReconciliationRow)) as cursor:
        found = await (await cursor.execute(_DONE, values)).fetchone()
    assert found is not None
    return found


async def days(connection: Connection, lane: int) -> tuple[date | None, set[date]]:
    """The first day with anything at the bank, and the days that were compared after they had ended."""
    first = await (await connection.execute(_FIRST, {"lane": lane})).fetchone()
    done = "SELECT date FROM rail_reconciliation WHERE lane = %s AND done_at >= (date + 1)::timestamp AT TIME ZONE 'UTC'"
    found = await (await connection.execute(done, [lane])).fetchall()
    return None if first is None else first[0], {row[0] for row in found}


async def reconciliations(connection: Connection, lane: int, most: int) -> list[ReconciliationRow]:
    """The newest days first."""
    statement = f"SELECT {', '.join(ReconciliationRow._fields)} FROM rail_reconciliation WHERE lane = %s ORDER BY date DESC LIMIT %s"  # noqa: S608 - constants
    async with connection.cursor(row_factory=class_row(ReconciliationRow)) as cursor:
        return await (await cursor.execute(statement, [lane, most])).fetchall()


async def differences(connection: Connection, lane: int, state: str | None, before: int, most: int) -> list[DifferenceRow]:
    """Differences below a number, newest first; ``state`` None = all."""
    condition = "lane = %s AND difference < %s AND (%s::text IS NULL OR state = %s)"
    statement = f"{_DIFFERENCE} WHERE {condition} ORDER BY difference DESC LIMIT %s"
    async with connection.cursor(row_factory=class_row(DifferenceRow)) as cursor:
        return await (await cursor.execute(statement, [lane, before, state, state, most])).fetchall()


async def difference(connection: Connection, lane: int, number: int) -> DifferenceRow | None:
    """One difference."""
    async with connection.cursor(row_factory=class_row(DifferenceRow)) as cursor:
        statement = f"{_DIFFERENCE} WHERE lane = %s AND difference = %s"
        return await (await cursor.execute(statement, [lane, number])).fetchone()


async def resolve(connection: Connection, lane: int, number: int, person: int, note: str, now: datetime) -> bool:
    """Resolve a difference; false when it was not open."""
    return (await connection.execute(_RESOLVE, [now, person, note, lane, number])).rowcount == 1
