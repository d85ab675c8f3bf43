"""Routes of the recovery queue: translate only."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from litestar import Request as HttpRequest
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation
from msgspec import Meta

from penstock.contracts import ids as public
from penstock.contracts.ids import MAX_INDEX, BadPublicId, is_uuid7
from penstock.contracts.office import Office
from penstock.contracts.principal import Principal
from penstock.contracts.words import CURRENCY_CODES, TYPES, time_text
from penstock.journal import tails
from penstock.kit.http.problem import from_decoding, wrong_field
from penstock.office.approvals import actions as approvals
from penstock.office.approvals import store as approvals_store
from penstock.office.approvals.views import RequestView
from penstock.review.recovery import access, actions, rules, store, tail
from penstock.review.recovery.actions import Proposal
from penstock.review.recovery.rules import CaseKind, Correction
from penstock.review.recovery.store import Case, Connection
from penstock.review.recovery.views import BankView, ProposalView, RecoveryPage, RecoveryView, Words

Desk = NamedDependency[SkipValidation[Office]]
Caller = NamedDependency[SkipValidation[Principal]]
Incoming = HttpRequest[Any, Any, Any]
StateName = Literal["open", "closed", "dismissed"]
KindName = Literal["duplicate", "stuck_withdrawal", "stuck_refund", "suspense"]
Why = Annotated[str, Meta(min_length=1, max_length=500)]

_USUAL_PAGE: Final = 50
_BOUND: Final = public.Kind.RECOVERY.check  # its cursors are no account's
_FIXES: Final = {
    "id": "send a UUIDv7 that you have made", "reason": "send a text of 1 to 500 characters",
    "correction": "send one of the case's choices, or leave it out",
}  # fmt: skip


class ProposeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which correction is asked for, and why."""

    id: str
    reason: Why
    correction: Literal["reverse", "finish_paid", "finish_unpaid", "move_suspense"] | None = None
    account: Annotated[str, Meta(max_length=64)] | None = None


class DismissBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a case is none."""

    reason: Why


Body = TypeVar("Body", ProposeBody, DismissBody)


@get("/v1/recoveries", summary="List recoveries", tags=["review"])
async def list_recoveries(
    principal: Caller,
    office: Desk,
    # `state` is what the framework calls its own; so the parameter has another name inside
    of_state: Annotated[StateName, QueryParameter(name="state", description="`open`, `closed` or `dismissed`")] = "open",
    kind: Annotated[KindName | None, QueryParameter(description="of one kind; absent = all")] = None,
    cursor: Annotated[str, QueryParameter(description="`next_cursor` of the page before")] = "",
    limit: Annotated[int, QueryParameter(description="cases on the page")] = _USUAL_PAGE,
) -> RecoveryPage:
    """What looks wrong, with the correction that is ready, newest first. Scope: control, approve or operate."""
    access.may_look(principal)
    most = office.settings.page_entries
    if not 1 <= limit <= most:
        raise wrong_field("limit", f"{limit} cases", f"use 1 to {most}")
    before = _before(cursor, office) if cursor else MAX_INDEX
    async with office.connection() as connection:
        stands = [await tails.position(connection, name, office.settings.lane) for name in tail.NAMES]
        found = await store.page(connection, office.settings.lane, of_state, kind or "", before, limit)
    following = office.ids.encode(public.Kind.CURSOR, found[-1].number, _BOUND) if len(found) == limit else None
    return RecoveryPage([_view(case, office) for case in found], following, min(stand.seq for stand in stands))


@get("/v1/recoveries/{recovery:str}", summary="Read a recovery", tags=["review"])
async def read_recovery(recovery: FromPath[str], principal: Caller, office: Desk) -> RecoveryView:
    """A case with its evidence and the approval requests about it. Scope: control, approve or operate."""
    access.may_look(principal)
    async with office.connection() as connection:
        found = await actions.read(connection, office, _number(recovery, office))
        return await _whole(connection, found, office)


@post("/v1/recoveries/{recovery:str}/propose", status_code=202, summary="Ask for a correction", tags=["review"])
async def propose_recovery(
    recovery: FromPath[str], request: Incoming, principal: Caller, office: Desk
) -> Response[RecoveryView]:
    """Ask others to approve a case's correction: 202; 200 where it needs nobody else and was carried out.

    Body: `id, reason, correction?, account?`. Scope: control.
    """
    access.may_act(principal)
    body = _decode(await request.body(), ProposeBody)
    number = _number(recovery, office)
    correction = None if body.correction is None else Correction(body.correction)
    account = 0 if body.account is None else _index(public.Kind.ACCOUNT, "account", body.account, office)
    proposal = Proposal(_command_id(body.id), correction, account, body.reason)
    async with office.connection() as connection:
        found = await actions.propose(connection, office, number, proposal, principal)
        view = await _whole(connection, found, office)
    return Response(view, status_code=202 if view.request else 200)


@post("/v1/recoveries/{recovery:str}/dismiss", status_code=200, summary="Dismiss a recovery", tags=["review"])
async def dismiss_recovery(recovery: FromPath[str], request: Incoming, principal: Caller, office: Desk) -> RecoveryView:
    """Close a case that is none. Body: `reason`. Scope: control."""
    access.may_act(principal)
    body = _decode(await request.body(), DismissBody)
    async with office.connection() as connection:
        found = await actions.dismiss(connection, office, _number(recovery, office), principal.person, body.reason)
        return await _whole(connection, found, office)


#: Everything here, for the application.
ROUTES: Final = (list_recoveries, read_recovery, propose_recovery, dismiss_recovery)


def _decode(body: bytes, kind: type[Body]) -> Body:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise from_decoding(error, fixes=_FIXES) from error


def _command_id(text: str) -> uuid.UUID:
    try:
        found = uuid.UUID(text)
    except ValueError:
        raise wrong_field("id", "not a uuid", _FIXES["id"]) from None
    if not is_uuid7(found):
        raise wrong_field("id", "not of version 7", _FIXES["id"])
    return found


def _number(text: str, office: Office) -> int:
    return _index(public.Kind.RECOVERY, "recovery", text, office)


def _index(kind: public.Kind, field: str, text: str, office: Office) -> int:
    try:
        return office.ids.decode(kind, text)
    except BadPublicId as error:
        raise wrong_field(field, str(error), f"send the {field}'s id as it was given to you") from error


def _before(cursor: str, office: Office) -> int:
    try:
        return office.ids.decode(public.Kind.CURSOR, cursor, bound_to=_BOUND)
    except BadPublicId:
        raise wrong_field("cursor", "not a cursor of recoveries", "use next_cursor of a page of recoveries") from None


async def _whole(connection: Connection, found: Case, office: Office) -> RecoveryView:
    """A case with the requests about it: its own, whatever became of it, and others that wait about its payment."""
    payment = office.ids.encode(public.Kind.PAYMENT, found.payment)
    own: list[RequestView] = []
    if found.request:
        known = await approvals_store.by_number(connection, found.request)
        own = await approvals.show(connection, [known] if known else [], office.ids)
    others = await approvals.pending_views(connection, "payment", payment, office.ids)
    shown = [*own, *(view for view in others if view not in own)]
    return msgspec.structs.replace(_view(found, office), approvals=shown)


def _view(found: Case, office: Office) -> RecoveryView:
    kind, ids = CaseKind(found.kind), office.ids
    until_us = found.closed_us or int(office.now().timestamp() * 1_000_000)
    gap_s, low = found.gap_us / 1e6, found.confidence == "low"
    bank, duplicate = actions.bank_of(found), kind == CaseKind.DUPLICATE
    return RecoveryView(
        recovery=ids.encode(public.Kind.RECOVERY, found.number),
        kind=kind,
        title=Words(*rules.TITLES[kind]),
        explanation=Words(*rules.explanation(kind, gap_s, (until_us - found.since_us) / 1e6, bare=low)),
        confidence=found.confidence,
        state=found.state,
        client=found.client,
        payment=ids.encode(public.Kind.PAYMENT, found.payment),
        type=TYPES[found.payment_type],
        amount_minor=found.amount_minor,
        currency=CURRENCY_CODES[found.currency],
        payer=ids.encode(public.Kind.ACCOUNT, found.payer_account),
        payee=ids.encode(public.Kind.ACCOUNT, found.payee_account),
        since=time_text(found.since_us),
        choices=[str(choice) for choice in rules.CHOICES[kind]],
        proposed=_proposed(found, kind, office),
        repeats=ids.encode(public.Kind.PAYMENT, found.other) if duplicate else None,
        gap_s=gap_s if duplicate else None,
        reference=rules.reference(found.side),
        bank=None if bank is None else BankView(*bank),
        request=ids.encode(public.Kind.APPROVAL, found.request) if found.request else None,
        outcome=found.outcome or None,
        outcome_words=Words(*rules.OUTCOMES[found.outcome]) if found.outcome else None,
        closed=time_text(found.closed_us) if found.closed_us else None,
        closed_by=found.closed_by_name or None,
        note=found.note or None,
    )


def _proposed(found: Case, kind: CaseKind, office: Office) -> ProposalView | None:
    correction = rules.proposal(kind, actions.bank_of(found))
    if found.state != "open" or correction is None:
        return None
    code = CURRENCY_CODES[found.currency]
    if correction != Correction.MOVE_SUSPENSE:
        return ProposalView(correction, found.amount_minor, code, payment=office.ids.encode(public.Kind.PAYMENT, found.payment))
    if not found.owner_account:
        return None
    account = office.ids.encode(public.Kind.ACCOUNT, found.owner_account)
    return ProposalView(correction, found.amount_minor, code, account=account)
