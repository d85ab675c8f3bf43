"""The recovery queue in the database: all SQL of its cases. What the tails search is in ``finding.py``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row, scalar_row

from penstock.review.recovery.finding import Moved, Suspended

Connection = AsyncConnection[Any]


class Closing(NamedTuple):
    """The row that ends a payment's case, and how."""

    lane: int
    payment: int
    seq: int
    time_us: int
    outcome: str


class Case(NamedTuple):
    """A case as it is shown; names are empty and numbers 0 where there is nothing."""

    number: int
    kind: str
    seq: int
    payment: int
    other: int
    gap_us: int
    confidence: str
    client: str
    payer_account: int
    payee_account: int
    owner_account: int
    amount_minor: int
    currency: int
    payment_type: int
    since_us: int
    state: str
    request: int
    outcome: str
    closed_seq: int
    closed_us: int
    closed_by_name: str
    note: str
    side: bytes | None  # the payment's own words
    transfer_state: str | None  # of the credit transfer at the bank
    transfer_reason: str | None
    transfer_asked: int | None
    bank_reference: str | None
    on_statement: bool


_JOINED: Final = frozenset({
    "client", "closed_by_name", "side", "transfer_state", "transfer_reason", "transfer_asked", "bank_reference", "on_statement",
})  # fmt: skip
_COLUMNS: Final = ", ".join(f"found.{name}" for name in Case._fields if name not in _JOINED)
#: The bank's side is that of the rails: the newest credit transfer of the payment.
_SELECT: Final = f"""
    SELECT {_COLUMNS}, coalesce(api_client.name, '') AS client, coalesce(person.name, '') AS closed_by_name,
        (SELECT body FROM journal_side WHERE journal_side.lane = found.lane AND journal_side.seq = found.payment) AS side,
        transfer.state AS transfer_state, transfer.reason AS transfer_reason,
        transfer.asked AS transfer_asked, transfer.bank_reference,
        EXISTS (SELECT FROM rail_statement_entry AS entry WHERE entry.lane = found.lane
            AND entry.reference = transfer.end_to_end_id AND entry.kind = 'debit') AS on_statement
    FROM recovery_case AS found
    LEFT JOIN api_client ON api_client.client = found.client
    LEFT JOIN person ON person.person = found.closed_by
    LEFT JOIN LATERAL (
        SELECT * FROM rail_transfer WHERE rail_transfer.lane = found.lane AND rail_transfer.payment_seq = found.payment
            AND found.kind LIKE 'stuck%%'
        ORDER BY rail_transfer.seq DESC LIMIT 1
    ) AS transfer ON true
"""  # noqa: S608 - constants
_ONE: Final = f"{_SELECT} WHERE found.lane = %s AND found.number = %s"
_PAGE: Final = f"""
    {_SELECT} WHERE found.lane = %(lane)s AND found.state = %(state)s AND found.number < %(before)s
        AND (%(kind)s = '' OR found.kind = %(kind)s)
    ORDER BY found.number DESC LIMIT %(most)s
"""
_CLOSE: Final = """
    UPDATE recovery_case SET state = 'closed', outcome = {outcome}, closed_seq = %(seq)s, closed_us = %(time_us)s
    WHERE lane = %(lane)s AND {condition} AND state = 'open' AND seq < %(seq)s
"""
_CLOSE_DUPLICATE: Final = _CLOSE.format(outcome="%(outcome)s", condition="payment = %(payment)s AND kind = 'duplicate'")
_CLOSE_REPEATED: Final = _CLOSE.format(outcome="'other_given_back'", condition="other = %(payment)s AND kind = 'duplicate'")
_CLOSE_STUCK: Final = _CLOSE.format(outcome="%(outcome)s", condition="payment = %(payment)s AND kind LIKE 'stuck%%'")
_ADD_SUSPENDED: Final = """
    INSERT INTO recovery_case (lane, kind, seq, payment, confidence, client, payer_account, payee_account, owner_account,
                               amount_minor, currency, payment_type, since_us)
    VALUES (%s, 'suspense', %s, %s, 'high', %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (lane, kind, seq) DO NOTHING
"""
#: The case of whose request the command came; else the oldest of the same amount whose owner is known to be the one paid.
_OF_MOVE: Final = """
    SELECT number FROM recovery_case AS found
    LEFT JOIN approval_request AS asked ON asked.request = found.request AND found.request > 0
    WHERE found.lane = %(lane)s AND found.kind = 'suspense' AND found.state = 'open'
        AND found.currency = %(currency)s AND found.amount_minor = %(moved_minor)s
        AND ((asked.client = %(client)s AND %(command_id)s IN (asked.command_id, asked.sent_id))
            OR found.owner_account = %(payee_account)s)
    ORDER BY (asked.client = %(client)s AND %(command_id)s IN (asked.command_id, asked.sent_id)) IS TRUE DESC, found.number
    LIMIT 1
"""
_CLOSE_NUMBER: Final = _CLOSE.format(outcome="'corrected'", condition="number = %(number)s")
_LOCK: Final = "SELECT state FROM recovery_case WHERE lane = %s AND number = %s FOR UPDATE"
_SET_REQUEST: Final = "UPDATE recovery_case SET request = %s WHERE lane = %s AND number = %s"
_DISMISS: Final = """
    UPDATE recovery_case SET state = 'dismissed', outcome = 'dismissed', closed_us = %s, closed_by = %s, note = %s
    WHERE lane = %s AND number = %s
"""


