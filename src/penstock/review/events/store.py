"""Reading events off the journal by primary key, and noting who owns what. All SQL of this feature.

The connections forbid sequential scans and hash joins, so a scan is a walk along the primary key with look-ups
beside it. It is bounded by the span of rows that it is given, not by what it finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row

from penstock.contracts.commands import Kind
from penstock.contracts.states import State
from penstock.journal.stretches import Mask, Stretch
from penstock.journal.tails import IN_SPAN, WANTED, Span, Tail, by_columns

Connection = AsyncConnection[Any]
#: The tail that notes owners: events can be read as far as it has come.
OWNERS: Final = "owners"


class EventRow(NamedTuple):
    """What an event shows of a row, and whose it is: the clients of its payment and of its accounts, 0 = none."""

    seq: int
    time_us: int
    client: int
    kind: int
    state: int
    reason: int
    payer_account: int
    payee_account: int
    amount_minor: int
    held_minor: int
    moved_minor: int
    fee_minor: int
    ref_seq: int
    expires_us: int
    from_us: int
    left_minor: int
    customer: int
    policy_version: int
    model_version: int
    payment_type: int
    currency: int
    flags: int
    option: int
    first_kind: int
    first_client: int
    payer_client: int
    payee_client: int
    customer_client: int


_OWN: Final = EventRow._fields[: EventRow._fields.index("first_kind")]
#: Whose customer a row names is looked up where no account says it: a look-up costs more than the row.
_ABOUT_CUSTOMERS: Final = f"{int(Kind.OPEN_CUSTOMER)}, {int(Kind.SET_CUSTOMER)}"
#: A look-up of its own for each row (OFFSET 0): a join could be planned as a scan of all owners while there are few.
_OWNER: Final = """
        SELECT client FROM account_owner AS owner WHERE owner.lane = row.lane AND owner.account = row.{}_account OFFSET 0
    """
_SELECT: Final = f"""
    SELECT {", ".join(f"row.{name}" for name in _OWN)},
           coalesce(first.kind, 0) AS first_kind, coalesce(first.client, 0) AS first_client,
           coalesce(payer.client, 0) AS payer_client, coalesce(payee.client, 0) AS payee_client,
           coalesce(customer.client, 0) AS customer_client
    FROM {{rows}}
    LEFT JOIN LATERAL journal_at(row.lane, nullif(row.ref_seq, 0)) AS first ON true
    LEFT JOIN LATERAL ({_OWNER.format("payer")}) AS payer ON true
    LEFT JOIN LATERAL ({_OWNER.format("payee")}) AS payee ON true
    LEFT JOIN LATERAL (
        SELECT client FROM customer_owner AS owner WHERE owner.lane = row.lane
          AND owner.customer = CASE WHEN row.kind IN ({_ABOUT_CUSTOMERS}) THEN row.customer END OFFSET 0
    ) AS customer ON true
"""  # noqa: S608 - constants
_CONCERNS: Final = """row.kind = ANY(%(kinds)s)
      AND (%(everything)s OR row.client = ANY(%(clients)s) OR first.client = ANY(%(clients)s)
           OR payer.client = ANY(%(clients)s) OR payee.client = ANY(%(clients)s) OR customer.client = ANY(%(clients)s))
    ORDER BY row.sheet, row.seq LIMIT %(most)s
"""
_SCAN: Final = f"{_SELECT.format(rows=IN_SPAN)} WHERE {_CONCERNS}"
_SCAN_WANTED: Final = f"{_SELECT.format(rows=WANTED)} WHERE {_CONCERNS}"
_THESE: Final = _SELECT.format(rows=WANTED)
_KNOWN: Final = "SELECT coalesce((SELECT seq FROM tail_cursor WHERE tail = %s AND lane = %s), 0)"
_CUSTOMERS: Final = f"""
    INSERT INTO customer_owner (lane, customer, client)
    SELECT row.lane, row.customer, row.client FROM {WANTED}
    WHERE row.kind = {int(Kind.OPEN_CUSTOMER)} AND row.state = {int(State.DONE)} ORDER BY row.seq
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants
_ACCOUNTS: Final = f"""
    INSERT INTO account_owner (lane, account, client)
    SELECT row.lane, row.payee_account, owner.client FROM {WANTED}
    JOIN LATERAL (
        SELECT client FROM customer_owner WHERE customer_owner.lane = row.lane AND customer_owner.customer = row.customer
        OFFSET 0
    ) AS owner ON true
    WHERE row.kind = {int(Kind.OPEN_ACCOUNT)} AND row.state = {int(State.DONE)} ORDER BY row.seq
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants


def owners_tail() -> Tail:
    """The tail that notes owners."""
    return Tail(OWNERS, note_owners, by_columns(opens))


def opens(stretch: Stretch) -> Mask:
    """The rows that open a customer or an account."""
    return stretch.among("kind", Kind.OPEN_CUSTOMER, Kind.OPEN_ACCOUNT) & stretch.among("state", State.DONE)


async def note_owners(connection: Connection, span: Span) -> None:
    """Write down whose the customers and accounts are that were opened in what is wanted of a span; again changes nothing."""
    await connection.execute(_CUSTOMERS, span.values())
    await connection.execute(_ACCOUNTS, span.values())


async def known_until(connection: Connection, lane: int) -> int:
    """The sequence up to which owners are known, and so events can be read."""
    found = await (await connection.execute(_KNOWN, (OWNERS, lane))).fetchone()
    assert found is not None  # a select without a table has one row
    return int(found[0])


async def scan(
    connection: Connection, span: Span, kinds: Sequence[int], clients: Sequence[int], most: int, *, everything: bool
) -> list[EventRow]:
    """The first ``most`` rows of a span, of some kinds of command, that any of the clients has to do with."""
    return await _read_events(connection, _SCAN, span, kinds, clients, most, everything=everything)


async def scan_wanted(
    connection: Connection, span: Span, kinds: Sequence[int], clients: Sequence[int], *, everything: bool
) -> list[EventRow]:
    """The wanted rows of a span, of some kinds of command, that any of the clients has to do with."""
    return await _read_events(connection, _SCAN_WANTED, span, kinds, clients, len(span.seqs), everything=everything)


async def _read_events(
    connection: Connection, statement: str, span: Span, kinds: Sequence[int], clients: Sequence[int], most: int,
    *, everything: bool,
) -> list[EventRow]:  # fmt: skip
    wanted = {**span.values(), "kinds": list(kinds), "clients": list(clients), "most": most, "everything": everything}
    async with connection.cursor(row_factory=class_row(EventRow)) as cursor:
        return await (await cursor.execute(statement, wanted)).fetchall()


async def rows_at(connection: Connection, lane: int, seqs: Sequence[int]) -> dict[int, EventRow]:
    """Single rows by their sequence."""
    async with connection.cursor(row_factory=class_row(EventRow)) as cursor:
        found = await (await cursor.execute(_THESE, {"lane": lane, "seqs": list(seqs)})).fetchall()
    return {row.seq: row for row in found}
