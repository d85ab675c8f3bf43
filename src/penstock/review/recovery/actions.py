"""Asking for a case's correction, and dismissing a case that is none."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np

from penstock.contracts import ids as public
from penstock.contracts.commands import COMMAND, Operation, Query, Status
from penstock.contracts.ids import split_uuid
from penstock.contracts.lane_port import approvals_answer, query
from penstock.contracts.office import Office
from penstock.contracts.principal import Principal
from penstock.contracts.reasons import EXPLANATIONS, Reason
from penstock.contracts.words import CURRENCY_CODES
from penstock.kit.http.problem import Problem, not_found, wrong_field
from penstock.office.approvals import actions as approvals
from penstock.office.approvals import store as approvals_store
from penstock.office.approvals.actions import Wish
from penstock.review.recovery import rules, store
from penstock.review.recovery.rules import Bank, CaseKind, Correction
from penstock.review.recovery.store import Case, Connection

_WAITING: Final = ("pending", "approved")


@dataclass(frozen=True)
class Proposal:
    """What somebody asks for: the command's id, and what the evidence leaves open."""

    command_id: uuid.UUID
    correction: Correction | None
    account: int  # that money in suspense belongs to, 0 = not said
    reason: str


async def read(connection: Connection, office: Office, number: int) -> Case:
    """A case.

    :raises Problem: 404.
    """
    found = await store.one(connection, office.settings.lane, number)
    if found is None:
        raise not_found("recovery")
    return found


def bank_of(found: Case) -> Bank | None:
    """What is known of a case's credit transfer; None = none is known."""
    if found.transfer_state is None:
        return None
    return Bank(
        found.transfer_state, found.transfer_reason or "", found.transfer_asked or 0, found.bank_reference or "",
        found.on_statement,
    )  # fmt: skip


async def propose(
    connection: Connection, office: Office, number: int, proposal: Proposal, principal: Principal
) -> Case:
    """Ask others to approve a case's correction; where nobody needs to, carry it out.

    :raises Problem: 404, 409 when the case has ended or was proposed, 422 when the evidence leaves open what to do.
    """
    found = await read(connection, office, number)
    correction = _choose(found, proposal)
    account = _account(found, correction, proposal)
    record = rules.record(correction, found.payment, account, found.amount_minor, found.currency)
    payload = msgspec.json.encode({"reason": proposal.reason})
    _, answer = await office.lane.ask(query(Query.APPROVALS, 0, 0, operates=True))
    needed = approvals_answer(answer)[Operation.RECOVER]
    if needed == 0:
        _require_open(found.state)
        await _carry_out(office, record, payload, proposal, principal)
    else:
        about = ("account", account, public.Kind.ACCOUNT) if account else ("payment", found.payment, public.Kind.PAYMENT)
        wish = Wish(
            Operation.RECOVER, about[0], office.ids.encode(about[2], about[1]), proposal.command_id, principal.client,
            principal.person, record, payload, _summary(found, correction, account, proposal.reason, office), needed,
        )  # fmt: skip
        await _ask(connection, office, found, wish)
    return await read(connection, office, number)


async def dismiss(connection: Connection, office: Office, number: int, person: int, reason: str) -> Case:
    """Close a case as none.

    :raises Problem: 404, 409 when it has ended or its correction waits for approval.
    """
    lane = office.settings.lane
    async with connection.transaction():
        await _lock(connection, lane, number)
        found = await read(connection, office, number)
        await _require_unasked(connection, found, None)
        await store.dismiss(connection, lane, number, person, reason, int(office.now().timestamp() * 1_000_000))
    return await read(connection, office, number)


async def _ask(connection: Connection, office: Office, found: Case, wish: Wish) -> None:
    """Make the request, one at a time for each case; the same command id is the same request."""
    async with connection.transaction():
        known = await approvals_store.by_command(connection, wish.client, wish.command_id)
        if known is None:
            await _lock(connection, office.settings.lane, found.number)
            await _require_unasked(connection, await read(connection, office, found.number), wish)
        await approvals.request(connection, wish, office.now(), office.settings, office.ids)
        made = await approvals_store.by_command(connection, wish.client, wish.command_id)
        assert made is not None  # it was found or made just now
        await store.set_request(connection, office.settings.lane, found.number, made.request)


async def _lock(connection: Connection, lane: int, number: int) -> None:
    state = await store.lock(connection, lane, number)
    if state is None:
        raise not_found("recovery")
    _require_open(state)


async def _require_unasked(connection: Connection, found: Case, wish: Wish | None) -> None:
    known = await approvals_store.by_number(connection, found.request) if found.request else None
    if known is None or known.status not in _WAITING:
        return
    if wish is None or known.command_id != wish.command_id:
        detail = "Let the request be decided, or withdraw it first."
        raise Problem(409, "recovery_proposed", "The correction waits for approval", detail)


def _require_open(state: str) -> None:
    if state != "open":
        detail = f"The case is {state}. Read it; what was to be put right has been dealt with."
        raise Problem(409, "recovery_ended", "The case has ended", detail, extra={"state_now": state})


def _choose(found: Case, proposal: Proposal) -> Correction:
    kind = CaseKind(found.kind)
    chosen = proposal.correction or rules.proposal(kind, bank_of(found))
    fitting = ", ".join(rules.CHOICES[kind])
    if chosen is None:
        raise wrong_field("correction", "the evidence does not say what the bank did", f"ask the bank, and send one of {fitting}")
    if chosen not in rules.CHOICES[kind]:
        raise wrong_field("correction", f"{chosen} does not fit a case of the kind {kind}", f"send one of {fitting}")
    return chosen


def _account(found: Case, correction: Correction, proposal: Proposal) -> int:
    if correction != Correction.MOVE_SUSPENSE:
        if proposal.account:
            raise wrong_field("account", f"{correction} takes no account", "leave it out")
        return 0
    account = proposal.account or found.owner_account
    if not account:
        raise wrong_field("account", "the journal does not say whose money it is", "send the account that it belongs to")
    return account


def _summary(found: Case, correction: Correction, account: int, reason: str, office: Office) -> dict[str, Any]:
    """The correction as people read it before they approve."""
    named = {
        "command": "recover", "correction": str(correction), "reason": reason, "case": found.kind,
        "recovery": office.ids.encode(public.Kind.RECOVERY, found.number),
        "amount_minor": found.amount_minor, "currency": CURRENCY_CODES[found.currency],
    }  # fmt: skip
    if account:
        return {**named, "account": office.ids.encode(public.Kind.ACCOUNT, account)}
    return {**named, "payment": office.ids.encode(public.Kind.PAYMENT, found.payment)}


async def _carry_out(office: Office, record: bytes, payload: bytes, proposal: Proposal, principal: Principal) -> None:
    """Send the correction at once: the operation needs nobody else.

    :raises Problem: with the reason when the lane refuses it.
    """
    command: Any = np.frombuffer(record, dtype=COMMAND).copy()
    command["id_hi"], command["id_lo"] = split_uuid(proposal.command_id)
    command["client"], command["maker"], command["payload_bytes"] = principal.client, principal.person, len(payload)
    reply, _ = await office.lane.ask(command.tobytes(), payload)
    if reply.reason and reply.status != Status.REPLAYED:
        words = EXPLANATIONS[Reason(reply.reason)]
        raise Problem(words.http, Reason(reply.reason).name.lower(), words.en, words.next_en)