async def close_duplicates(connection: Connection, closings: Sequence[Closing]) -> None:
    """Close the cases of payments that were given back, whether they repeat or are repeated."""
    await _close(connection, _CLOSE_DUPLICATE, closings)
    await _close(connection, _CLOSE_REPEATED, closings)


async def close_stuck(connection: Connection, closings: Sequence[Closing]) -> None:
    """Close the cases of payments that have left the bank."""
    await _close(connection, _CLOSE_STUCK, closings)


async def _close(connection: Connection, statement: str, closings: Sequence[Closing]) -> None:
    async with connection.cursor() as cursor:
        await cursor.executemany(statement, [closing._asdict() for closing in closings])


async def add_suspended(connection: Connection, lane: int, credits_: Sequence[Suspended]) -> None:
    """Open a case for each credit that went to suspense."""
    rows = [
        (lane, found.seq, found.payment, found.client, found.payer_account, found.payee_account, found.owner_account,
         found.moved_minor, found.currency, found.payment_type, found.time_us)
        for found in credits_
    ]  # fmt: skip
    async with connection.cursor() as cursor:
        await cursor.executemany(_ADD_SUSPENDED, rows)


async def close_suspended(connection: Connection, lane: int, moved: Moved) -> None:
    """Close the case that money was moved for, if it can be told which."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        number = await (await cursor.execute(_OF_MOVE, {"lane": lane, **moved._asdict()})).fetchone()
        if number is not None:
            wanted = {"lane": lane, "number": number, "seq": moved.seq, "time_us": moved.time_us}
            await cursor.execute(_CLOSE_NUMBER, wanted)


async def one(connection: Connection, lane: int, number: int) -> Case | None:
    """A case."""
    async with connection.cursor(row_factory=class_row(Case)) as cursor:
        return await (await cursor.execute(_ONE, (lane, number))).fetchone()


async def page(connection: Connection, lane: int, state: str, kind: str, before: int, most: int) -> list[Case]:
    """Cases of a state, and of a kind if one is named, newest first."""
    wanted = {"lane": lane, "state": state, "kind": kind, "before": before, "most": most}
    async with connection.cursor(row_factory=class_row(Case)) as cursor:
        return await (await cursor.execute(_PAGE, wanted)).fetchall()


async def lock(connection: Connection, lane: int, number: int) -> str | None:
    """The state of a case, locked until the transaction ends; None = there is no such case."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        found: str | None = await (await cursor.execute(_LOCK, (lane, number))).fetchone()
    return found


async def set_request(connection: Connection, lane: int, number: int, request: int) -> None:
    """Note the approval request that was made of a case."""
    await connection.execute(_SET_REQUEST, (request, lane, number))


async def dismiss(connection: Connection, lane: int, number: int, person: int, note: str, now_us: int) -> None:
    """Close a case as none."""
    await connection.execute(_DISMISS, (now_us, person, note, lane, number))
