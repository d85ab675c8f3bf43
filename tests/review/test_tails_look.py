"""What a tail says that it wants holds each row that it would do something with: its look skips nothing."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql
from support.database import Database
from support.journal_rows import Book
from support.office import Desk, at_desk

from penstock.contracts.commands import Flag, Kind, Option
from penstock.contracts.states import STARTS, State
from penstock.journal.tails import Tail
from penstock.kit import postgres
from penstock.process.rails.tail import make_tail as rails_tail
from penstock.review.events.store import owners_tail
from penstock.review.explanation import tail as publications
from penstock.review.recovery import tail as recovery
from penstock.review.reviews import tail as reviews
from penstock.review.webhooks.tail import webhooks_tail

CLIENTS = (1, 2, 3)
TABLES = (
    "review_item", "publication", "recovery_waiting", "recovery_case", "rail_transfer", "rail_booking", "customer_owner",
    "account_owner", "webhook_delivery",
)  # fmt: skip
#: What differs between two runs over the same journal.
NUMBERED = {"number", "changed_at", "begun_at", "due_at"}
TAILS: dict[str, Callable[[Desk], Tail]] = {
    "reviews": lambda desk: reviews.make_tail(desk.settings),
    "publications": lambda _: publications.make_tail(),
    "bank": lambda _: recovery.bank_tail(),
    "suspense": lambda _: recovery.suspense_tail(),
    "rails": lambda desk: rails_tail(desk.office.ids, CLIENTS[0]),
    "owners": lambda _: owners_tail(),
    "webhooks": lambda desk: webhooks_tail(desk.office.now),
}


def any_rows(database: Database, dice: random.Random, count: int) -> None:
    """Rows of all kinds, states, options and flags, some of them refused, about each other and about strangers."""
    book = Book(database)
    for client in CLIENTS:
        for _ in range(2):
            book.account(client, asked_by=dice.choice(CLIENTS))
    pairs = [(kind, state) for kind in Kind for state in State]
    dice.shuffle(pairs)
    begun: list[int] = []
    for number in range(count):
        kind, state = pairs[number % len(pairs)]
        first = dice.choice((0, 0, dice.randint(1, book.last_seq), dice.choice(begun) if begun else 0))
        amount = dice.choice((1, 500))
        book.row(
            kind, state, client=dice.choice((0, *CLIENTS)), option=dice.choice([*Option, Option.MOVE_SUSPENSE, Option.FINISH_PAID]),
            reason=dice.choice((0, 0, 0, 7)), flags=any_flags(dice),
            ref_seq=first, ref_prev_seq=dice.choice((0, first, first, max(first - 1, 0))), amount_minor=amount,
            moved_minor=dice.choice((0, amount)), held_minor=amount if kind == Kind.REFUND else dice.choice((0, amount)), currency=156,
            payment_type=dice.randint(0, 4), payer_account=dice.randint(0, book.accounts), payee_account=dice.randint(0, book.accounts),
            customer=dice.randint(0, book.customers), policy_version=book.last_seq,
            model_version=dice.choice((0, book.last_seq)), expires_us=dice.choice((0, 1)),
        )  # fmt: skip
        book.accounts += kind == Kind.OPEN_ACCOUNT
        begun += [book.last_seq] * (kind in STARTS)
    book.row(Kind.WITHDRAW, State.HELD, client=1, flags=Flag.RAIL, amount_minor=5, held_minor=5, currency=156, payer_account=16)
    book.commit()


def any_flags(dice: random.Random) -> int:
    return sum(dice.sample([int(flag) for flag in Flag], dice.randint(0, 3))) | dice.choice((0, int(Flag.RAIL)))


def endpoints(database: Database, choice: str) -> None:
    """Endpoints of one client for everything, of another for a few types, or of an operator."""
    rows = {
        "none": [],
        "clients": [(2, False, []), (3, False, ["payment.declined", "account.*"])],
        "operator": [(1, True, ["payment.*"])],
    }[choice]
    statement = (
        "INSERT INTO webhook (client, all_clients, url, description, types, made_at) VALUES (%s, %s, 'https://x.org', '', %s, '2020-01-01')"
    )
    with database.connect("penstock_edge") as connection:
        for name in ("one", "two", "three"):
            connection.execute("INSERT INTO api_client (name) VALUES (%s) ON CONFLICT DO NOTHING", [name])
        for row in rows:
            connection.execute(statement, row)


def contents(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """What the tails have made."""
    found = {}
    with database.connect("penstock_office") as connection:
        for table in TABLES:
            cursor = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
            assert cursor.description is not None
            kept = [place for place, column in enumerate(cursor.description) if column.name not in NUMBERED]
            found[table] = sorted(tuple(str(row[place]) for place in kept) for row in cursor.fetchall())
    return found


def empty(database: Database) -> None:
    with psycopg.connect(database.dsn(postgres.ADMIN), autocommit=True) as connection:
        connection.execute("SET search_path = penstock")
        connection.execute(sql.SQL("TRUNCATE {}, tail_cursor").format(sql.SQL(", ").join(map(sql.Identifier, TABLES))))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", TAILS)
def test_a_tail_that_looks_does_what_one_does_that_is_given_everything(database: Database, name: str, seed: int) -> None:
    dice = random.Random(f"{name} {seed}")
    any_rows(database, dice, 3 * len(Kind) * len(State))
    endpoints(database, ("none", "clients", "operator")[seed])

    async def work(desk: Desk) -> None:
        desk.rows.time_us = 2_000_000_000_000_000
        looking = TAILS[name](desk)
        await desk.catch_up(Tail(looking.name, looking.handle), most_rows=97)
        everything = contents(database)
        empty(database)
        await desk.catch_up(looking, most_rows=97)
        assert contents(database) == everything
        assert any(everything.values()) or (name == "webhooks" and seed == 0)

    at_desk(database, work)
