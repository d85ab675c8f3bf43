"""The review queue: what waits is there once, in the right order, and belongs to one person at a time."""

from __future__ import annotations

import asyncio

import pytest
from psycopg import AsyncConnection
from support.database import Database
from support.office import Desk, at_desk, people

from penstock.contracts.commands import Kind, Option
from penstock.contracts.states import State
from penstock.kit.http.problem import Problem
from penstock.kit.settings import BadSetting
from penstock.office.claims.actions import holder_of, refuse_when_held
from penstock.review.reviews import actions, rules, store
from penstock.review.reviews.store import Item
from penstock.review.reviews.tail import make_tail

HOUR = 3_600


async def queue(desk: Desk, most: int = 100) -> list[Item]:
    """The open reviews, read in pages."""
    found: list[Item] = []
    after, soon_us = None, actions.soon_us(desk.office)
    async with desk.office.connection() as connection:
        while page := await store.open_page(connection, 0, soon_us, after, most, now_us=desk.rows.time_us):
            found += page
            last = page[-1]
            after = rules.OpenPlace(soon_us, last.deadline_us <= soon_us, last.weight, last.deadline_us, last.payment)
    return found


def test_near_deadlines_come_first_then_the_largest_expected_loss(database: Database) -> None:
    async def work(desk: Desk) -> None:
        rows = desk.rows
        small = rows.review(16, 17, 1_000_00, 4 * HOUR)
        large = rows.review(16, 17, 9_000_00, 4 * HOUR)
        soon = rows.review(16, 17, 10_00, 20 * 60)
        scored = rows.review(16, 17, 500_00, 4 * HOUR, model_version=1, score=0.5)
        dollars = rows.review(16, 17, 1_000_00, 4 * HOUR, currency=840)
        await desk.catch_up(make_tail(desk.settings), most_rows=2)
        assert [item.payment for item in await queue(desk)] == [soon, scored, large, dollars, small]
        assert [item.payment for item in await queue(desk, most=2)] == [soon, scored, large, dollars, small]
        by_payment = {item.payment: item for item in await queue(desk)}
        assert (by_payment[scored].score, by_payment[scored].expected_loss_minor) == (0.5, 250_00)
        assert (by_payment[large].score, by_payment[large].expected_loss_minor) == (None, 9_000_00 * 50 // 10_000)
        rows.wait(4 * HOUR - 60)
        first, *_ = await queue(desk)
        assert first.payment == scored, "now all are near, and the most is at stake here"

    at_desk(database, work)


def test_each_ending_closes_the_item_with_its_outcome(database: Database) -> None:
    async def work(desk: Desk) -> None:
        rows = desk.rows
        (li,) = people(database, "Li Wei")
        approved, held, rejected, cancelled, due, still = [rows.review(16, 17, 100) for _ in range(6)]
        refused = rows.add(Kind.DECIDE_REVIEW, State.DECLINED, ref_seq=still, reason=1)
        rows.wait(60)
        rows.decide(approved, Option.APPROVE, State.CLEARED, li)
        rows.decide(held, Option.APPROVE, State.HELD, li)
        rows.follow(Kind.CANCEL, held, State.CANCELLED)  # what becomes of it later is not the review's
        rows.decide(rejected, Option.REJECT, State.REJECTED, li)
        rows.follow(Kind.CANCEL, cancelled, State.CANCELLED)
        rows.follow(Kind.EXPIRE, due, State.REJECTED, client=0)
        await desk.catch_up(make_tail(desk.settings), most_rows=3)
        assert refused
        assert [item.payment for item in await queue(desk)] == [still]
        async with desk.office.connection() as connection:
            decided = {item.payment: item for item in await store.decided_page(connection, 0, 2**40, 10)}
        told = {
            payment: (rules.outcome(item.closed_state), rules.decided_how(item.closed_kind), item.decided_by_name)
            for payment, item in decided.items()
        }
        assert told == {
            approved: ("approved", "person", "Li Wei"), held: ("approved", "person", "Li Wei"),
            rejected: ("rejected", "person", "Li Wei"), cancelled: ("cancelled", "payer", ""),
            due: ("rejected", "deadline", ""),
        }  # fmt: skip
        assert 60e6 <= decided[approved].closed_us - decided[approved].opened_us < 61e6

    at_desk(database, work)


def test_rows_seen_again_change_nothing(database: Database) -> None:
    """A cursor that was lost, as after a table was rebuilt: what is known stays, claims included."""

    async def work(desk: Desk) -> None:
        (li,) = people(database, "Li Wei")
        waiting, ended = desk.rows.review(16, 17, 100), desk.rows.review(16, 17, 100)
        desk.rows.decide(ended, Option.REJECT, State.REJECTED, li)
        tail = make_tail(desk.settings)
        await desk.catch_up(tail)
        async with desk.office.connection() as connection:
            await actions.claim(connection, desk.office, waiting, li)
            before = [await store.one(connection, 0, payment) for payment in (waiting, ended)]
        async with desk.backroom.connection() as connection:
            await connection.execute("UPDATE tail_cursor SET seq = 0")
        await desk.catch_up(tail)
        async with desk.office.connection() as connection:
            assert [await store.one(connection, 0, payment) for payment in (waiting, ended)] == before

    at_desk(database, work)


def test_a_claim_keeps_others_away_until_it_ends_by_itself(database: Database) -> None:
    async def work(desk: Desk) -> None:
        li, wang = people(database, "Li Wei", "Wang Fang")
        payment = desk.rows.review(16, 17, 100)
        await desk.catch_up(make_tail(desk.settings))
        office = desk.office
        async with office.connection() as connection:
            assert await holder_of(connection, 0, payment, office.now()) is None
            await actions.claim(connection, office, payment, li)
            held = await holder_of(connection, 0, payment, office.now())
            assert held is not None
            assert (held.person, held.name, held.until_us) == (li, "Li Wei", desk.rows.time_us + 600_000_000)
            for attempt in (actions.claim, actions.unclaim):
                with pytest.raises(Problem) as refused:
                    await attempt(connection, office, payment, wang)
                assert (refused.value.status, refused.value.kind) == (409, "review_claimed")
                assert refused.value.extra == {"claimed_by": "Li Wei", "claimed_until": "2026-03-01T00:10:00.000001Z"}
            with pytest.raises(Problem, match="409 review_claimed"):
                await refuse_when_held(connection, 0, payment, wang, office.now())
            await refuse_when_held(connection, 0, payment, li, office.now())
            desk.rows.wait(601)
            await refuse_when_held(connection, 0, payment, wang, office.now())
            assert (await actions.claim(connection, office, payment, wang)).claimed_by == wang
            assert (await actions.unclaim(connection, office, payment, wang)).claimed_by == 0

    at_desk(database, work, review_claim_s=600)


def test_a_decided_review_cannot_be_claimed(database: Database) -> None:
    async def work(desk: Desk) -> None:
        (li,) = people(database, "Li Wei")
        payment = desk.rows.review(16, 17, 100)
        desk.rows.decide(payment, Option.REJECT, State.REJECTED, li)
        await desk.catch_up(make_tail(desk.settings))
        async with desk.office.connection() as connection:
            with pytest.raises(Problem, match="409 review_ended"):
                await actions.claim(connection, desk.office, payment, li)
            with pytest.raises(Problem, match="404 not_found"):
                await actions.claim(connection, desk.office, 999, li)
            assert await actions.claim_next(connection, desk.office, li) is None

    at_desk(database, work)


def test_two_who_ask_for_the_next_one_at_once_get_two(database: Database) -> None:
    async def work(desk: Desk) -> None:
        persons = people(database, *(f"Reviewer {number}" for number in range(8)))
        payments = [desk.rows.review(16, 17, 100 * (number + 1)) for number in range(6)]
        overdue = desk.rows.review(16, 17, 10_000, deadline_s=0)
        await desk.catch_up(make_tail(desk.settings))

        async def ask(person: int) -> int | None:
            async with desk.office.connection() as connection:
                item = await actions.claim_next(connection, desk.office, person)
            return None if item is None else item.payment

        got = await asyncio.gather(*(ask(person) for person in persons))
        assert sorted(payment for payment in got if payment) == payments, "each once, and what is overdue is the lane's"
        assert overdue not in got

    at_desk(database, work)


def test_the_summary_counts_what_began_in_this_hour(database: Database) -> None:
    async def work(desk: Desk) -> None:
        (li,) = people(database, "Li Wei")
        desk.rows.review(16, 17, 100)
        desk.rows.wait(HOUR)
        desk.rows.review(16, 17, 200, deadline_s=60)
        ended = desk.rows.review(16, 17, 300)
        desk.rows.wait(30)
        desk.rows.decide(ended, Option.APPROVE, State.CLEARED, li)
        await desk.catch_up(make_tail(desk.settings))
        now_us = desk.rows.time_us
        hour_us = now_us // 3_600_000_000 * 3_600_000_000
        async with desk.office.connection() as connection:
            await actions.claim_next(connection, desk.office, li)
            found = await store.figures(
                connection, 0, li, now_us=now_us, soon_us=actions.soon_us(desk.office), hour_us=hour_us, since_us=0
            )
            stake = await store.at_stake(connection, 0)
            empty = await _empty(connection)
        assert (found.open, found.due_soon, found.claimed, found.mine, found.began_this_hour) == (2, 1, 1, 1, 2)
        assert (found.decided, found.median_reviewed_us) == (1, 30_000_001)
        assert stake == {156: 1}
        assert empty == (0, 0, 0, 0, None, 0, 0, None)

    at_desk(database, work)


async def _empty(connection: AsyncConnection[tuple[int, ...]]) -> tuple[object, ...]:
    return tuple(await store.figures(connection, 1, 1, now_us=0, soon_us=0, hour_us=0, since_us=0))


@pytest.mark.parametrize("text", ["", "CNY", "CNY=100", "CNY=100,USD=1,EUR=1,HKD=1,JPY=0", "CNY=a,USD=1,EUR=1,HKD=1,JPY=1"])
def test_rates_that_cannot_be_used_are_refused(text: str) -> None:
    with pytest.raises(BadSetting, match="review_rates"):
        rules.rates(text)


@pytest.mark.parametrize("text", ["x", "W10", "bm90", "WzEsMl0", "==", "é"])
def test_a_cursor_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(rules.BadCursor):
        rules.read_open_cursor(text)


def test_a_cursor_comes_back_as_it_went() -> None:
    place = rules.OpenPlace(5, True, 7, 9, 11)
    assert rules.read_open_cursor(rules.write_cursor(place)) == place
    assert rules.read_decided_cursor(rules.write_cursor(rules.DecidedPlace(3))) == rules.DecidedPlace(3)
