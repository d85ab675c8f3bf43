"""Transfers, entries and bookings in the database: all SQL of the flows; the comparison has its own store."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import class_row

from penstock.contracts.bank import Entry, Notification, Party
from penstock.contracts.commands import Kind, Option
from penstock.contracts.states import State
from penstock.journal.stretches import Mask, Stretch
from penstock.journal.tails import WANTED, Span

Connection = AsyncConnection[Any]


class Transfer(NamedTuple):
    """A credit transfer that a row of the journal asks for."""

    lane: int
    seq: int
    payment_seq: int
    time_us: int
    end_to_end_id: str
    currency: int
    amount_minor: int
    creditor: dict[str, str] | None
    words: str
    state: str
    reason: str
    asked: int

    @property
    def is_refund(self) -> bool:
        """Whether it gives a deposit back; else it is a withdrawal."""
        return self.seq != self.payment_seq


class Arrived(NamedTuple):
    """An entry of the bank that has to be booked."""

    number: int
    account: str
    bank_reference: str
    entry: Entry
    seen_us: int
    state: str


class Asking(NamedTuple):
    """A row that asks for a credit transfer, with what its payment's first row says."""

    seq: int
    payment_seq: int
    time_us: int
    currency: int
    amount_minor: int
    side: bytes | None  # of the withdrawal, or of the deposit that is refunded


#: Withdrawals are held at once, or after a review by a person or by the deadline; refunds of deposits are refunding.
#: The first row of the payment says that it goes by bank, and where to.
_ASKING: Final = f"""
    SELECT CASE WHEN row.kind = {Kind.REFUND:d} THEN row.seq ELSE first.seq END AS seq, first.seq AS payment_seq, row.time_us,
           first.currency, CASE WHEN row.kind = {Kind.REFUND:d} THEN row.held_minor ELSE first.amount_minor END AS amount_minor,
           side.body AS side
    FROM {WANTED}
    CROSS JOIN LATERAL journal_at(row.lane, CASE WHEN row.ref_seq > 0 THEN row.ref_seq ELSE row.seq END) AS first
    LEFT JOIN journal_side AS side ON side.lane = row.lane AND side.seq = first.seq
    WHERE row.reason = 0 AND (
        (row.kind = {Kind.REFUND:d} AND row.state = {State.REFUNDING:d})
        OR (row.state = {State.HELD:d} AND row.kind IN ({Kind.WITHDRAW:d}, {Kind.DECIDE_REVIEW:d}, {Kind.EXPIRE:d})
            AND first.kind = {Kind.WITHDRAW:d})
    ) ORDER BY row.seq
"""  # noqa: S608 - constants
_ADD: Final = """
    INSERT INTO rail_transfer (lane, seq, payment_seq, time_us, end_to_end_id, currency, amount_minor, creditor, words)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
#: Money that left: the lane cleared a payment at the bank, because the bank said so or an approved correction did.
_BOOK_DEBITS: Final = f"""
    INSERT INTO rail_booking (lane, seq, time_us, kind, reference, currency, amount_minor)
    SELECT row.lane, row.seq, row.time_us, 'debit', sent.end_to_end_id, row.currency, row.moved_minor
    FROM {WANTED} JOIN LATERAL (
        SELECT end_to_end_id FROM rail_transfer
        WHERE lane = row.lane AND payment_seq = row.ref_seq AND seq < row.seq ORDER BY seq DESC LIMIT 1
    ) AS sent ON true
    WHERE row.reason = 0 AND row.moved_minor > 0
      AND (row.kind = {Kind.CLEAR:d} OR (row.kind = {Kind.RECOVER:d} AND row.option = {Option.FINISH_PAID:d}))
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants
#: Money that arrived: our own deposits and returns, which carry the bank's reference in their side record.
_BOOK_ARRIVALS: Final = f"""
    INSERT INTO rail_booking (lane, seq, time_us, kind, reference, currency, amount_minor)
    SELECT row.lane, row.seq, row.time_us, said.body ->> 'bank_kind', said.body ->> 'bank_reference', row.currency, row.moved_minor
    FROM {WANTED} JOIN journal_side AS side ON side.lane = row.lane AND side.seq = row.seq
    CROSS JOIN LATERAL (SELECT convert_from(side.body, 'UTF8')::jsonb AS body) AS said
    WHERE row.reason = 0 AND row.moved_minor > 0 AND row.client = %(client)s
      AND row.kind IN ({Kind.DEPOSIT:d}, {Kind.RETURN:d}) AND said.body ? 'bank_reference'
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants
_TRANSFER: Final = f"SELECT {', '.join(Transfer._fields)} FROM rail_transfer"  # noqa: S608 - constants
_NOTE: Final = """
    UPDATE rail_transfer SET state = %s, reason = %s, bank_reference = CASE WHEN %s = '' THEN bank_reference ELSE %s END,
        asked = asked + %s, changed_at = now()
    WHERE lane = %s AND seq = %s AND state = ANY(%s)
