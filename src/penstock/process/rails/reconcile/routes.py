"""Routes of the comparison with the bank: translate only."""

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
from penstock.process.rails.reconcile import access, actions, store, views
from penstock.process.rails.reconcile.views import DifferencePage, DifferenceView, ReconciliationView

Given = NamedDependency[SkipValidation[Office]]
Caller = NamedDependency[SkipValidation[Principal]]
Number = FromPath[str]
Incoming = HttpRequest[Any, Any, Any]
StateName = Literal["open", "resolved"]

_USUAL_PAGE: Final = 50
_BOUND: Final = public.Kind.DIFFERENCE.check  # its cursors are no account's
_FIXES: Final = {"note": "say in 1 to 500 characters what was done about it"}


class Resolution(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was done about a difference."""

    note: Annotated[str, Meta(min_length=1, max_length=500)]


_RESOLUTION: Final = msgspec.json.Decoder(Resolution)


@get("/v1/reconciliations", summary="Days compared with the bank", tags=["process"])
async def list_reconciliations(
    principal: Caller,
    office: Given,
    limit: Annotated[int, QueryParameter(description="days")] = _USUAL_PAGE,
) -> list[ReconciliationView]:
    """The newest days first. Scope: control or operate."""
    access.may_look(principal)
    _check_limit(limit, office)
    async with office.connection() as connection:
        found = await store.reconciliations(connection, office.settings.lane, limit)
    return [views.reconciliation_view(row) for row in found]


@get("/v1/differences", summary="Differences from the bank's statements", tags=["process"])
async def list_differences(
    principal: Caller,
    office: Given,
    # `state` is what the framework calls its own; so the parameter has another name inside
    of_state: Annotated[StateName | None, QueryParameter(name="state", description="of one state; absent = all")] = None,
    cursor: Annotated[str, QueryParameter(description="`next_cursor` of the page before")] = "",
    limit: Annotated[int, QueryParameter(description="differences on the page")] = _USUAL_PAGE,
) -> DifferencePage:
    """Newest first. Scope: control or operate."""
    access.may_look(principal)
    _check_limit(limit, office)
    before = _decode(office, public.Kind.CURSOR, "cursor", cursor, _BOUND) if cursor else MAX_INDEX
    async with office.connection() as connection:
        found = await store.differences(connection, office.settings.lane, of_state, before, limit)
    more = len(found) == limit and found[-1].difference > 1
    following = office.ids.encode(public.Kind.CURSOR, found[-1].difference, bound_to=_BOUND) if more else None
    return DifferencePage([views.difference_view(row, office.ids) for row in found], following)


@get("/v1/differences/{number:str}", summary="Read a difference", tags=["process"])
async def read_difference(number: Number, principal: Caller, office: Given) -> DifferenceView:
    """One difference. Scope: control or operate."""
    access.may_look(principal)
    index = _decode(office, public.Kind.DIFFERENCE, "difference", number)
    async with office.connection() as connection:
        found = await store.difference(connection, office.settings.lane, index)
    if found is None:
        raise not_found("difference")
    return views.difference_view(found, office.ids)


@post("/v1/differences/{number:str}/resolve", status_code=200, summary="Resolve a difference", tags=["process"])
async def resolve_difference(number: Number, request: Incoming, principal: Caller, office: Given) -> DifferenceView:
    """Close a difference and say what was done about it. Body: `note`. Scope: control."""
    access.may_resolve(principal)
    try:
        note = _RESOLUTION.decode(await request.body()).note
    except msgspec.DecodeError as error:
        raise from_decoding(error, fixes=_FIXES) from error
    index = _decode(office, public.Kind.DIFFERENCE, "difference", number)
    return views.difference_view(await actions.resolve(office, index, principal.person, note), office.ids)


#: Everything here, for the application.
ROUTES: Final = (list_reconciliations, list_differences, read_difference, resolve_difference)


def _check_limit(limit: int, office: Office) -> None:
    if not 1 <= limit <= office.settings.page_entries:
        raise wrong_field("limit", f"{limit} rows", f"use 1 to {office.settings.page_entries}")


def _decode(office: Office, kind: public.Kind, field: str, text: str, bound_to: int = 0) -> int:
    try:
        return office.ids.decode(kind, text, bound_to=bound_to)
    except BadPublicId as error:
        raise wrong_field(field, str(error), f"send the {field} as it was given to you") from error
