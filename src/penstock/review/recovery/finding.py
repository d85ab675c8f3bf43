"""What the recovery tails read of the journal and keep of it: all SQL of the search. Cases are in ``store.py``."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row

from penstock.contracts.commands import Flag, Kind, Option
from penstock.contracts.states import State
from penstock.journal.layout import BARE_ROWS
from penstock.journal.stretches import Mask, Stretch
from penstock.journal.tails import SIDE, WANTED, Span

Connection = AsyncConnection[Any]


class Cleared(NamedTuple):
    """A payment, and the row that cleared it."""

    payment: int
    cleared_seq: int
    cleared_us: int
    payer_account: int
    payee_account: int
    amount_minor: int
    currency: int
    payment_type: int
    side: bytes | None


class Ended(NamedTuple):
    """The row that gave back the last of a payment, or that brought the bank's answer."""

    payment: int
    seq: int
    time_us: int
    kind: int


class Waiting(NamedTuple):
    """A payment that waits for the bank since the row ``seq``."""

    lane: int
    payment: int
    seq: int
    kind: str
    client: int
    payer_account: int
    payee_account: int
    amount_minor: int
    currency: int
    payment_type: int
    since_us: int


class BankRow(NamedTuple):
    """A row of a payment that may be at the bank, with what its first row says."""

    seq: int
    payment: int
    time_us: int
    kind: int
    state: int
    held_minor: int
    client: int
    payer_account: int
    payee_account: int
    currency: int
    payment_type: int
    first_kind: int
    first_flags: int
    first_amount_minor: int


class Suspended(NamedTuple):
    """A credit that went to suspense; ``owner_account``: who should have had it, 0 = the journal does not say."""

    seq: int
    time_us: int
    payment: int
    client: int
    payer_account: int
    payee_account: int
    moved_minor: int
    currency: int
    payment_type: int
    owner_account: int


class Moved(NamedTuple):
    """Money that was moved out of suspense."""

    seq: int
    time_us: int
    client: int
    command_id: uuid.UUID
    payee_account: int
    moved_minor: int
    currency: int


