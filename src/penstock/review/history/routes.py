"""Reading routes of payments and accounts: translate only."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation
from msgspec.structs import replace

from penstock.contracts import ids as public
from penstock.contracts.commands import Flag, Query
from penstock.contracts.ids import BadPublicId
from penstock.contracts.lane_port import AccountAnswer, account_answer, payment_answer
from penstock.contracts.money import CURRENCIES
from penstock.contracts.principal import Principal
from penstock.contracts.reading import Reading
from penstock.contracts.words import CURRENCY_CODES, KINDS, REASONS, STATES, TYPES, time_text
from penstock.kit.http.problem import not_found, wrong_field
from penstock.office.approvals.actions import pending_views
from penstock.office.approvals.views import RequestView
from penstock.review.history import rules, store
from penstock.review.history.access import may_read, may_see_inside, may_see_payment
from penstock.review.history.store import Row
from penstock.review.history.views import AccountView, Page, PaymentView

Given = NamedDependency[SkipValidation[Reading]]
Caller = NamedDependency[SkipValidation[Principal]]
_ACCOUNT_KINDS: Final = {1: "customer", 2: "settlement", 3: "fees", 4: "suspense", 5: "customer"}
_FEES: Final = 3
_CLOSED: Final = 5
_USUAL_PAGE: Final = 50
#: Events of one payment that are read; a hold that was cleared in more parts shows the newest.
_MOST_EVENTS: Final = 10_000


@get("/v1/accounts/{account:str}", summary="Read an account", tags=["review"])
async def read_account(account: FromPath[str], principal: Caller, reading: Given) -> AccountView:
    """Balance, holds and freezes of an account; to the operator's people also what waits for approval."""
    may_read(principal)
    index, found, as_of_seq = await _account(account, principal, reading)
    customer = reading.ids.encode(public.Kind.CUSTOMER, found.customer) if found.customer else None
    pending = await _pending("account", account, principal, reading)
    return AccountView(
        reading.account(index), _ACCOUNT_KINDS[found.kind], CURRENCIES[found.currency_slot].code,
        found.available_minor, found.held_minor, found.open_holds, found.opened_seq, found.last_seq, as_of_seq,
        found.kind == _CLOSED, rules.freezes(found, reading.time_us()), pending, customer,
    )  # fmt: skip


@get("/v1/accounts/{account:str}/entries", summary="Read an account's history", tags=["review"])
async def read_entries(
    account: FromPath[str],
    principal: Caller,
    reading: Given,
    cursor: Annotated[str, QueryParameter(description="`next_cursor` of the page before")] = "",
    limit: Annotated[int, QueryParameter(description="entries on the page")] = _USUAL_PAGE,
) -> Page:
    """The account's history, newest first, by walking the links of the journal's rows."""
    may_read(principal)
    if not 1 <= limit <= reading.page_entries:
        raise wrong_field("limit", f"{limit} entries", f"use 1 to {reading.page_entries}")
    index, found, as_of_seq = await _account(account, principal, reading)
    start = _start(cursor, index, reading) if cursor else found.last_seq
    rows: list[Row] = []
    people: rules.People = None
    if start:
        async with reading.journal() as connection:
            rows = await store.account_rows(connection, reading.lane_number, index, start, limit)
            people = await _people(connection, rows, principal)
    if start and not (rows and rules.is_of(rows[0], index, takes_fees=found.kind == _FEES)):
        raise _bad_cursor()
    return _page(rows, people, index, found, as_of_seq, reading)


