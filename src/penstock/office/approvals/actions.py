"""Asking for approval, approving, and carrying out what was approved.

The lane counts the approvers by itself and knows a command by its id, so an approved command may be
sent as often as need be: by each approver who comes at the same moment, by a retry, by the sweep.
Every connection here must be in autocommit: what others shall see is committed before the lane is asked.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog

from penstock.contracts.commands import MOST_APPROVERS, Operation, Query, Status
from penstock.contracts.ids import PublicIds
from penstock.contracts.lane_port import Lane, approvals_answer, query
from penstock.contracts.reasons import Reason
from penstock.contracts.words import REASONS
from penstock.kit.http.problem import Problem, not_found
from penstock.kit.settings import Settings
from penstock.office.approvals import rules, store, views
from penstock.office.approvals.rules import Status as Stand
from penstock.office.approvals.store import Connection, Request
from penstock.office.approvals.views import RequestView

log = structlog.get_logger()

#: Most requests that one sweep looks at; the next one goes on.
_SWEEP: Final = 100


@dataclass(frozen=True)
class Wish:
    """A command that needs approval."""

    operation: Operation
    #: What it is about, such as ``account`` and its public id: the request is listed there.
    object_kind: str
    object_id: str
    #: The maker's command id, a UUIDv7.
    command_id: uuid.UUID
    client: int
    person: int
    #: The ``COMMAND`` record; maker, approvals, id and client are filled in when it is sent.
    record: bytes
    payload: bytes
    #: What approvers are shown, as JSON.
    summary: dict[str, Any]
    #: How many approvers the lane says it needs now, from 1.
    needed: int


async def request(connection: Connection, wish: Wish, now: datetime, settings: Settings, ids: PublicIds) -> RequestView:
    """Ask for approval; the same command id with the same content is the same request.

    :raises Problem: 403 without a person, 409 for an id with other content, 422 for an id too old, 429 when too many wait.
    """
    assert 1 <= wish.needed <= MOST_APPROVERS
    rules.require_person(wish.person)
    known = await store.by_command(connection, wish.client, wish.command_id)
    found = known or await _add(connection, wish, now, settings)
    if not _same(found, wish):
        raise rules.other_content()
    return await _view(connection, found, ids)


async def _add(connection: Connection, wish: Wish, now: datetime, settings: Settings) -> Request:
    new = store.NewRequest(
        settings.lane, wish.client, wish.command_id, wish.operation, wish.object_kind, wish.object_id, wish.person,
        rules.content(wish.record), wish.payload, wish.summary, wish.needed,
        now, rules.lapses_at(wish.command_id, now, settings.approval_ttl_s),
    )  # fmt: skip
    if await store.count_open(connection, settings.lane) >= settings.approvals_open_max:
        raise rules.too_many_open(settings.approvals_open_max)
    async with connection.transaction():
        added = await store.add(connection, new)
        if added is not None:
            await store.add_step(connection, added.request, "asked", wish.person, now)
            return added
    first = await store.by_command(connection, wish.client, wish.command_id)
    assert first is not None, "requests are never deleted"
    return first


def _same(found: Request, wish: Wish) -> bool:
    """Whether a wish is the one that a request was made of."""
    asked = (found.maker, found.operation, found.object_kind, found.object_id, found.command, found.payload)
    wished = (wish.person, wish.operation, wish.object_kind, wish.object_id, rules.content(wish.record), wish.payload)
    return asked == wished


async def approve(connection: Connection, lane: Lane, number: int, person: int, now: datetime, note: str = "") -> Request:
    """Approve a request; the one who makes the number full has it carried out.

    When the lane cannot be reached the request stays approved: the same call again, or the sweep, carries it out.

    :raises Problem: 403 for one's own, 404, 409 for the second time or a request that has ended.
    """
    _need_autocommit(connection)
    async with connection.transaction():
        found = await _open(connection, number, now)
        rules.require_other(found, person)
        steps = (await store.steps(connection, [number]))[number]
        retried = found.status == Stand.APPROVED and person in rules.approvers(steps)
        if found.status == Stand.PENDING:
            rules.require_first(steps, person)
            await store.add_step(connection, number, "approved", person, now, note)
            if len(rules.approvers(steps)) + 1 >= found.needed:
                await store.set_status(connection, number, Stand.APPROVED, None)
    if not retried:
        rules.require_pending(found)
    try:
        return await carry_out(connection, lane, number, now)
    except Problem as problem:
        log.warning("approved_not_carried_out", request=number, problem=problem.kind, then="retry, or the sweep")
        return await _read(connection, number)


async def reject(connection: Connection, number: int, person: int, now: datetime, note: str = "") -> Request:
    """Decide against a request.

    :raises Problem: 403 for one's own, 404, 409 when it has ended.
    """
    return await _end(connection, number, person, now, note, Stand.REJECTED)


async def withdraw(connection: Connection, number: int, person: int, now: datetime, note: str = "") -> Request:
    """Take one's own request back.

    :raises Problem: 403 for somebody else's, 404, 409 when it has ended.
    """
    return await _end(connection, number, person, now, note, Stand.WITHDRAWN)


async def _end(connection: Connection, number: int, person: int, now: datetime, note: str, status: Stand) -> Request:
    _need_autocommit(connection)
    async with connection.transaction():
        found = await _open(connection, number, now)
        (rules.require_maker if status == Stand.WITHDRAWN else rules.require_other)(found, person)
        if found.status == Stand.PENDING:
            await store.add_step(connection, number, status, person, now, note)
            await store.set_status(connection, number, status, now)
    rules.require_pending(found)
    return await _read(connection, number)


async def carry_out(connection: Connection, lane: Lane, number: int, now: datetime) -> Request:
    """Send an approved command and keep the lane's answer; whoever comes second finds it kept.

    :raises Problem: 429 or 503 when the lane cannot be asked; the request stays approved.
    """
    _need_autocommit(connection)
    found = await _read(connection, number)
    while found.status == Stand.APPROVED:
        steps = (await store.steps(connection, [number]))[number]
        reply, _ = await lane.ask(rules.sealed(found, rules.approvers(steps)), found.payload)
        state, reason = reply.state, reply.reason
        if reply.status == Status.REPLAYED:
            state, reason = await store.decided(connection, found.lane, reply.seq)
        if reason == Reason.APPROVALS_MISSING and found.attempts < rules.MOST_ATTEMPTS:
            needed = approvals_answer((await lane.ask(query(Query.APPROVALS, found.client, 0, operates=True)))[1])
            found = await _renew(connection, found, needed[Operation(found.operation)], now)
        else:
            found = await _settle(connection, found, reply.seq, state, reason, now)
    return found


async def _settle(connection: Connection, sent: Request, seq: int, state: int, reason: int, now: datetime) -> Request:
    """Keep the lane's answer, unless another sender has."""
    status = Stand.REFUSED if reason else Stand.DONE
    async with connection.transaction():
        found = await _locked(connection, sent.request)
        if (found.status, found.sent_id) == (Stand.APPROVED, sent.sent_id):
            await store.add_step(connection, sent.request, status, 0, now, REASONS[reason] if reason else "")
            await store.settle(connection, sent.request, status, now, seq, state, reason)
    return await _read(connection, sent.request)