"""
_ARRIVED: Final = "SELECT number, account, bank_reference, body, seen_us, state FROM rail_entry WHERE number = %s"
_ADD_ENTRY: Final = """
    INSERT INTO rail_entry (lane, account, bank_reference, body, seen_us) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (account, bank_reference) DO NOTHING
"""
_AFTER: Final = "SELECT coalesce((SELECT after FROM rail_cursor WHERE lane = %s), 0)"
_MOVE: Final = """
    INSERT INTO rail_cursor (lane, after) VALUES (%s, %s)
    ON CONFLICT (lane) DO UPDATE SET after = greatest(rail_cursor.after, excluded.after)
"""


def wants(stretch: Stretch, client: int) -> Mask:
    """The rows that may ask for a credit transfer, or moved money to or from the bank; ``client``: our own."""
    refunds = stretch.among("kind", Kind.REFUND) & stretch.among("state", State.REFUNDING)
    sends = stretch.among("kind", Kind.WITHDRAW, Kind.DECIDE_REVIEW, Kind.EXPIRE) & stretch.among("state", State.HELD)
    finished = stretch.among("kind", Kind.RECOVER) & stretch.among("option", Option.FINISH_PAID)
    ours = stretch.among("kind", Kind.DEPOSIT, Kind.RETURN) & stretch.among("client", client)
    moved = (stretch.among("kind", Kind.CLEAR) | finished | ours) & stretch.positive("moved_minor")
    return (refunds | sends | moved) & stretch.among("reason", 0)


async def asking(connection: Connection, span: Span) -> list[Asking]:
    """The rows of a span that ask for a credit transfer."""
    async with connection.cursor(row_factory=class_row(Asking)) as cursor:
        return await (await cursor.execute(_ASKING, span.values())).fetchall()


async def add_transfer(connection: Connection, lane: int, row: Asking, name: str, creditor: Party | None, words: str) -> None:
    """Remember that a credit transfer has to be sent, once."""
    body = None if creditor is None else msgspec.json.encode(creditor).decode()
    values = [lane, row.seq, row.payment_seq, row.time_us, name, row.currency, row.amount_minor, body, words]
    await connection.execute(_ADD, values)


async def add_bookings(connection: Connection, span: Span, client: int) -> None:
    """Remember what the rows of a span moved between settlement accounts and the bank."""
    await connection.execute(_BOOK_DEBITS, span.values())
    await connection.execute(_BOOK_ARRIVALS, {**span.values(), "client": client})


async def transfer(connection: Connection, lane: int, seq: int) -> Transfer:
    """One credit transfer."""
    async with connection.cursor(row_factory=class_row(Transfer)) as cursor:
        found = await (await cursor.execute(f"{_TRANSFER} WHERE lane = %s AND seq = %s", [lane, seq])).fetchone()
    assert found is not None, "workflows are started for transfers that are there"
    return found


async def transfer_named(connection: Connection, lane: int, end_to_end_id: str) -> Transfer | None:
    """The credit transfer of an end-to-end id."""
    async with connection.cursor(row_factory=class_row(Transfer)) as cursor:
        statement = f"{_TRANSFER} WHERE lane = %s AND end_to_end_id = %s"
        return await (await cursor.execute(statement, [lane, end_to_end_id])).fetchone()


async def note(
    connection: Connection, lane: int, seq: int, before: tuple[str, ...], state: str, reason: str, *,
    bank_reference: str = "", asked: int = 0,
) -> None:  # fmt: skip
    """Note where a transfer stands, if it still stands where it was ``before``."""
    values = [state, reason, bank_reference, bank_reference, asked, lane, seq, list(before)]
    await connection.execute(_NOTE, values)


async def to_start(connection: Connection, lane: int, most: int) -> tuple[list[int], list[int]]:
    """Transfers (their sequences) and entries (their numbers) whose workflows have not been handed over."""
    out = "SELECT seq FROM rail_transfer WHERE lane = %s AND state IN ('open', 'paid', 'rejected') AND NOT started ORDER BY seq LIMIT %s"
    into = "SELECT number FROM rail_entry WHERE lane = %s AND state = 'new' AND NOT started ORDER BY number LIMIT %s"
    seqs = await (await connection.execute(out, [lane, most])).fetchall()
    numbers = await (await connection.execute(into, [lane, most])).fetchall()
    return [row[0] for row in seqs], [row[0] for row in numbers]


async def waiting(connection: Connection, lane: int, most: int) -> tuple[list[int], list[int]]:
    """Transfers and entries that were handed over and have not ended, oldest first."""
    out = "SELECT seq FROM rail_transfer WHERE lane = %s AND state IN ('open', 'paid', 'rejected') AND started ORDER BY seq LIMIT %s"
    into = "SELECT number FROM rail_entry WHERE lane = %s AND state = 'new' AND started ORDER BY number LIMIT %s"
    seqs = await (await connection.execute(out, [lane, most])).fetchall()
    numbers = await (await connection.execute(into, [lane, most])).fetchall()
    return [row[0] for row in seqs], [row[0] for row in numbers]


async def mark_started(connection: Connection, lane: int, seqs: list[int], numbers: list[int]) -> None:
    """Note that the workflows were handed over."""
    await connection.execute("UPDATE rail_transfer SET started = true WHERE lane = %s AND seq = ANY(%s)", [lane, seqs])
    await connection.execute("UPDATE rail_entry SET started = true WHERE number = ANY(%s)", [numbers])


async def after(connection: Connection, lane: int) -> int:
    """How far the bank's notifications are read."""
    found = await (await connection.execute(_AFTER, [lane])).fetchone()
    assert found is not None
    return int(found[0])