#: What may make a payment of before clear: its own row, or a later one.
_CLEARS: Final = (Kind.CLEAR, Kind.RELEASE, Kind.EXPIRE, Kind.DECIDE_REVIEW)
_CLEARING: Final = ", ".join(str(int(kind)) for kind in _CLEARS)
_BACK: Final = (State.REFUNDED, State.RETURNED, State.CHARGED_BACK, State.REVERSED)
#: The first row of a row's payment.
_FIRST: Final = "CROSS JOIN LATERAL journal_at(row.lane, CASE row.ref_seq WHEN 0 THEN row.seq ELSE row.ref_seq END) AS first"
_CLEARED_AT_ONCE: Final = f"""
    SELECT row.seq AS payment, row.seq AS cleared_seq, row.time_us AS cleared_us, row.payer_account, row.payee_account,
        row.amount_minor, row.currency, row.payment_type, {SIDE}
    FROM {WANTED} WHERE row.kind = {int(Kind.PAY)} AND row.state = {int(State.CLEARED)}
"""  # noqa: S608 - constants
_CLEARED_LATER: Final = f"""
    SELECT first.seq AS payment, row.seq AS cleared_seq, row.time_us AS cleared_us, first.payer_account,
        first.payee_account, first.amount_minor, first.currency, first.payment_type,
        (SELECT body FROM journal_side WHERE journal_side.lane = first.lane AND journal_side.seq = first.seq) AS side
    FROM {WANTED} {_FIRST}
    WHERE row.kind IN ({_CLEARING}) AND row.state = {int(State.CLEARED)} AND row.ref_prev_seq > 0
        AND first.kind = {int(Kind.PAY)}
"""  # noqa: S608 - constants
_GIVEN_BACK: Final = f"""
    SELECT row.ref_seq AS payment, row.seq, row.time_us, row.kind FROM {WANTED}
    WHERE row.ref_prev_seq > 0 AND row.state IN
        ({", ".join(str(int(state)) for state in _BACK)})
    ORDER BY row.seq
"""  # noqa: S608 - constants
_LAST_TIME: Final = "SELECT time_us FROM journal_at(%(lane)s, %(until)s)"
_TIME: Final = f"""
    SELECT time_us FROM journal WHERE lane = %(lane)s AND sheet > %(seq)s - {BARE_ROWS} AND seq >= %(seq)s ORDER BY sheet, seq LIMIT 1
"""  # noqa: S608 - constants
#: What a payment looks like that was given back and has not been compared with any: like none.
_LIKE_NONE: Final = uuid.UUID(int=0)
_REMEMBER: Final = f"""
    INSERT INTO recovery_recent (lane, payment, cleared_seq, cleared_us, same, bare)
    SELECT %s, * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::uuid[], %s::boolean[])
    ON CONFLICT (lane, payment) DO UPDATE SET cleared_seq = excluded.cleared_seq, cleared_us = excluded.cleared_us,
        same = excluded.same, bare = excluded.bare WHERE recovery_recent.same = '{_LIKE_NONE}'
"""  # noqa: S608 - constants
_GONE: Final = f"""
    INSERT INTO recovery_recent (lane, payment, cleared_seq, cleared_us, same, bare, gone)
    SELECT %s, payment, seq, time_us, '{_LIKE_NONE}', false, true
    FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS ended (payment, seq, time_us)
    ON CONFLICT (lane, payment) DO UPDATE SET gone = true
"""  # noqa: S608 - constants
_FORGET: Final = "DELETE FROM recovery_recent WHERE lane = %s AND cleared_us < %s"
#: For each new one the nearest before it that looks the same and still stands.
_REPEATED: Final = """
    INSERT INTO recovery_case (lane, kind, seq, payment, other, gap_us, confidence, client, payer_account, payee_account,
                               amount_minor, currency, payment_type, since_us)
    SELECT later.lane, 'duplicate', later.payment, later.payment, earlier.payment, later.cleared_us - earlier.cleared_us,
        CASE WHEN later.bare THEN 'low' ELSE 'high' END, row.client, row.payer_account, row.payee_account,
        row.amount_minor, row.currency, row.payment_type, later.cleared_us
    FROM recovery_recent AS later
    JOIN LATERAL (
        SELECT payment, cleared_us FROM recovery_recent AS before
        WHERE before.lane = later.lane AND before.same = later.same AND before.cleared_seq < later.cleared_seq
            AND before.cleared_us >= later.cleared_us - CASE WHEN later.bare THEN %(bare_us)s ELSE %(window_us)s END
            AND NOT before.gone
        ORDER BY before.cleared_seq DESC LIMIT 1
    ) AS earlier ON true
    CROSS JOIN LATERAL journal_at(later.lane, later.payment) AS row
    WHERE later.lane = %(lane)s AND later.payment = ANY(%(payments)s) AND NOT later.gone
    ORDER BY later.cleared_seq
    ON CONFLICT (lane, kind, seq) DO NOTHING
"""
_BANK_ROWS: Final = f"""
    SELECT row.seq, first.seq AS payment, row.time_us, row.kind, row.state, row.held_minor, first.client,
        row.payer_account, row.payee_account, row.currency, row.payment_type, first.kind AS first_kind,
        first.flags AS first_flags, first.amount_minor AS first_amount_minor
    FROM {WANTED} {_FIRST}
    WHERE row.reason = 0 AND (row.ref_seq = 0 OR row.ref_prev_seq > 0)
        AND (first.kind = {int(Kind.DEPOSIT)} OR (first.kind = {int(Kind.WITHDRAW)} AND first.flags & {int(Flag.RAIL)} > 0))
        AND (row.ref_seq > 0 OR (row.kind = {int(Kind.WITHDRAW)} AND row.state = {int(State.HELD)}))
    ORDER BY row.seq
"""  # noqa: S608 - constants
_WAIT: Final = f"""
    INSERT INTO recovery_waiting ({", ".join(Waiting._fields)}) VALUES ({", ".join(["%s"] * len(Waiting._fields))})
    ON CONFLICT (lane, payment) DO NOTHING
"""  # noqa: S608 - constants
_ANSWERED: Final = "DELETE FROM recovery_waiting WHERE lane = %s AND payment = ANY(%s)"
#: A payment whose answer is being read at this moment is locked by the tail, and gone when the lock is.
_OVERDUE: Final = """
    SELECT payment FROM recovery_waiting WHERE lane = %s AND NOT told AND since_us <= %s
    ORDER BY since_us LIMIT %s FOR UPDATE
"""
_TELL: Final = """
    WITH late AS (UPDATE recovery_waiting SET told = true WHERE lane = %s AND payment = ANY(%s) RETURNING *)
    INSERT INTO recovery_case (lane, kind, seq, payment, confidence, client, payer_account, payee_account, amount_minor,
                               currency, payment_type, since_us)
    SELECT lane, kind, seq, payment, 'high', client, payer_account, payee_account, amount_minor, currency, payment_type,
        since_us
    FROM late ORDER BY since_us ON CONFLICT (lane, kind, seq) DO NOTHING
"""
_SUSPENDED: Final = f"""
    SELECT row.seq, row.time_us, CASE row.ref_seq WHEN 0 THEN row.seq ELSE row.ref_seq END AS payment, row.client,
        row.payer_account, row.payee_account, row.moved_minor, row.currency, row.payment_type,
        CASE row.ref_seq WHEN 0 THEN 0 ELSE first.payer_account END AS owner_account
    FROM {WANTED} {_FIRST}
    WHERE row.flags & {int(Flag.TO_SUSPENSE)} > 0 AND row.moved_minor > 0
    ORDER BY row.seq
"""  # noqa: S608 - constants
_MOVED: Final = f"""
    SELECT row.seq, row.time_us, row.client, row.command_id, row.payee_account, row.moved_minor, row.currency
    FROM {WANTED}
    WHERE row.kind = {int(Kind.RECOVER)} AND row.option = {int(Option.MOVE_SUSPENSE)} AND row.reason = 0
    ORDER BY row.seq
"""  # noqa: S608 - constants


