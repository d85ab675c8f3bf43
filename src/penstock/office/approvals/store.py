"""Approval requests and their steps in the database: all SQL of the feature."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from penstock.contracts.commands import Operation

Connection = AsyncConnection[Any]


class Step(NamedTuple):
    """What somebody did to a request."""

    request: int
    step: int
    time: datetime
    person: int  # 0 = the system
    name: str
    action: str
    note: str


class Request(NamedTuple):
    """A request as it is stored; ``status`` is one of ``rules.Status``."""

    request: int
    lane: int
    client: int
    command_id: uuid.UUID
    sent_id: uuid.UUID
    operation: int
    object_kind: str
    object_id: str
    maker: int
    command: dict[str, int]
    payload: bytes
    summary: dict[str, Any]
    needed: int
    status: str
    attempts: int
    made_at: datetime
    lapses_at: datetime
    ended_at: datetime | None
    outcome_seq: int | None
    outcome_state: int | None
    outcome_reason: int | None


class NewRequest(NamedTuple):
    """What is stored of a wish."""

    lane: int
    client: int
    command_id: uuid.UUID
    operation: Operation
    object_kind: str
    object_id: str
    maker: int
    command: dict[str, int]
    payload: bytes
    summary: dict[str, Any]
    needed: int
    made_at: datetime
    lapses_at: datetime


_COLUMNS: Final = ", ".join(Request._fields)
_ADD: Final = f"""
    INSERT INTO approval_request (lane, client, command_id, sent_id, operation, object_kind, object_id, maker, command,
                                  payload, summary, needed, made_at, lapses_at)
    VALUES (%(lane)s, %(client)s, %(command_id)s, %(command_id)s, %(operation)s, %(object_kind)s, %(object_id)s,
            %(maker)s, %(command)s, %(payload)s, %(summary)s, %(needed)s, %(made_at)s, %(lapses_at)s)
    ON CONFLICT (client, command_id) DO NOTHING
    RETURNING {_COLUMNS}
"""  # noqa: S608 - constants
_BY_COMMAND: Final = f"SELECT {_COLUMNS} FROM approval_request WHERE client = %s AND command_id = %s"  # noqa: S608
_BY_NUMBER: Final = f"SELECT {_COLUMNS} FROM approval_request WHERE request = %s"  # noqa: S608
_OF_OBJECT: Final = f"""
    SELECT {_COLUMNS} FROM approval_request
    WHERE object_kind = %s AND object_id = %s AND status IN ('pending', 'approved') ORDER BY request
"""  # noqa: S608
#: Newest first, below a request's number; of one status or of all, of one client or of all.
_PAGE: Final = f"""
    SELECT {_COLUMNS} FROM approval_request
    WHERE request < %(before)s AND (%(status)s::text IS NULL OR status = %(status)s)
      AND (%(client)s::integer IS NULL OR client = %(client)s)
    ORDER BY request DESC LIMIT %(limit)s
"""  # noqa: S608
_OPEN: Final = """
    SELECT request, status FROM approval_request
    WHERE lane = %(lane)s AND (status = 'approved' OR (status = 'pending' AND lapses_at <= %(now)s))
    ORDER BY request LIMIT %(limit)s
"""
_COUNT_OPEN: Final = """
    SELECT count(*) FROM approval_request WHERE lane = %s AND status IN ('pending', 'approved')
"""
_STEPS: Final = """
    SELECT request, step, time, coalesce(person, 0) AS person, coalesce(name, '') AS name, action, note
    FROM approval_step LEFT JOIN person USING (person) WHERE request = ANY(%s) ORDER BY request, step
"""
_ADD_STEP: Final = """
    INSERT INTO approval_step (request, step, time, person, action, note)
    SELECT %(request)s, coalesce(max(step), 0) + 1, %(time)s, nullif(%(person)s::integer, 0), %(action)s, %(note)s
    FROM approval_step WHERE request = %(request)s
"""
_SET_STATUS: Final = "UPDATE approval_request SET status = %(status)s, ended_at = %(ended_at)s WHERE request = %(request)s"
_SETTLE: Final = """
    UPDATE approval_request SET status = %(status)s, ended_at = %(ended_at)s, outcome_seq = %(seq)s,
           outcome_state = %(state)s, outcome_reason = %(reason)s
    WHERE request = %(request)s
"""
_RENEW: Final = """
    UPDATE approval_request SET status = %(status)s, needed = %(needed)s, sent_id = %(sent_id)s, attempts = attempts + 1
    WHERE request = %(request)s
