"""The review queue in the database: all SQL of the feature, but for the holder of a claim (``office/claims``).

The order of the queue: reviews whose deadline is near first, then by weight (expected loss), then by deadline.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row, scalar_row

from penstock.review.reviews.rules import OpenPlace

Connection = AsyncConnection[Any]


class NewItem(NamedTuple):
    """A payment that begins to wait."""

    lane: int
    payment: int
    kind: int
    client: int
    payer_account: int
    payee_account: int
    amount_minor: int
    currency: int
    payment_type: int
    opened_us: int
    deadline_us: int
    score: float | None
    expected_loss_minor: int
    weight: int


class Closing(NamedTuple):
    """The row that ends a review."""

    lane: int
    payment: int
    seq: int
    time_us: int
    kind: int
    state: int
    decided_by: int


class Item(NamedTuple):
    """A review as it is shown; names are empty and numbers 0 where there is nothing."""

    payment: int
    kind: int
    client: str
    payer_account: int
    payee_account: int
    amount_minor: int
    currency: int
    payment_type: int
    opened_us: int
    deadline_us: int
    score: float | None
    expected_loss_minor: int
    weight: int
    claimed_by: int
    claimed_by_name: str
    claimed_until_us: int
    closed_seq: int
    closed_us: int
    closed_kind: int
    closed_state: int
    decided_by: int
    decided_by_name: str
    side: bytes | None


class Figures(NamedTuple):
    """The queue in numbers."""

    open: int
    due_soon: int
    claimed: int
    mine: int
    oldest_us: int | None
    began_this_hour: int
    decided: int
    median_reviewed_us: float | None


_ADD: Final = f"""
    INSERT INTO review_item ({", ".join(NewItem._fields)}) VALUES ({", ".join(["%s"] * len(NewItem._fields))})
    ON CONFLICT (lane, payment) DO NOTHING
"""  # noqa: S608 - constants
_CLOSE: Final = """
    UPDATE review_item SET closed_seq = %(seq)s, closed_us = %(time_us)s, closed_kind = %(kind)s,
        closed_state = %(state)s, decided_by = %(decided_by)s
    WHERE lane = %(lane)s AND payment = %(payment)s AND closed_seq = 0
"""
_OWN: Final = frozenset({"client", "claimed_by_name", "decided_by_name", "side"})
_COLUMNS: Final = ", ".join(f"item.{name}" for name in Item._fields if name not in _OWN)
_SELECT: Final = f"""
    SELECT {_COLUMNS}, api_client.name AS client, coalesce(holder.name, '') AS claimed_by_name,
        coalesce(decider.name, '') AS decided_by_name,
        (SELECT body FROM journal_side WHERE journal_side.lane = item.lane AND journal_side.seq = item.payment) AS side
    FROM review_item AS item JOIN api_client ON api_client.client = item.client
    LEFT JOIN person AS holder ON holder.person = item.claimed_by
    LEFT JOIN person AS decider ON decider.person = item.decided_by
"""  # noqa: S608 - constants
_ONE: Final = f"{_SELECT} WHERE item.lane = %s AND item.payment = %s"
#: The queue's order: larger comes first, also in the comparison with the last place of a page.
_PLACE: Final = "(item.deadline_us <= %(soon_us)s)::int, item.weight, -item.deadline_us, -item.payment"
_ORDER: Final = "(item.deadline_us <= %(soon_us)s) DESC, item.weight DESC, item.deadline_us, item.payment"
_OPEN: Final = f"""
    {_SELECT} WHERE item.lane = %(lane)s AND item.closed_seq = 0
        AND (%(person)s = 0 OR (item.claimed_by = %(person)s AND item.claimed_until_us > %(now_us)s))
        AND ({_PLACE}) < (%(urgent)s, %(weight)s, -%(deadline_us)s::bigint, -%(payment)s::bigint)
    ORDER BY {_ORDER} LIMIT %(most)s
"""
_DECIDED: Final = f"""
    {_SELECT} WHERE item.lane = %(lane)s AND item.closed_seq > 0 AND item.closed_seq < %(before)s
    ORDER BY item.closed_seq DESC LIMIT %(most)s
"""
_CLAIM: Final = """
    UPDATE review_item SET claimed_by = %(person)s, claimed_until_us = %(until_us)s
    WHERE lane = %(lane)s AND payment = %(payment)s AND closed_seq = 0
        AND (claimed_by IN (0, %(person)s) OR claimed_until_us <= %(now_us)s)
"""
_UNCLAIM: Final = """
    UPDATE review_item SET claimed_by = 0, claimed_until_us = 0
    WHERE lane = %(lane)s AND payment = %(payment)s AND claimed_by = %(person)s AND closed_seq = 0