@get("/v1/payments/{payment:str}", summary="Read a payment", tags=["review"])
async def read_payment(payment: FromPath[str], principal: Caller, reading: Given) -> PaymentView:
    """A payment's state, sums and events; readable by the client that sent it and the one that receives it."""
    may_read(principal)
    seq = reading.decode(public.Kind.PAYMENT, "payment", payment)
    payload, as_of_seq = await reading.ask(Query.PAYMENT, principal, seq)
    assert payload is not None  # the lane answers for any number
    known = payment_answer(payload)
    async with reading.journal() as connection:
        first = await store.row(connection, reading.lane_number, seq)
        if first is None or seq > as_of_seq or rules.payment_seq(first) != seq:
            raise not_found("payment")
        if not await may_see_payment(first, principal, reading):
            raise not_found("payment")
        last_seq = known.last_seq or await store.last_closed(connection, reading.lane_number, seq)
        rows = await store.payment_rows(connection, reading.lane_number, last_seq, _MOST_EVENTS)
        labelled = known.label_seq if may_see_inside(first, principal) else 0
        label = await store.row(connection, reading.lane_number, labelled) if labelled else None
        people = await _people(connection, [*rows, label] if label else rows, principal)
    pending = await _pending("payment", payment, principal, reading)
    shown = _payment_view(first, rows, people, pending, as_of_seq, reading)
    if not may_see_inside(first, principal):
        return shown
    return replace(shown, label=rules.label(label, people) if label else None, origin=rules.origin(first))


async def _people(connection: store.Connection, rows: list[Row], principal: Principal) -> rules.People:
    return await store.people(connection, rows) if principal.works_here else None


async def _pending(kind: str, text: str, principal: Principal, reading: Reading) -> list[RequestView]:
    """The requests for approval that concern an object, for the operator's people."""
    if not principal.works_here:
        return []
    async with reading.journal() as connection:
        return await pending_views(connection, kind, text, reading.ids)


async def _account(text: str, principal: Principal, reading: Reading) -> tuple[int, AccountAnswer, int]:
    index = reading.decode(public.Kind.ACCOUNT, "account", text)
    payload, as_of_seq = await reading.ask(Query.ACCOUNT, principal, index)
    if payload is None:
        raise not_found("account")
    return index, account_answer(payload), as_of_seq


def _start(cursor: str, account: int, reading: Reading) -> int:
    try:
        return reading.ids.decode(public.Kind.CURSOR, cursor, bound_to=account)
    except BadPublicId:
        raise _bad_cursor() from None


def _bad_cursor() -> Exception:
    return wrong_field("cursor", "not a cursor of this account", "use next_cursor of a page of the same account")


def _page(
    rows: list[Row], people: rules.People, index: int, found: AccountAnswer, as_of_seq: int, reading: Reading
) -> Page:
    before = rules.previous_seq(rows[-1], index) if rows else 0
    cursor = reading.ids.encode(public.Kind.CURSOR, before, bound_to=index) if before else None

    def name_payment(seq: int) -> str:
        return reading.ids.encode(public.Kind.PAYMENT, seq)

    entries = [rules.entry(row, index, reading.account, name_payment, people) for row in rows]
    return Page(reading.account(index), CURRENCIES[found.currency_slot].code, entries, cursor, as_of_seq)


def _payment_view(
    first: Row, rows: list[Row], people: rules.People, pending: list[RequestView], as_of_seq: int, reading: Reading
) -> PaymentView:
    newest = rows[0]
    counted, side, due_us = rules.sums(rows, first), rules.side(first), rules.due_us(rows)
    return PaymentView(
        payment=reading.ids.encode(public.Kind.PAYMENT, first.seq),
        command=KINDS[first.kind],
        state=STATES[newest.state],
        reason=REASONS[newest.reason],
        reason_code=newest.reason,
        type=TYPES[first.payment_type] if first.payment_type else None,
        currency=CURRENCY_CODES[first.currency],
        amount_minor=first.amount_minor,
        cleared_minor=counted.cleared,
        released_minor=counted.released,
        remaining_minor=0 if first.reason else first.amount_minor - counted.cleared - counted.released,
        held_minor=counted.held,
        fee_minor=counted.fee,
        given_back_minor=counted.given_back,
        refundable_minor=newest.left_minor,
        time=time_text(first.time_us),
        events=[rules.event(row, people) for row in reversed(rows)],
        as_of_seq=as_of_seq,
        approvals_pending=pending,
        events_left_out=rows[-1].seq != first.seq,
        arrival=rules.arrival(first),
        payer=reading.account(first.payer_account) or None,
        payee=reading.account(first.payee_account) or None,
        expires=time_text(due_us) if due_us else None,
        reference=side.reference,
        metadata=side.metadata,
        to=side.to,
        to_suspense=bool(first.flags & Flag.TO_SUSPENSE),
    )