async def add_entries(connection: Connection, lane: int, told: list[Notification], next_after: int, seen_us: int) -> None:
    """Store notified entries, each once, and the cursor with them, in one transaction."""
    async with connection.transaction():
        for item in told:
            values = [lane, item.account, item.entry.bank_reference, msgspec.json.encode(item.entry).decode(), seen_us]
            await connection.execute(_ADD_ENTRY, values)
        await connection.execute(_MOVE, [lane, next_after])


async def arrived(connection: Connection, number: int) -> Arrived:
    """One entry of the bank."""
    found = await (await connection.execute(_ARRIVED, [number])).fetchone()
    assert found is not None, "workflows are started for entries that are there"
    return Arrived(found[0], found[1], found[2], msgspec.convert(found[3], Entry), found[4], found[5])


async def note_entry(connection: Connection, number: int, state: str, seq: int, reason: str) -> None:
    """Note how an entry was booked."""
    statement = "UPDATE rail_entry SET state = %s, seq = %s, reason = %s WHERE number = %s AND state = 'new'"
    await connection.execute(statement, [state, seq, reason, number])


async def decision(connection: Connection, lane: int, seq: int) -> tuple[int, int]:
    """State and reason of a row of the journal."""
    statement = "SELECT state, reason FROM journal_at(%s, %s)"
    found = await (await connection.execute(statement, [lane, seq])).fetchone()
    assert found is not None, "the lane answers with rows that are committed"
    return int(found[0]), int(found[1])