"""
_NEXT: Final = f"""
    UPDATE review_item SET claimed_by = %(person)s, claimed_until_us = %(until_us)s
    WHERE lane = %(lane)s AND payment = (
        SELECT item.payment FROM review_item AS item
        WHERE item.lane = %(lane)s AND item.closed_seq = 0 AND item.deadline_us > %(now_us)s
            AND (item.claimed_by = 0 OR item.claimed_until_us <= %(now_us)s)
        ORDER BY {_ORDER} LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    RETURNING payment
"""  # noqa: S608 - constants
_FIGURES: Final = """
    SELECT count(payment) AS open,
        count(*) FILTER (WHERE deadline_us <= %(soon_us)s) AS due_soon,
        count(*) FILTER (WHERE claimed_by > 0 AND claimed_until_us > %(now_us)s) AS claimed,
        count(*) FILTER (WHERE claimed_by = %(person)s AND claimed_until_us > %(now_us)s) AS mine,
        min(opened_us) AS oldest_us,
        (SELECT count(*) FROM review_item WHERE lane = %(lane)s AND opened_us >= %(hour_us)s) AS began_this_hour,
        recent.decided, recent.median_reviewed_us
    FROM (
        SELECT count(*) AS decided, percentile_cont(0.5) WITHIN GROUP (ORDER BY closed_us - opened_us) AS median_reviewed_us
        FROM review_item WHERE lane = %(lane)s AND opened_us >= %(since_us)s AND closed_seq > 0
    ) AS recent LEFT JOIN review_item ON lane = %(lane)s AND closed_seq = 0
    GROUP BY recent.decided, recent.median_reviewed_us
"""
_AT_STAKE: Final = """
    SELECT currency, sum(expected_loss_minor)::bigint FROM review_item WHERE lane = %s AND closed_seq = 0
    GROUP BY currency ORDER BY currency
"""
_FIRST: Final = OpenPlace(soon_us=0, urgent=True, weight=2**62, deadline_us=0, payment=0)


async def add(connection: Connection, items: Sequence[NewItem]) -> None:
    """Put payments into the queue; one that is there already stays as it is."""
    async with connection.cursor() as cursor:
        await cursor.executemany(_ADD, items)


async def close(connection: Connection, closings: Sequence[Closing]) -> None:
    """Take payments out of the queue."""
    async with connection.cursor() as cursor:
        await cursor.executemany(_CLOSE, [closing._asdict() for closing in closings])


async def one(connection: Connection, lane: int, payment: int) -> Item | None:
    """A review, open or decided."""
    async with connection.cursor(row_factory=class_row(Item)) as cursor:
        return await (await cursor.execute(_ONE, (lane, payment))).fetchone()


async def open_page(
    connection: Connection, lane: int, soon_us: int, after: OpenPlace | None, most: int, *, person: int = 0, now_us: int
) -> list[Item]:
    """Open reviews in the queue's order, behind a place; with ``person`` only those that this person holds."""
    wanted = {"lane": lane, "most": most, "person": person, "now_us": now_us, **_asdict(after or _FIRST), "soon_us": soon_us}
    async with connection.cursor(row_factory=class_row(Item)) as cursor:
        return await (await cursor.execute(_OPEN, wanted)).fetchall()


async def decided_page(connection: Connection, lane: int, before_seq: int, most: int) -> list[Item]:
    """Decided reviews, newest first."""
    wanted = {"lane": lane, "before": before_seq, "most": most}
    async with connection.cursor(row_factory=class_row(Item)) as cursor:
        return await (await cursor.execute(_DECIDED, wanted)).fetchall()


async def claim(connection: Connection, lane: int, payment: int, person: int, now_us: int, until_us: int) -> bool:
    """Claim an open review that nobody else holds, or prolong one's own claim; whether that could be done."""
    wanted = {"lane": lane, "payment": payment, "person": person, "now_us": now_us, "until_us": until_us}
    return (await connection.execute(_CLAIM, wanted)).rowcount == 1


async def unclaim(connection: Connection, lane: int, payment: int, person: int) -> bool:
    """Give one's own claim back; whether there was one."""
    return (await connection.execute(_UNCLAIM, {"lane": lane, "payment": payment, "person": person})).rowcount == 1


async def claim_next(
    connection: Connection, lane: int, person: int, soon_us: int, now_us: int, until_us: int
) -> int | None:
    """Claim the first review that nobody holds; two who ask at once get two. None = nothing waits."""
    wanted = {"lane": lane, "person": person, "soon_us": soon_us, "now_us": now_us, "until_us": until_us}
    async with connection.cursor(row_factory=scalar_row) as cursor:
        found: int | None = await (await cursor.execute(_NEXT, wanted)).fetchone()
    return found


async def figures(
    connection: Connection, lane: int, person: int, *, now_us: int, soon_us: int, hour_us: int, since_us: int
) -> Figures:
    """The queue in numbers; those of decided reviews are of what began at ``since_us`` or later."""
    wanted = {
        "lane": lane, "person": person, "now_us": now_us, "soon_us": soon_us, "hour_us": hour_us, "since_us": since_us,
    }  # fmt: skip
    async with connection.cursor(row_factory=class_row(Figures)) as cursor:
        found = await (await cursor.execute(_FIGURES, wanted)).fetchone()
    assert found is not None  # the inner aggregate has one row
    return found


async def at_stake(connection: Connection, lane: int) -> dict[int, int]:
    """Currency → expected loss of all open reviews in it."""
    return dict(await (await connection.execute(_AT_STAKE, [lane])).fetchall())


def _asdict(place: OpenPlace) -> dict[str, int]:
    return {
        "urgent": int(place.urgent), "weight": place.weight, "deadline_us": place.deadline_us, "payment": place.payment,
    }  # fmt: skip