async def _renew(connection: Connection, sent: Request, needed: int, now: datetime) -> Request:
    """The number of approvers was raised meanwhile: wait for the others, and go under another id then."""
    async with connection.transaction():
        found = await _locked(connection, sent.request)
        if (found.status, found.sent_id) == (Stand.APPROVED, sent.sent_id):
            given = len(rules.approvers((await store.steps(connection, [sent.request]))[sent.request]))
            enough = given >= needed
            await store.add_step(connection, sent.request, "raised", 0, now, f"{needed} approvers needed")
            status = Stand.APPROVED if enough else Stand.PENDING
            await store.renew(connection, sent.request, status, max(needed, 1), rules.renewed_id(found, now))
    return await _read(connection, sent.request)


async def finish_approved(connection: Connection, lane: Lane, now: datetime, lane_number: int) -> int:
    """Carry out what is approved but was not carried out, and let lapse what was not approved in time; one sweep.

    :return: how many requests were looked at.
    """
    _need_autocommit(connection)
    found = await store.unfinished(connection, lane_number, now, _SWEEP)
    for number, status in found:
        try:
            if status == Stand.APPROVED:
                await carry_out(connection, lane, number, now)
            else:
                await _lapse(connection, number, now)
        except Problem as problem:
            log.warning("approved_not_carried_out", request=number, problem=problem.kind, then="the next sweep")
            break
    return len(found)


async def _lapse(connection: Connection, number: int, now: datetime) -> None:
    async with connection.transaction():
        await _open(connection, number, now)


async def pending_views(connection: Connection, object_kind: str, object_id: str, ids: PublicIds) -> list[RequestView]:
    """The requests about an object that have not ended, as they are listed on it."""
    return await show(connection, await store.pending_of(connection, object_kind, object_id), ids)


async def show(connection: Connection, requests: Sequence[Request], ids: PublicIds) -> list[RequestView]:
    """Requests with their steps."""
    steps = await store.steps(connection, store.numbers(requests))
    return [views.view(found, steps[found.request], ids) for found in requests]


async def _view(connection: Connection, found: Request, ids: PublicIds) -> RequestView:
    return (await show(connection, [found], ids))[0]


async def _read(connection: Connection, number: int) -> Request:
    found = await store.by_number(connection, number)
    if found is None:
        raise not_found("approval request")
    return found


async def _locked(connection: Connection, number: int) -> Request:
    found = await store.by_number(connection, number, lock=True)
    if found is None:
        raise not_found("approval request")
    return found


async def _open(connection: Connection, number: int, now: datetime) -> Request:
    """A locked request; when its time is over it lapses here."""
    found = await _locked(connection, number)
    if found.status == Stand.PENDING and found.lapses_at <= now:
        await store.add_step(connection, number, Stand.LAPSED, 0, now)
        await store.set_status(connection, number, Stand.LAPSED, now)
        return found._replace(status=Stand.LAPSED, ended_at=now)
    return found


def _need_autocommit(connection: Connection) -> None:
    assert connection.autocommit, "approvals must be committed before the lane is asked: connect with autocommit"
