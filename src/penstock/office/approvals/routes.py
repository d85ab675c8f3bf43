"""Routes of approvals: translate only."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request as HttpRequest
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation
from msgspec import Meta

from penstock.contracts import ids as public
from penstock.contracts.ids import MAX_INDEX, BadPublicId
from penstock.contracts.office import Office
from penstock.contracts.principal import Principal
from penstock.kit.http.problem import from_decoding, not_found, wrong_field
from penstock.office.approvals import access, actions, store
from penstock.office.approvals.store import Connection, Request
from penstock.office.approvals.views import RequestPage, RequestView

Given = NamedDependency[SkipValidation[Office]]
Caller = NamedDependency[SkipValidation[Principal]]
Number = FromPath[str]
Incoming = HttpRequest[Any, Any, Any]
StatusName = Literal["pending", "approved", "done", "refused", "rejected", "withdrawn", "lapsed"]

_USUAL_PAGE: Final = 50
_BOUND: Final = public.Kind.APPROVAL.check  # its cursors are no account's
_FIXES: Final = {"note": "send a text of at most 500 characters, or no body at all"}


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody adds in words."""

    note: Annotated[str, Meta(max_length=500)] = ""


_DECISION: Final = msgspec.json.Decoder(Decision)


@get("/v1/approvals", summary="List approval requests", tags=["office"])
async def list_requests(
    principal: Caller,
    office: Given,
    status: Annotated[StatusName | None, QueryParameter(description="of one status; absent = all")] = None,
    cursor: Annotated[str, QueryParameter(description="`next_cursor` of the page before")] = "",
    limit: Annotated[int, QueryParameter(description="requests on the page")] = _USUAL_PAGE,
) -> RequestPage:
    """Requests, newest first; the operator's people see all, others those of their client."""
    client = access.visible_client(principal)
    if not 1 <= limit <= office.settings.page_entries:
        raise wrong_field("limit", f"{limit} requests", f"use 1 to {office.settings.page_entries}")
    before = _before(cursor, office) if cursor else MAX_INDEX
    async with office.connection() as connection:
        found = await store.page(connection, status, client, before, limit)
        shown = await actions.show(connection, found, office.ids)
    more = len(found) == limit and found[-1].request > 1
    following = office.ids.encode(public.Kind.CURSOR, found[-1].request, bound_to=_BOUND) if more else None
    return RequestPage(shown, following)


@get("/v1/approvals/{number:str}", summary="Read an approval request", tags=["office"])
async def read_request(number: Number, principal: Caller, office: Given) -> RequestView:
    """A request, each step of it, and what came of it."""
    async with office.connection() as connection:
        found = await _visible(connection, number, principal, office)
        return await _shown(connection, found, office)


@post("/v1/approvals/{number:str}/approve", status_code=200, summary="Approve a request", tags=["office"])
async def approve_request(number: Number, request: Incoming, principal: Caller, office: Given) -> RequestView:
    """Approve what somebody else asked for; the last approval needed has it carried out. Body: `note?`. Scope: approve."""
    access.may_decide(principal)
    note = _note(await request.body())
    async with office.connection() as connection:
        found = await _visible(connection, number, principal, office)
        ended = await actions.approve(connection, office.lane, found.request, principal.person, office.now(), note)
        return await _shown(connection, ended, office)


@post("/v1/approvals/{number:str}/reject", status_code=200, summary="Reject a request", tags=["office"])
async def reject_request(number: Number, request: Incoming, principal: Caller, office: Given) -> RequestView:
    """Decide against what somebody else asked for; nothing is done. Body: `note?`. Scope: approve."""
    access.may_decide(principal)
    note = _note(await request.body())
    async with office.connection() as connection:
        found = await _visible(connection, number, principal, office)
        ended = await actions.reject(connection, found.request, principal.person, office.now(), note)
        return await _shown(connection, ended, office)


@post("/v1/approvals/{number:str}/withdraw", status_code=200, summary="Take a request back", tags=["office"])
async def withdraw_request(number: Number, request: Incoming, principal: Caller, office: Given) -> RequestView:
    """The one who asked takes the request back; nothing is done. Body: `note?`."""
    note = _note(await request.body())
    async with office.connection() as connection:
        found = await _visible(connection, number, principal, office)
        ended = await actions.withdraw(connection, found.request, principal.person, office.now(), note)
        return await _shown(connection, ended, office)


#: Everything here, for the application.
ROUTES: Final = (list_requests, read_request, approve_request, reject_request, withdraw_request)


async def _visible(connection: Connection, number: str, principal: Principal, office: Office) -> Request:
    try:
        index = office.ids.decode(public.Kind.APPROVAL, number)
    except BadPublicId as error:
        raise wrong_field("request", str(error), "send the approval request's id as it was given to you") from error
    found = await store.by_number(connection, index)
    if found is None:
        raise not_found("approval request")
    access.may_see(principal, found)
    return found


async def _shown(connection: Connection, found: Request, office: Office) -> RequestView:
    return (await actions.show(connection, [found], office.ids))[0]


def _note(body: bytes) -> str:
    if not body:
        return ""
    try:
        return _DECISION.decode(body).note
    except msgspec.DecodeError as error:
        raise from_decoding(error, fixes=_FIXES) from error


def _before(cursor: str, office: Office) -> int:
    try:
        return office.ids.decode(public.Kind.CURSOR, cursor, bound_to=_BOUND)
    except BadPublicId:
        raise wrong_field("cursor", "not a cursor of approvals", "use next_cursor of a page of approvals") from None
