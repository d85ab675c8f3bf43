"""Duplicates are found in memory first: exactly those that a comparison of all payments in the database finds."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.database import Database
from support.office import Desk, at_desk

from penstock.contracts.commands import Kind
from penstock.contracts.states import State
from penstock.journal import stretches, tails
from penstock.journal.tails import Connection, Span, Tail
from penstock.kit import postgres
from penstock.kit.settings import Settings
from penstock.review.recovery import finding, rules, store
from penstock.review.recovery.duplicates import DUPLICATES, duplicates_tail
from penstock.review.recovery.recent import Looks, Recent

WINDOW = {"duplicate_window_s": 60, "duplicate_bare_window_s": 10}
_CLEARING = (Kind.CLEAR, Kind.EXPIRE, Kind.DECIDE_REVIEW)
_BACK = ((Kind.REFUND, State.REFUNDED), (Kind.RETURN, State.RETURNED), (Kind.RECOVER, State.REVERSED))


def compare_all(limits: Settings) -> Tail:
    """The same tail as it was before: every payment that cleared is put into the database and compared there."""
    window_us, bare_us = limits.duplicate_window_s * 1_000_000, limits.duplicate_bare_window_s * 1_000_000

    async def handle(connection: Connection, span: Span) -> None:
        cleared = await finding.cleared(connection, span)
        await finding.remember(connection, span.lane, [(found, *rules.sameness(found)) for found in cleared])
        back = await finding.given_back(connection, span)
        await finding.set_gone(connection, span.lane, back)
        await finding.add_repeated(connection, span.lane, [found.payment for found in cleared], window_us, bare_us)
        for ended in back:
            outcome = "corrected" if ended.kind == Kind.RECOVER else "given_back"
            await store.close_duplicates(connection, [store.Closing(span.lane, ended.payment, ended.seq, ended.time_us, outcome)])
        await finding.forget(connection, span.lane, await finding.last_time_us(connection, span) - window_us)

    return Tail(DUPLICATES, handle)


def live(desk: Desk, dice: random.Random, count: int) -> None:
    """A history in which few parties pay few amounts, at once or later, with words or without, and give some back."""
    rows, held, paid = desk.rows, [], []
    for _ in range(count):
        rows.wait(dice.choice((0.0, 0.5, 3.0, 9.0, 25.0)))
        what = dice.random()
        side = dice.choice((None, None, {"reference": "a"}, {"reference": "b"}, {"metadata": {"x": "1"}}, {"reference": "a", "metadata": {"y": "2"}}, {"note": "n"}))
        pair = (dice.choice((16, 17)), 18, dice.choice((500, 500, 700)))
        if what < 0.6:
            paid.append(rows.pay(*pair, side=side))
        elif what < 0.7:
            held.append(rows.pay(*pair, State.HELD, side=side))
        elif what < 0.8 and held:
            paid.append(held.pop(dice.randrange(len(held))))
            rows.follow(dice.choice(_CLEARING), paid[-1], State.CLEARED)
        elif what < 0.9 and paid:
            kind, state = dice.choice(_BACK)
            rows.follow(kind, paid.pop(dice.randrange(len(paid))), state)
        else:
            rows.deposit(16, 10)


async def cases(desk: Desk) -> list[tuple[Any, ...]]:
    async with desk.office.connection() as connection:
        found = [case for state in ("open", "closed") for case in await store.page(connection, 0, state, "", 2**40, 1_000)]
    return sorted((case.payment, case.other, case.gap_us, case.confidence, case.state, case.outcome, case.closed_seq) for case in found)


def forget(database: Database) -> None:
    """As if the tail had never been."""
    with psycopg.connect(database.dsn(postgres.ADMIN), autocommit=True) as connection:
        connection.execute("TRUNCATE penstock.recovery_recent, penstock.recovery_case, penstock.tail_cursor")


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("most_rows", [1, 7, 1_000])
def test_it_finds_what_a_comparison_of_all_finds(database: Database, seed: int, most_rows: int) -> None:
    async def work(desk: Desk) -> None:
        live(desk, random.Random(seed), 120)
        await desk.catch_up(compare_all(desk.settings), most_rows)
        expected = await cases(desk)
        assert len(expected) > 5
        forget(database)
        await desk.catch_up(duplicates_tail(desk.settings), most_rows)
        assert await cases(desk) == expected

    at_desk(database, work, **WINDOW)


@pytest.mark.parametrize("seed", range(4))
def test_it_finds_the_same_after_restarts(database: Database, seed: int) -> None:
    """The memory is gone after each step, and is read anew from the journal."""

    async def work(desk: Desk) -> None:
        dice = random.Random(seed)
        live(desk, dice, 80)
        await desk.catch_up(compare_all(desk.settings), 5)
        expected = await cases(desk)
        forget(database)
        async with desk.backroom.connection() as connection:
            for _ in range(desk.rows.seq // 5 + 1):
                tail = duplicates_tail(desk.settings)
                if dice.random() < 0.5:
                    assert tail.warm is not None
                    await tail.warm(connection, 0, (await tails.position(connection, DUPLICATES, 0)).seq)
                await tails.advance(connection, tail, 0, 5)
        assert await cases(desk) == expected

    at_desk(database, work, **WINDOW)


def test_after_a_restart_no_more_than_the_window_is_read(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    real = stretches.read

    async def counted(connection: Connection, lane: int, after: int, until: int) -> stretches.Stretch:
        read.append(until - after)
        return await real(connection, lane, after, until)

    async def work(desk: Desk) -> None:
        live(desk, random.Random(1), 100)
        desk.rows.wait(3_600)
        live(desk, random.Random(2), 3)
        await desk.catch_up(duplicates_tail(desk.settings))
        tail = duplicates_tail(desk.settings)
        assert tail.warm is not None
        monkeypatch.setattr(stretches, "read", counted)
        async with desk.backroom.connection() as connection:
            await tail.warm(connection, 0, desk.rows.seq)
        assert 0 < sum(read) <= 5

    at_desk(database, work, **WINDOW)


payments = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2), st.booleans(), st.integers(1, 4)), min_size=1, max_size=200)


@settings(max_examples=200, deadline=None)
@given(payments, st.integers(1, 40), st.integers(0, 60), st.data())
def test_the_memory_knows_the_nearest(rows: list[tuple[int, int, bool, int]], block: int, window: int, data: st.DataObject) -> None:
    """Against a search through all: also when blocks come again, and when it has to grow."""
    seqs = np.cumsum([row[3] for row in rows])
    payer, amount, wordless = (np.array([row[place] for row in rows]) for place in range(3))

    def looks(chosen: Any) -> Looks:
        one = np.ones(int(chosen.sum()), np.int64)
        return Looks(seqs[chosen], payer[chosen], one, amount[chosen], one, one, wordless[chosen])

    recent, last = Recent(1 << 18), int(seqs[-1])
    for after in range(0, last, block):
        until = min(after + block, last)
        if data.draw(st.booleans()):
            recent.grow(1 << data.draw(st.integers(16, 18)))
        for _ in range(data.draw(st.integers(1, 2))):
            chosen = (seqs > after) & (seqs <= until)
            recent.add(after, until, after, looks(chosen))
            nearest, worded = recent.nearest(seqs[chosen], np.full(int(chosen.sum()), after - window))
            for place, seq in enumerate(np.flatnonzero(chosen)):
                same = [n for n in range(seq) if seqs[n] > after - window and (payer[n], amount[n]) == (payer[seq], amount[seq])]
                assert nearest[place] == max((seqs[n] for n in same), default=0)
                if not wordless[seq]:
                    assert worded[place] == max((seqs[n] for n in same if not wordless[n]), default=0)
