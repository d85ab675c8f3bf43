"""Routes of the review queue: translate only. A review is decided by the command ``review-decision``."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation

from penstock.contracts import ids as public
from penstock.contracts.ids import MAX_INDEX
from penstock.contracts.office import Office
from penstock.contracts.principal import Principal
from penstock.contracts.reading import Reading
from penstock.contracts.words import CURRENCY_CODES, KINDS, TYPES, time_text
from penstock.journal import tails
from penstock.kit.http.problem import wrong_field
from penstock.office.approvals.actions import pending_views
from penstock.review.reviews import access, actions, rules, store, tail
from penstock.review.reviews.rules import BadCursor, DecidedPlace, OpenPlace
from penstock.review.reviews.store import Connection, Item
from penstock.review.reviews.views import NextView, ReviewPage, ReviewView, SummaryView

Desk = NamedDependency[SkipValidation[Office]]
Given = NamedDependency[SkipValidation[Reading]]
Caller = NamedDependency[SkipValidation[Principal]]
Which = Literal["open", "mine", "decided"]

_USUAL_PAGE: Final = 50
_HOUR_US: Final = 3_600_000_000
_DAY_US: Final = 24 * _HOUR_US


@get("/v1/reviews", summary="List reviews", tags=["review"])
async def list_reviews(
    principal: Caller,
    office: Desk,
    reading: Given,
    which: Annotated[Which, QueryParameter(description="`open` in the queue's order, `mine` of them, or `decided`, newest first")] = "open",
    cursor: Annotated[str, QueryParameter(description="`next_cursor` of the page before")] = "",
    limit: Annotated[int, QueryParameter(description="reviews on the page")] = _USUAL_PAGE,
) -> ReviewPage:
    """Payments that wait for a person: near deadlines first, then the largest expected loss. Scope: review or operate."""
    access.may_look(principal)
    if not 1 <= limit <= reading.page_entries:
        raise wrong_field("limit", f"{limit} reviews", f"use 1 to {reading.page_entries}")
    async with office.connection() as connection:
        as_of_seq = await _as_of_seq(connection, office)
        if which == "decided":
            before = _read_decided(cursor).closed_seq if cursor else MAX_INDEX
            found = await store.decided_page(connection, office.settings.lane, before, limit)
            place: OpenPlace | DecidedPlace | None = DecidedPlace(found[-1].closed_seq) if found else None
        else:
            after = _read_open(cursor) if cursor else None
            soon_us = after.soon_us if after else actions.soon_us(office)
            found = await store.open_page(
                connection, office.settings.lane, soon_us, after, limit, now_us=actions.now_us(office),
                person=principal.person if which == "mine" else 0,
            )  # fmt: skip
            place = _place(found[-1], soon_us) if found else None
    shown = [_view(item, principal, office, reading) for item in found]
    return ReviewPage(shown, rules.write_cursor(place) if place and len(found) == limit else None, as_of_seq)


@get("/v1/reviews/summary", summary="The review queue in numbers", tags=["review"])
async def summarise_reviews(principal: Caller, office: Desk, reading: Given) -> SummaryView:
    """What waits, what is at stake, and this hour's reviews against the policy's number. Scope: review or operate."""
    access.may_look(principal)
    now_us, policy, lane = actions.now_us(office), reading.policy(), office.settings.lane
    async with office.connection() as connection:
        as_of_seq = await _as_of_seq(connection, office)
        found = await store.figures(
            connection, lane, principal.person, now_us=now_us, soon_us=actions.soon_us(office),
            hour_us=now_us // _HOUR_US * _HOUR_US, since_us=now_us - _DAY_US,
        )  # fmt: skip
        stake = await store.at_stake(connection, lane)
    return SummaryView(
        found.open, found.due_soon, found.claimed, found.mine, _time(found.oldest_us or 0),
        {CURRENCY_CODES[currency]: loss for currency, loss in stake.items()},
        found.began_this_hour, policy.reviews_per_hour, policy.review_overflow, found.decided,
        None if found.median_reviewed_us is None else found.median_reviewed_us / 1e6, as_of_seq,
    )  # fmt: skip


@get("/v1/reviews/{payment:str}", summary="Read a review", tags=["review"])
async def read_review(payment: FromPath[str], principal: Caller, office: Desk, reading: Given) -> ReviewView:
    """A review, open or decided, with the approval requests about it. Scope: review or operate."""
    access.may_look(principal)
    seq = reading.decode(public.Kind.PAYMENT, "payment", payment)
    async with office.connection() as connection:
        found = await actions.read(connection, office, seq)
        requests = await pending_views(connection, "payment", payment, office.ids)
    return msgspec.structs.replace(_view(found, principal, office, reading), approvals=requests)


@post("/v1/reviews/{payment:str}/claim", status_code=200, summary="Claim a review", tags=["review"])
async def claim_review(payment: FromPath[str], principal: Caller, office: Desk, reading: Given) -> ReviewView:
    """Work on a review alone until the claim ends; again = for longer. 409 when another person holds it. Scope: review."""
    access.may_claim(principal)
    seq = reading.decode(public.Kind.PAYMENT, "payment", payment)
    async with office.connection() as connection:
        found = await actions.claim(connection, office, seq, principal.person)
    return _view(found, principal, office, reading)


@post("/v1/reviews/{payment:str}/unclaim", status_code=200, summary="Give a claimed review back", tags=["review"])
async def unclaim_review(payment: FromPath[str], principal: Caller, office: Desk, reading: Given) -> ReviewView:
    """Let others work on a review that one has claimed. Scope: review."""
    access.may_claim(principal)
    seq = reading.decode(public.Kind.PAYMENT, "payment", payment)
    async with office.connection() as connection:
        found = await actions.unclaim(connection, office, seq, principal.person)
    return _view(found, principal, office, reading)


@post("/v1/reviews/next", status_code=200, summary="Claim the next review", tags=["review"])
async def claim_next_review(principal: Caller, office: Desk, reading: Given) -> NextView:
    """Claim the first review of the queue that nobody holds; null when none waits. Scope: review."""
    access.may_claim(principal)
    async with office.connection() as connection:
        found = await actions.claim_next(connection, office, principal.person)
    return NextView(None if found is None else _view(found, principal, office, reading))


#: Everything here, for the application.
ROUTES: Final = (list_reviews, summarise_reviews, read_review, claim_review, unclaim_review, claim_next_review)


async def _as_of_seq(connection: Connection, office: Office) -> int:
    return (await tails.position(connection, tail.NAME, office.settings.lane)).seq


def _place(item: Item, soon_us: int) -> OpenPlace:
    return OpenPlace(soon_us, item.deadline_us <= soon_us, item.weight, item.deadline_us, item.payment)


def _read_open(cursor: str) -> OpenPlace:
    try:
        return rules.read_open_cursor(cursor)
    except BadCursor:
        raise wrong_field("cursor", "not a cursor of open reviews", "use next_cursor of a page of the same kind") from None


def _read_decided(cursor: str) -> DecidedPlace:
    try:
        return rules.read_decided_cursor(cursor)
    except BadCursor:
        raise wrong_field("cursor", "not a cursor of decided reviews", "use next_cursor of a page of the same kind") from None


def _view(item: Item, principal: Principal, office: Office, reading: Reading) -> ReviewView:
    now_us = actions.now_us(office)
    ended, held = item.closed_seq > 0, item.claimed_until_us > now_us and item.closed_seq == 0
    return ReviewView(
        payment=reading.ids.encode(public.Kind.PAYMENT, item.payment),
        command=KINDS[item.kind],
        client=item.client,
        type=TYPES[item.payment_type],
        amount_minor=item.amount_minor,
        currency=CURRENCY_CODES[item.currency],
        payer=reading.account(item.payer_account),
        payee=reading.account(item.payee_account),
        state="decided" if ended else "open",
        urgent=not ended and item.deadline_us <= actions.soon_us(office),
        opened=time_text(item.opened_us),
        deadline=time_text(item.deadline_us),
        default=rules.default_of(reading.policy(), item.payment_type, item.currency),
        expected_loss_minor=item.expected_loss_minor,
        expected_loss_basis="prior" if item.score is None else "score",
        score=item.score,
        reference=rules.reference(item.side),
        claimed_by=(item.claimed_by_name or None) if held else None,
        claimed_until=time_text(item.claimed_until_us) if held else None,
        mine=held and item.claimed_by == principal.person,
        outcome=rules.outcome(item.closed_state) if ended else None,
        decided_by=item.decided_by_name or None,
        decided_how=rules.decided_how(item.closed_kind) if ended else None,
        decided=_time(item.closed_us),
        reviewed_s=(item.closed_us - item.opened_us) / 1e6 if ended else None,
    )


def _time(time_us: int) -> str | None:
    return time_text(time_us) if time_us else None
