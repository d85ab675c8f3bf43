"""The common reader and the tails: each row is handled once by each, a slow or failing tail holds up no other, killed or not."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from support.database import Database
from support.edge import until
from support.journal_rows import Book

from penstock.app import office_process
from penstock.app.office import following, jobs
from penstock.app.office.following import READER, Following
from penstock.app.office.jobs import Services
from penstock.app.office_process import Surroundings, open_office
from penstock.contracts.commands import Kind
from penstock.journal import stretches, tails
from penstock.journal.stretches import Mask, Stretch
from penstock.journal.tails import Connection, Progress, Span, Tail, by_columns
from penstock.kit import postgres
from penstock.kit.settings import Settings
from penstock.review.status.actions import read_office

PAYS, FREEZES = int(Kind.PAY), int(Kind.SET_ACCOUNT)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office_process, "_NOTE_PAUSE_S", 0.05)
    monkeypatch.setattr(following, "_PAUSE_S", 0.01)
    monkeypatch.setattr(jobs, "FIRST_PAUSE_S", 0.05)


@pytest.fixture
def book(database: Database) -> Book:
    """A journal, and a table that tails write to: a row twice is an error."""
    with psycopg.connect(database.dsn(postgres.ADMIN), autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE penstock.noted (place bigint GENERATED ALWAYS AS IDENTITY, tail text, seq bigint, UNIQUE (tail, seq))"
        )
        connection.execute("GRANT SELECT, INSERT ON penstock.noted TO penstock_office")
    return Book(database)


def with_tails(
    database: Database, followers: list[Tail], work: Callable[[Services], Awaitable[None]], tail_rows: int = 10, handled: int = 3
) -> None:
    """An office of these tails, and no lane."""

    async def run() -> None:
        settings = replace(
            Settings(), home=Path("/nonexistent"), database_url="postgresql://elsewhere", tail_rows=tail_rows, tail_handled_rows=handled
        )
        around = Surroundings(database.dsn("penstock_office"), Path("/nonexistent/lane.sock"), bytes(16))
        async with open_office(settings, around, lambda _: Following(followers).jobs()) as services:
            await work(services)

    asyncio.run(run())


def of_kind(kind: int) -> tails.Look:
    def wants(stretch: Stretch) -> Mask:
        return stretch.among("kind", kind)

    return by_columns(wants)


def noting(name: str, kind: int, before: Callable[[], Awaitable[None]] | None = None) -> Tail:
    """A tail that notes each row of a kind."""

    async def handle(connection: Connection, span: Span) -> None:
        for row in await tails.read_span(connection, span, f"row.kind = {kind}"):
            await connection.execute("INSERT INTO noted (tail, seq) VALUES (%s, %s)", [name, row.seq])
        if before is not None:
            await before()

    return Tail(name, handle, of_kind(kind))


def grow(book: Book, count: int, *, freeze_every: int = 7) -> None:
    for number in range(count):
        book.row(Kind.SET_ACCOUNT if number % freeze_every == 0 else Kind.PAY)
    book.commit()


def noted(database: Database, name: str) -> list[int]:
    with database.connect("penstock_office") as connection:
        return [seq for (seq,) in connection.execute("SELECT seq FROM noted WHERE tail = %s ORDER BY place", [name]).fetchall()]


def there(database: Database, kind: int) -> list[int]:
    with database.connect("penstock_office") as connection:
        return [seq for (seq,) in connection.execute("SELECT seq FROM journal WHERE kind = %s ORDER BY seq", [kind]).fetchall()]


async def at_end(services: Services, *names: str) -> bool:
    async with services.office.connection() as connection:
        found = await tails.positions(connection, 0)
    return all(name in found and found[name].lag == 0 for name in names)


def test_all_tails_see_what_they_want_once_and_in_order(database: Database, book: Book) -> None:
    followers = [noting("pays", PAYS), noting("freezes", FREEZES), noting("nothing", 99), Tail("all", noting("all", PAYS).handle)]

    async def work(services: Services) -> None:
        for count in (25, 3, 100, 1):
            grow(book, count)
            await until(lambda: at_end(services, "pays", "freezes", "nothing", "all"))

    with_tails(database, followers, work)
    assert noted(database, "pays") == noted(database, "all") == there(database, PAYS)
    assert noted(database, "freezes") == there(database, FREEZES)
    assert noted(database, "nothing") == []


def test_the_journal_is_read_once_for_all(database: Database, book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[tuple[int, int]] = []
    real = stretches.read

    async def counted(connection: Connection, lane: int, after: int, until_: int) -> Stretch:
        reads.append((after, until_))
        return await real(connection, lane, after, until_)

    monkeypatch.setattr(stretches, "read", counted)
    followers = [noting("pays", PAYS), noting("freezes", FREEZES), *(noting(f"idle {number}", 99) for number in range(5))]

    async def work(services: Services) -> None:
        grow(book, 5)
        await until(lambda: at_end(services, *(follower.name for follower in followers)))
        for _ in range(20):
            grow(book, 5)
            await until(lambda: at_end(services, *(follower.name for follower in followers)))

    with_tails(database, followers, work)
    assert sum(end - after for after, end in reads) <= 105 + 30, reads


def test_a_tail_that_fails_holds_up_no_other_and_is_well_again(database: Database, book: Book) -> None:
    broken = asyncio.Event()
    broken.set()

    async def fail() -> None:
        if broken.is_set():
            raise RuntimeError("in the middle")

    async def work(services: Services) -> None:
        for _ in range(5):
            grow(book, 30)
            await until(lambda: at_end(services, "freezes", "nothing"))

        async def told() -> bool:
            async with services.office.connection() as connection:
                state = await read_office(connection, 0)
            bad = {job.job: job.problem for job in state.jobs if job.failures}
            return bad == {"tail:pays": "RuntimeError"} and state.tails["pays"] == Progress(0, 150)

        await until(told)
        assert noted(database, "pays") == []
        broken.clear()
        await until(lambda: at_end(services, "pays"))

    with_tails(database, [noting("pays", PAYS, fail), noting("freezes", FREEZES), noting("nothing", 99)], work)
    assert noted(database, "pays") == there(database, PAYS)
    assert noted(database, "freezes") == there(database, FREEZES)


def test_a_tail_that_cannot_look_holds_up_no_other(database: Database, book: Book) -> None:
    broken = [True]

    def wants(stretch: Stretch) -> Mask:
        if broken[0] and stretch.until > 20:
            raise ValueError("cannot read this")
        return stretch.among("kind", PAYS)

    followers = [Tail("pays", noting("pays", PAYS).handle, by_columns(wants)), noting("freezes", FREEZES)]

    async def work(services: Services) -> None:
        grow(book, 200)
        await until(lambda: at_end(services, "freezes"))
        assert not await at_end(services, "pays")
        broken[0] = False
        await until(lambda: at_end(services, "pays"))

    with_tails(database, followers, work)
    assert noted(database, "pays") == there(database, PAYS)


def test_a_slow_tail_holds_up_no_other_and_reads_for_itself_when_too_much_waits(
    database: Database, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_MOST_SPANS", 3)
    goes_on = asyncio.Event()

    async def work(services: Services) -> None:
        grow(book, 300)
        await until(lambda: at_end(services, "freezes"))
        assert not await at_end(services, "slow")
        goes_on.set()
        await until(lambda: at_end(services, "slow"))

    async def linger() -> None:
        await goes_on.wait()

    with_tails(database, [noting("slow", PAYS, linger), noting("freezes", FREEZES)], work)
    assert noted(database, "slow") == there(database, PAYS)


@pytest.mark.parametrize("seed", range(4))
def test_an_office_that_dies_again_and_again_loses_and_doubles_nothing(database: Database, book: Book, seed: int) -> None:
    """Each time it is broken off somewhere: between stretches, in a look, in a handler, with work put down."""
    dice = random.Random(seed)

    async def linger() -> None:
        await asyncio.sleep(dice.choice((0, 0, 0.005, 0.02)))

    def followers() -> list[Tail]:
        return [noting("pays", PAYS, linger), noting("freezes", FREEZES, linger), noting("nothing", 99)]

    async def dies(_: Services) -> None:
        grow(book, dice.randint(0, 40))
        await asyncio.sleep(dice.random() * 0.25)

    for _ in range(12):
        with_tails(database, followers(), dies, tail_rows=dice.choice((3, 10, 50)), handled=dice.choice((1, 4, 50)))
    with_tails(database, followers(), lambda services: until(lambda: at_end(services, "pays", "freezes", "nothing")))
    assert noted(database, "pays") == there(database, PAYS)
    assert noted(database, "freezes") == there(database, FREEZES)


def test_two_offices_at_once_double_nothing(database: Database, book: Book) -> None:
    async def work(_: Services) -> None:
        async def other(services: Services) -> None:
            for _ in range(10):
                grow(book, 20)
                await asyncio.sleep(0.05)
            await until(lambda: at_end(services, "pays", "nothing"))

        settings = replace(Settings(), home=Path("/nonexistent"), database_url="postgresql://elsewhere", tail_rows=7)
        around = Surroundings(database.dsn("penstock_office"), Path("/nonexistent/lane.sock"), bytes(16))
        jobs_of = Following([noting("pays", PAYS), noting("nothing", 99)]).jobs()
        async with open_office(settings, around, lambda _: jobs_of) as services:
            await other(services)

    with_tails(database, [noting("pays", PAYS), noting("nothing", 99)], work)
    assert noted(database, "pays") == there(database, PAYS)


def test_a_cursor_that_somebody_sets_back_is_followed(database: Database, book: Book) -> None:
    """Queues can be emptied and made anew."""

    async def work(services: Services) -> None:
        grow(book, 50)
        await until(lambda: at_end(services, "pays", "freezes"))
        with psycopg.connect(database.dsn(postgres.ADMIN), autocommit=True) as connection:
            connection.execute("DELETE FROM penstock.noted WHERE tail = 'pays'")
            connection.execute("UPDATE penstock.tail_cursor SET seq = 0 WHERE tail = 'pays'")
        grow(book, 20)
        await until(lambda: at_end(services, "pays", "freezes"))

    with_tails(database, [noting("pays", PAYS), noting("freezes", FREEZES)], work)
    assert noted(database, "pays") == there(database, PAYS)


def test_the_reader_and_each_tail_have_a_job() -> None:
    names = [job.name for job in Following([noting("a", 1), noting("b", 2)]).jobs()]
    assert names == [READER, "tail:a", "tail:b"]