def at_once(stretch: Stretch) -> Mask:
    """The rows that are payments and cleared at once."""
    return stretch.among("kind", Kind.PAY) & stretch.among("state", State.CLEARED)


def later(stretch: Stretch) -> Mask:
    """The rows that may have cleared a payment of before."""
    clears = stretch.among("kind", *_CLEARS) & stretch.among("state", State.CLEARED)
    return clears & stretch.positive("ref_prev_seq")


def gives_back(stretch: Stretch) -> Mask:
    """The rows that gave back the last of a payment."""
    return stretch.among("state", *_BACK) & stretch.positive("ref_prev_seq")


def may_be_at_bank(stretch: Stretch) -> Mask:
    """The rows that ``bank_rows`` may read: withdrawals that begin to wait, and what follows on any payment."""
    begins = stretch.among("kind", Kind.WITHDRAW) & stretch.among("state", State.HELD)
    begins &= ~stretch.positive("ref_seq") & stretch.flagged(Flag.RAIL)
    follows = stretch.positive("ref_seq") & stretch.positive("ref_prev_seq")
    return (begins | follows) & stretch.among("reason", 0)


def in_suspense(stretch: Stretch) -> Mask:
    """The rows that credited suspense, or moved money out of it."""
    credits_ = stretch.flagged(Flag.TO_SUSPENSE) & stretch.positive("moved_minor")
    moves = stretch.among("kind", Kind.RECOVER) & stretch.among("option", Option.MOVE_SUSPENSE)
    return credits_ | (moves & stretch.among("reason", 0))


async def cleared(connection: Connection, span: Span) -> list[Cleared]:
    """The payments that cleared in the wanted rows of a span, in the order in which they cleared."""
    async with connection.cursor(row_factory=class_row(Cleared)) as cursor:
        found = await (await cursor.execute(_CLEARED_AT_ONCE, span.values())).fetchall()
    return sorted(found + await cleared_later(connection, span), key=lambda payment: payment.cleared_seq)


async def cleared_later(connection: Connection, span: Span) -> list[Cleared]:
    """The payments of before that cleared in the wanted rows of a span."""
    async with connection.cursor(row_factory=class_row(Cleared)) as cursor:
        return await (await cursor.execute(_CLEARED_LATER, span.values())).fetchall()


