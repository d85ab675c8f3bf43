"""The recovery queue: what looks wrong becomes a case, what only resembles it does not, and what is right again closes."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from support.database import Database
from support.office import Desk, at_desk, people

from penstock.contracts.commands import Flag, Kind, Option
from penstock.contracts.states import State
from penstock.kit.http.problem import Problem
from penstock.review.recovery import actions, store, tail
from penstock.review.recovery.rules import Bank, CaseKind, Correction, proposal
from penstock.review.recovery.store import Case

LI, SHOP, OTHER = 16, 17, 18
RENT = {"reference": "rent of May"}


async def cases(desk: Desk, state: str = "open") -> list[Case]:
    async with desk.office.connection() as connection:
        return await store.page(connection, 0, state, "", 2**40, 100)


async def duplicates(desk: Desk, most_rows: int = 1_000) -> list[tuple[int, int, str]]:
    """The open cases as (payment, the one that it repeats, confidence), after the tail has caught up."""
    await desk.catch_up(tail.duplicates_tail(desk.settings), most_rows)
    return [(case.payment, case.other, case.confidence) for case in reversed(await cases(desk))]


@pytest.mark.parametrize("most_rows", [1, 2, 1_000])
def test_the_same_charge_twice_within_the_window_is_a_case(database: Database, most_rows: int) -> None:
    async def work(desk: Desk) -> None:
        first = desk.rows.pay(LI, SHOP, 500, side=RENT)
        desk.rows.wait(12)
        second = desk.rows.pay(LI, SHOP, 500, side={**RENT, "metadata": {"try": "2"}})
        desk.rows.wait(500)
        third = desk.rows.pay(LI, SHOP, 500, side=RENT)
        assert await duplicates(desk, most_rows) == [(second, first, "high"), (third, second, "high")]
        case = (await cases(desk))[1]
        assert (case.amount_minor, case.payer_account, case.payee_account, case.gap_us) == (500, LI, SHOP, 12_000_001)

    at_desk(database, work)


def test_payments_that_only_resemble_each_other_are_no_duplicates(database: Database) -> None:
    async def work(desk: Desk) -> None:
        pay = desk.rows.pay
        pay(LI, SHOP, 500, side=RENT)
        pay(LI, SHOP, 500, side={"reference": "rent of June"})  # as of a subscription
        pay(LI, SHOP, 500)  # one without a reference is not the one with it
        pay(LI, SHOP, 501, side=RENT)
        pay(LI, OTHER, 500, side=RENT)
        pay(OTHER, SHOP, 500, side=RENT)
        pay(LI, SHOP, 500, side=RENT, payment_type=2)
        pay(LI, SHOP, 500, State.HELD, side=RENT)
        pay(LI, SHOP, 500, State.DECLINED, side=RENT, reason=1)
        pay(LI, SHOP, 700, side={"metadata": {"order": "1"}})
        pay(LI, SHOP, 700, side={"metadata": {"order": "2"}})
        desk.rows.wait(601)
        pay(LI, SHOP, 500, side=RENT)
        assert await duplicates(desk) == []

    at_desk(database, work)


def test_without_references_only_a_short_while_counts_and_with_low_confidence(database: Database) -> None:
    async def work(desk: Desk) -> None:
        first = desk.rows.pay(LI, SHOP, 500)
        desk.rows.wait(30)
        second = desk.rows.pay(LI, SHOP, 500)
        desk.rows.wait(61)
        desk.rows.pay(LI, SHOP, 500)
        assert await duplicates(desk) == [(second, first, "low")]

    at_desk(database, work)


@pytest.mark.parametrize("most_rows", [1, 1_000])
@pytest.mark.parametrize(("kind", "state"), [
    (Kind.REFUND, State.REFUNDED), (Kind.RETURN, State.RETURNED), (Kind.CHARGEBACK, State.CHARGED_BACK),
])  # fmt: skip
def test_what_was_given_back_before_repeats_nothing(database: Database, kind: Kind, state: State, most_rows: int) -> None:
    """Cancelled by the shop and paid anew: the second one is the only one."""

    async def work(desk: Desk) -> None:
        desk.rows.follow(kind, desk.rows.pay(LI, SHOP, 500, side=RENT), state)
        desk.rows.pay(LI, SHOP, 500, side=RENT)
        assert await duplicates(desk, most_rows) == []
        desk.rows.follow(Kind.CANCEL, desk.rows.pay(LI, SHOP, 900, State.HELD, side=RENT), State.CANCELLED)
        desk.rows.pay(LI, SHOP, 900, side=RENT)
        assert await duplicates(desk, most_rows) == []

    at_desk(database, work)


@pytest.mark.parametrize("kind", [Kind.CLEAR, Kind.EXPIRE, Kind.DECIDE_REVIEW])
def test_a_payment_that_clears_later_is_compared_when_it_clears(database: Database, kind: Kind) -> None:
    async def work(desk: Desk) -> None:
        held = desk.rows.pay(LI, SHOP, 500, State.HELD, side=RENT)
        desk.rows.wait(7_200)
        paid = desk.rows.pay(LI, SHOP, 500, side=RENT)
        assert await duplicates(desk) == []
        desk.rows.follow(kind, held, State.CLEARED)
        assert await duplicates(desk) == [(held, paid, "high")]

    at_desk(database, work)


@pytest.mark.parametrize(("which", "kind", "state", "outcome"), [
    ("second", Kind.RECOVER, State.REVERSED, "corrected"),
    ("second", Kind.REFUND, State.REFUNDED, "given_back"),
    ("first", Kind.REFUND, State.REFUNDED, "other_given_back"),
])  # fmt: skip
def test_a_case_closes_by_itself_when_one_of_the_two_is_given_back(
    database: Database, which: str, kind: Kind, state: State, outcome: str
) -> None:
    async def work(desk: Desk) -> None:
        pair = {name: desk.rows.pay(LI, SHOP, 500, side=RENT) for name in ("first", "second")}
        assert len(await duplicates(desk)) == 1
        desk.rows.follow(Kind.REFUND, pair[which], State.CLEARED, left_minor=400)
        assert len(await duplicates(desk)) == 1, "a part was given back; the rest is still too much"
        ending = desk.rows.follow(kind, pair[which], state)
        assert await duplicates(desk) == []
        closed = await cases(desk, "closed")
        assert [(case.outcome, case.closed_seq) for case in closed] == [(outcome, ending)]

    at_desk(database, work)


def test_a_tail_that_is_days_behind_finds_the_same_and_keeps_a_bounded_window(database: Database) -> None:
    async def work(desk: Desk) -> None:
        found = []
        for _ in range(5):
            first, second = (desk.rows.pay(LI, SHOP, 500, side=RENT) for _ in range(2))
            found.append((second, first, "high"))
            desk.rows.wait(86_400)
        assert await duplicates(desk, most_rows=3) == found
        async with desk.backroom.connection() as connection:
            left = await (await connection.execute("SELECT count(*) FROM recovery_recent")).fetchone()
            assert left == (2,)
            await connection.execute("UPDATE tail_cursor SET seq = 0")
        assert await duplicates(desk, most_rows=4) == found, "seen again, nothing is doubled"

    at_desk(database, work)


async def stuck(desk: Desk) -> list[tuple[str, int, int]]:
    """The open cases at the bank as (kind, payment, amount), after tail and look have caught up."""
    await desk.catch_up(tail.bank_tail(), 2)
    async with desk.backroom.connection() as connection:
        await tail.tell_stuck(connection, 0, desk.rows.time_us, desk.settings)
    return [(case.kind, case.payment, case.amount_minor) for case in reversed(await cases(desk))]


def test_withdrawals_and_refunds_without_an_answer_in_time_are_cases(database: Database) -> None:
    async def work(desk: Desk) -> None:
        rows = desk.rows
        stuck_withdrawal = rows.withdraw_by_bank(LI, 300)
        answered = rows.withdraw_by_bank(LI, 301)
        reviewed = rows.withdraw_by_bank(LI, 302, State.REVIEW)
        deposit = rows.deposit(LI, 900)
        rows.follow(Kind.REFUND, deposit, State.REFUNDING, flags=Flag.RAIL, held_minor=400)
        rows.pay(LI, SHOP, 303, State.HELD)  # an ordinary hold is not at the bank
        rows.wait(3_000)
        rows.follow(Kind.CLEAR, answered, State.CLEARED)
        rows.follow(Kind.DECIDE_REVIEW, reviewed, State.HELD)
        assert await stuck(desk) == []
        rows.wait(601)
        assert await stuck(desk) == [("stuck_withdrawal", stuck_withdrawal, 300), ("stuck_refund", deposit, 400)]
        assert await stuck(desk) == await stuck(desk)
        rows.wait(3_000)
        assert ("stuck_withdrawal", reviewed, 302) in await stuck(desk)

    at_desk(database, work)


def test_a_stuck_case_closes_with_the_answer_and_a_second_refund_is_a_case_of_its_own(database: Database) -> None:
    async def work(desk: Desk) -> None:
        rows = desk.rows
        withdrawal, deposit = rows.withdraw_by_bank(LI, 300), rows.deposit(LI, 900)
        rows.follow(Kind.REFUND, deposit, State.REFUNDING, flags=Flag.RAIL, held_minor=400)
        rows.wait(3_601)
        assert len(await stuck(desk)) == 2
        rows.follow(Kind.RELEASE, withdrawal, State.RELEASED)
        rows.follow(Kind.RECOVER, deposit, State.CLEARED, option=Option.FINISH_PAID)
        assert await stuck(desk) == []
        told = {case.kind: case.outcome for case in await cases(desk, "closed")}
        assert told == {"stuck_withdrawal": "answered", "stuck_refund": "corrected"}
        rows.follow(Kind.REFUND, deposit, State.REFUNDING, flags=Flag.RAIL, held_minor=500)
        rows.wait(3_601)
        assert await stuck(desk) == [("stuck_refund", deposit, 500)]

    at_desk(database, work)


def test_a_tail_that_is_behind_calls_nothing_stuck_that_was_answered(database: Database) -> None:
    async def work(desk: Desk) -> None:
        withdrawal = desk.rows.withdraw_by_bank(LI, 300)
        desk.rows.wait(100)
        desk.rows.follow(Kind.CLEAR, withdrawal, State.CLEARED)
        desk.rows.wait(86_400)
        async with desk.backroom.connection() as connection:
            await tail.tails.advance(connection, tail.bank_tail(), 0, 1)  # only the withdrawal has been read
            assert await tail.tell_stuck(connection, 0, desk.rows.time_us, desk.settings) == 0
        assert await stuck(desk) == []

    at_desk(database, work)


def test_credits_to_suspense_are_cases_until_the_money_has_moved(database: Database) -> None:
    async def work(desk: Desk) -> None:
        rows = desk.rows
        unknown = rows.deposit(3, 700, flags=Flag.TO_SUSPENSE)
        payment = rows.pay(LI, SHOP, 500)
        refund = rows.follow(
            Kind.REFUND, payment, State.REFUNDED, moved_minor=500, payee_account=3, flags=Flag.TO_SUSPENSE
        )
        await desk.catch_up(tail.suspense_tail(), 1)
        found = {case.seq: case for case in await cases(desk)}
        assert {seq: (case.payment, case.owner_account, case.amount_minor) for seq, case in found.items()} == {
            unknown: (unknown, 0, 700), refund: (payment, LI, 500),
        }  # fmt: skip
        move = {"option": Option.MOVE_SUSPENSE, "payer_account": 3, "currency": 156}
        rows.add(Kind.RECOVER, State.DONE, payee_account=OTHER, moved_minor=500, **move)  # for somebody else
        rows.add(Kind.RECOVER, State.DECLINED, payee_account=LI, moved_minor=0, reason=1, **move)
        await desk.catch_up(tail.suspense_tail())
        assert len(await cases(desk)) == 2
        rows.add(Kind.RECOVER, State.DONE, payee_account=LI, moved_minor=500, **move)
        rows.add(Kind.RECOVER, State.DONE, payee_account=OTHER, moved_minor=700, **move)
        await desk.catch_up(tail.suspense_tail())
        assert [case.seq for case in await cases(desk)] == [unknown], "whose 700 those were, nobody has said"

    at_desk(database, work)


def test_money_moved_by_the_request_made_of_a_case_closes_it(database: Database) -> None:
    async def work(desk: Desk) -> None:
        (li,) = people(database, "Li Wei")
        desk.rows.deposit(3, 700, flags=Flag.TO_SUSPENSE)
        ours = desk.rows.deposit(3, 700, flags=Flag.TO_SUSPENSE)
        await desk.catch_up(tail.suspense_tail())
        sent = uuid.UUID(int=77)
        (number,) = [case.number for case in await cases(desk) if case.seq == ours]
        async with desk.backroom.connection() as connection:
            made = await connection.execute(
                "INSERT INTO approval_request (lane, client, command_id, sent_id, operation, object_kind, object_id, maker, "
                "command, payload, summary, needed, made_at, lapses_at) VALUES (0, 1, %s, %s, 3, 'account', 'acc', %s, "
                "'{}', '', '{}', 1, now(), now()) RETURNING request", (uuid.UUID(int=76), sent, li),
            )  # fmt: skip
            request = await made.fetchone()
            assert request is not None
            await store.set_request(connection, 0, number, request[0])
        desk.rows.add(
            Kind.RECOVER, State.DONE, payee_account=LI, moved_minor=700, option=Option.MOVE_SUSPENSE, currency=156,
            command_id=sent,
        )  # fmt: skip
        await desk.catch_up(tail.suspense_tail())
        closed = await cases(desk, "closed")
        assert [(case.seq, case.outcome) for case in closed] == [(ours, "corrected")]

    at_desk(database, work)


def test_a_dismissed_case_stays_dismissed(database: Database) -> None:
    async def work(desk: Desk) -> None:
        (li,) = people(database, "Li Wei")
        for _ in range(2):
            desk.rows.pay(LI, SHOP, 500, side=RENT)
        await duplicates(desk)
        (case,) = await cases(desk)
        async with desk.office.connection() as connection:
            ended = await actions.dismiss(connection, desk.office, case.number, li, "two tickets")
            assert (ended.state, ended.outcome, ended.closed_by_name, ended.note) == (
                "dismissed", "dismissed", "Li Wei", "two tickets",
            )  # fmt: skip
            with pytest.raises(Problem, match="409 recovery_ended"):
                await actions.dismiss(connection, desk.office, case.number, li, "again")
            with pytest.raises(Problem, match="404 not_found"):
                await actions.dismiss(connection, desk.office, 99, li, "nothing")
        async with desk.backroom.connection() as connection:
            await connection.execute("UPDATE tail_cursor SET seq = 0")
        assert await duplicates(desk) == []

    at_desk(database, work)


@pytest.mark.parametrize(("bank", "expected"), [
    (None, None),
    (Bank("open", "", 3, "", on_statement=False), None),
    (Bank("open", "", 3, "", on_statement=True), Correction.FINISH_PAID),
    (Bank("paid", "", 3, "B1", on_statement=False), Correction.FINISH_PAID),
    (Bank("rejected", "AC04", 1, "", on_statement=False), Correction.FINISH_UNPAID),
    (Bank("rejected", "AC04", 1, "", on_statement=True), Correction.FINISH_PAID),
])  # fmt: skip
def test_what_is_proposed_for_a_stuck_payment_is_what_the_bank_is_known_to_have_done(bank: Any, expected: Any) -> None:
    assert proposal(CaseKind.STUCK_REFUND, bank) is expected