"""
_ROW: Final = "SELECT state, reason FROM journal_at(%s, %s)"


async def add(connection: Connection, wish: NewRequest) -> Request | None:
    """Store a new request; None when the client has one with this command id."""
    values = {**wish._asdict(), "command": Jsonb(wish.command), "summary": Jsonb(wish.summary)}
    return await _one(connection, _ADD, values)


async def by_command(connection: Connection, client: int, command_id: uuid.UUID) -> Request | None:
    """The client's request with a command id."""
    return await _one(connection, _BY_COMMAND, (client, command_id))


async def by_number(connection: Connection, request: int, *, lock: bool = False) -> Request | None:
    """A request; with ``lock`` nobody else changes it until the transaction ends."""
    return await _one(connection, _BY_NUMBER + (" FOR UPDATE" if lock else ""), (request,))


async def pending_of(connection: Connection, object_kind: str, object_id: str) -> list[Request]:
    """The requests about an object that have not ended, oldest first."""
    return await _all(connection, _OF_OBJECT, (object_kind, object_id))


async def page(connection: Connection, status: str | None, client: int | None, before: int, limit: int) -> list[Request]:
    """Requests below a number, newest first; ``client`` None = of all."""
    return await _all(connection, _PAGE, {"status": status, "client": client, "before": before, "limit": limit})


async def count_open(connection: Connection, lane: int) -> int:
    """How many requests of a lane have not ended."""
    row = await (await connection.execute(_COUNT_OPEN, (lane,))).fetchone()
    return 0 if row is None else int(row[0])


async def unfinished(connection: Connection, lane: int, now: datetime, limit: int) -> list[tuple[int, str]]:
    """(number, status) of requests of a lane that are approved but not settled, or should have lapsed."""
    found = await connection.execute(_OPEN, {"lane": lane, "now": now, "limit": limit})
    return [(row[0], row[1]) for row in await found.fetchall()]


async def steps(connection: Connection, requests: Sequence[int]) -> dict[int, list[Step]]:
    """The steps of requests, in order."""
    found: dict[int, list[Step]] = {request: [] for request in requests}
    async with connection.cursor(row_factory=class_row(Step)) as cursor:
        for step in await (await cursor.execute(_STEPS, (list(requests),))).fetchall():
            found[step.request].append(step)
    return found


async def add_step(
    connection: Connection, request: int, action: str, person: int, time: datetime, note: str = ""
) -> None:
    """Keep what was done; the request's row must be locked. ``person`` 0 = the system."""
    values = {"request": request, "action": action, "person": person, "time": time, "note": note}
    await connection.execute(_ADD_STEP, values)


async def set_status(connection: Connection, request: int, status: str, ended_at: datetime | None) -> None:
    """Change the status of a locked request."""
    await connection.execute(_SET_STATUS, {"request": request, "status": status, "ended_at": ended_at})


async def settle(
    connection: Connection, request: int, status: str, ended_at: datetime, seq: int, state: int, reason: int
) -> None:
    """Keep the lane's answer to a locked request."""
    values = {"request": request, "status": status, "ended_at": ended_at, "seq": seq, "state": state, "reason": reason}
    await connection.execute(_SETTLE, values)


async def renew(connection: Connection, request: int, status: str, needed: int, sent_id: uuid.UUID) -> None:
    """Let a locked request go to the lane under another id, with another number of approvers."""
    values = {"request": request, "status": status, "needed": needed, "sent_id": sent_id}
    await connection.execute(_RENEW, values)


async def decided(connection: Connection, lane: int, seq: int) -> tuple[int, int]:
    """State and reason of a journal row."""
    row = await (await connection.execute(_ROW, (lane, seq))).fetchone()
    assert row is not None, f"the lane answered with row {seq}, which the journal does not have"
    return int(row[0]), int(row[1])


async def _one(connection: Connection, statement: str, values: Any) -> Request | None:
    async with connection.cursor(row_factory=class_row(Request)) as cursor:
        return await (await cursor.execute(statement, values)).fetchone()


async def _all(connection: Connection, statement: str, values: Any) -> list[Request]:
    async with connection.cursor(row_factory=class_row(Request)) as cursor:
        return await (await cursor.execute(statement, values)).fetchall()


def numbers(requests: Iterable[Request]) -> list[int]:
    """The numbers of requests."""
    return [request.request for request in requests]