async def row_before_us(connection: Connection, lane: int, time_us: int, last: int) -> int:
    """The last row, up to ``last``, that is older than a time; 0 = none is."""
    older, end = 0, last + 1
    while end - older > 1:
        middle = (older + end) // 2
        if await time_from(connection, lane, middle) < time_us:
            older = middle
        else:
            end = middle
    return older


async def time_from(connection: Connection, lane: int, seq: int) -> int:
    """The time of a row, or of the next that is there; 0 = none is."""
    found = await (await connection.execute(_TIME, {"lane": lane, "seq": seq})).fetchone()
    return 0 if found is None else int(found[0])


async def given_back(connection: Connection, span: Span) -> list[Ended]:
    """The payments of which the last was given back in a span."""
    async with connection.cursor(row_factory=class_row(Ended)) as cursor:
        return await (await cursor.execute(_GIVEN_BACK, span.values())).fetchall()


async def last_time_us(connection: Connection, span: Span) -> int:
    """The time of a span's last row."""
    found = await (await connection.execute(_LAST_TIME, span.values())).fetchone()
    assert found is not None  # the span is committed
    return int(found[0])


async def remember(connection: Connection, lane: int, entries: Sequence[tuple[Cleared, uuid.UUID, bool]]) -> None:
    """Keep payments for comparison: what they look like, and whether they lack a reference. The first of each counts."""
    first: dict[int, tuple[Any, ...]] = {}
    for found, same, bare in entries:
        first.setdefault(found.payment, (found.payment, found.cleared_seq, found.cleared_us, same, bare))
    if first:
        await connection.execute(_REMEMBER, (lane, *map(list, zip(*first.values(), strict=True))))


async def set_gone(connection: Connection, lane: int, back: Sequence[Ended]) -> None:
    """Note that payments were given back: they repeat nothing and are not repeated, now or when they are compared later."""
    if back:
        ended = {one.payment: (one.payment, one.seq, one.time_us) for one in back}
        await connection.execute(_GONE, (lane, *map(list, zip(*ended.values(), strict=True))))


async def forget(connection: Connection, lane: int, before_us: int) -> None:
    """Drop what cleared earlier."""
    await connection.execute(_FORGET, (lane, before_us))


async def add_repeated(connection: Connection, lane: int, payments: Sequence[int], window_us: int, bare_us: int) -> int:
    """Open a case for each of the payments that repeats an earlier one; how many."""
    wanted = {"lane": lane, "payments": list(payments), "window_us": window_us, "bare_us": bare_us}
    return (await connection.execute(_REPEATED, wanted)).rowcount


async def bank_rows(connection: Connection, span: Span) -> list[BankRow]:
    """The rows of payments that may be at the bank, in order."""
    async with connection.cursor(row_factory=class_row(BankRow)) as cursor:
        return await (await cursor.execute(_BANK_ROWS, span.values())).fetchall()


async def add_waiting(connection: Connection, waiting: Sequence[Waiting]) -> None:
    """Note payments that wait for the bank."""
    async with connection.cursor() as cursor:
        await cursor.executemany(_WAIT, waiting)


async def end_waiting(connection: Connection, lane: int, payments: Sequence[int]) -> None:
    """Note that payments have left the bank."""
    if payments:
        await connection.execute(_ANSWERED, (lane, list(payments)))


async def tell_overdue(connection: Connection, lane: int, before_us: int, most: int) -> int:
    """Open a case for each payment that waits since ``before_us`` or longer, at most ``most``; how many."""
    async with connection.transaction():
        found = await (await connection.execute(_OVERDUE, (lane, before_us, most))).fetchall()
        if found:
            await connection.execute(_TELL, (lane, [payment for (payment,) in found]))
    return len(found)


async def suspended(connection: Connection, span: Span) -> list[Suspended]:
    """The credits that went to suspense in a span."""
    async with connection.cursor(row_factory=class_row(Suspended)) as cursor:
        return await (await cursor.execute(_SUSPENDED, span.values())).fetchall()


async def moved(connection: Connection, span: Span) -> list[Moved]:
    """What was moved out of suspense in a span."""
    async with connection.cursor(row_factory=class_row(Moved)) as cursor:
        return await (await cursor.execute(_MOVED, span.values())).fetchall()
