"""GET /v1/events: in order, from any cursor, to those whom it concerns, within bounds."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.database import Database
from support.journal_rows import Book
from support.without_lane import IDS, catch_up, client_number, edge, make_key, office, settings_of

from penstock.contracts import ids as public
from penstock.contracts.commands import Flag, Kind, Option
from penstock.contracts.states import State
from penstock.review.events import store


@dataclass
class Reader:
    """A journal, an edge, and callers who read."""

    database: Database
    book: Book
    http: httpx.AsyncClient
    keys: dict[str, str]
    clients: dict[str, int]

    async def get(self, caller: str, **query: Any) -> httpx.Response:
        return await self.http.get("/v1/events", params=query, headers={"authorization": f"Bearer {self.keys[caller]}"})

    async def page(self, caller: str, **query: Any) -> dict[str, Any]:
        answer = await self.get(caller, **query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def told(self, caller: str, **query: Any) -> list[tuple[int, str]]:
        return [(event["seq"], event["type"]) for event in (await self.page(caller, **query))["events"]]

    async def publish(self) -> None:
        self.book.commit()
        await catch_up(self.database)


@asynccontextmanager
async def reader(database: Database, home: Path, **changes: Any) -> AsyncIterator[Reader]:
    scopes = {"shop": ["read"], "other": ["read"], "ops": ["operate"], "writer": ["payments:write"]}
    keys = {name: make_key(database, name, wanted) for name, wanted in scopes.items()}
    clients = {name: client_number(database, name) for name in keys}
    stopping = changes.pop("stopping", lambda: False)
    async with edge(database, settings_of(home, **changes), stopping=stopping) as http:
        yield Reader(database, Book(database), http, keys, clients)


def run(database: Database, home: Path, work: Callable[[Reader], Coroutine[Any, Any, None]], **changes: Any) -> None:
    async def inside() -> None:
        async with reader(database, home, **changes) as made:
            await work(made)

    asyncio.run(inside())


def test_a_payment_is_told_to_the_clients_of_both_sides_and_to_nobody_else(database: Database, home: Path) -> None:
    async def work(made: Reader) -> None:
        shop, other = made.clients["shop"], made.clients["other"]
        payer, payee, apart = made.book.account(shop), made.book.account(other), made.book.account(shop)
        paid = made.book.pay(shop, payer, payee)
        refused = made.book.pay(shop, payer, payee, State.DECLINED, reason=50)
        within = made.book.pay(shop, payer, apart)
        await made.publish()
        shop_sees = await made.told("shop", types="payment.*")
        assert shop_sees == [(paid, "payment.cleared"), (refused, "payment.declined"), (within, "payment.cleared")]
        assert await made.told("other", types="payment.*") == [(paid, "payment.cleared")]
        assert await made.told("ops", types="payment.*") == shop_sees

    run(database, home, work)


def test_what_the_lane_and_the_back_office_do_is_told_to_the_client(database: Database, home: Path) -> None:
    async def work(made: Reader) -> None:
        shop, other, system = made.clients["shop"], made.clients["other"], client_number(database, "penstock")
        payer, payee = made.book.account(shop, asked_by=system), made.book.account(other)
        held = made.book.pay(shop, payer, payee, State.HELD)
        expired = made.book.row(Kind.EXPIRE, State.EXPIRED, ref_seq=held, payer_account=payer, payee_account=payee)
        arrived = made.book.row(
            Kind.DEPOSIT, State.CLEARED, client=system, payer_account=1, payee_account=payer, moved_minor=5, amount_minor=5
        )
        frozen = made.book.row(Kind.SET_ACCOUNT, client=system, payer_account=payer, option=int(Option.FREEZE_ALL))
        tier = made.book.row(Kind.SET_CUSTOMER, client=system, customer=made.book.customers - 1, option=int(Option.TIER))
        lost = made.book.row(
            Kind.DEPOSIT, State.CLEARED, client=system, payer_account=1, payee_account=3, moved_minor=5,
            flags=int(Flag.TO_SUSPENSE),
        )  # fmt: skip
        made.book.row(Kind.PUBLISH, policy_version=2)
        await made.publish()
        told = await made.told("shop", after=payee and held - 1)
        assert told == [
            (held, "payment.held"), (expired, "payment.expired"), (arrived, "deposit.cleared"), (frozen, "account.frozen"),
            (tier, "customer.tier_changed"),
        ]  # fmt: skip
        assert await made.told("other", after=held - 1) == [(held, "payment.held"), (expired, "payment.expired")]
        assert [(lost, "suspense.credited"), (lost + 1, "policy.published")] == (await made.told("ops"))[-2:]

    run(database, home, work)


def test_a_refused_follow_up_is_no_event(database: Database, home: Path) -> None:
    async def work(made: Reader) -> None:
        shop = made.clients["shop"]
        payer, payee = made.book.account(shop), made.book.account(shop)
        paid = made.book.pay(shop, payer, payee)
        made.book.row(Kind.CANCEL, State.DECLINED, client=shop, ref_seq=paid, reason=40)
        await made.publish()
        assert await made.told("shop", types="payment.*") == [(paid, "payment.cleared")]

    run(database, home, work)


def test_cursors_walk_the_journal_without_gap_or_repetition(database: Database, home: Path) -> None:
    async def work(made: Reader) -> None:
        shop, other = made.clients["shop"], made.clients["other"]
        mine, theirs = [made.book.account(client) for client in (shop, other)], [made.book.account(other) for _ in range(2)]
        expected = []
        for place in range(60):
            if place % 3 == 0:
                expected.append(made.book.pay(shop, mine[0], mine[0]))
            else:
                made.book.pay(other, theirs[0], theirs[1])
        await made.publish()
        seen, cursor, pages = [], "", 0
        while True:
            page = await made.page("shop", after=cursor, limit=7, types="payment.*")
            if not page["events"] and page["next_seq"] >= page["as_of_seq"]:
                break
            seen += [event["seq"] for event in page["events"]]
            cursor, pages = page["next_cursor"] if pages % 2 else str(page["next_seq"]), pages + 1
        assert seen == expected
        assert pages >= len(expected) // 7

    run(database, home, work)


def test_a_request_looks_at_no_more_than_its_rows(database: Database, home: Path) -> None:
    async def work(made: Reader) -> None:
        shop, other = made.clients["shop"], made.clients["other"]
        payer, payee = made.book.account(other), made.book.account(other)
        for _ in range(3_000):
            made.book.pay(other, payer, payee)
        own = made.book.account(shop)
        mine = made.book.pay(shop, own, own)
        await made.publish()
        first = await made.page("shop")
        assert (first["events"], first["next_seq"], first["as_of_seq"]) == ([], 1_000, mine)
        steps, cursor = 1, first["next_cursor"]
        while not (page := await made.page("shop", after=cursor))["events"]:
            assert page["next_seq"] <= (steps + 1) * 1_000
            steps, cursor = steps + 1, page["next_cursor"]
        assert steps == 3
        assert page["events"][-1]["seq"] == mine

    run(database, home, work, event_scan_rows=1_000)


def test_events_are_read_as_far_as_owners_are_known(database: Database, home: Path) -> None:
    async def work(made: Reader) -> None:
        shop, other = made.clients["shop"], made.clients["other"]
        payer, payee = made.book.account(shop), made.book.account(other)
        made.book.pay(shop, payer, payee)
        made.book.commit()
        page = await made.page("other")
        assert (page["events"], page["as_of_seq"], page["next_seq"]) == ([], 0, 0)
        await catch_up(made.database)
        assert (await made.told("other", after=page["next_cursor"]))[-1][1] == "payment.cleared"

    run(database, home, work)


def test_an_event_says_what_happened_and_nothing_that_is_not_for_everybody(database: Database, home: Path) -> None:
    async def work(made: Reader) -> None:
        shop = made.clients["shop"]
        payer, payee = made.book.account(shop), made.book.account(shop)
        seq = made.book.pay(shop, payer, payee, fee_minor=3, left_minor=100, maker=7, score=0.5)
        await made.publish()
        event = (await made.page("shop", types="payment.cleared"))["events"][0]
        assert event["id"] == IDS.encode(public.Kind.EVENT, seq)
        assert event["data"] == {
            "command": "pay", "state": "cleared", "reason": "ok", "payment": IDS.encode(public.Kind.PAYMENT, seq),
            "payment_type": "transfer", "payer": IDS.encode(public.Kind.ACCOUNT, payer),
            "payee": IDS.encode(public.Kind.ACCOUNT, payee), "currency": "CNY", "amount_minor": 100, "moved_minor": 100,
            "fee_minor": 3, "left_minor": 100,
        }  # fmt: skip
        opened = (await made.page("shop", types="account.opened"))["events"][0]
        assert opened["data"] == {
            "command": "open_account", "state": "done", "reason": "ok", "account": IDS.encode(public.Kind.ACCOUNT, payer),
            "customer": IDS.encode(public.Kind.CUSTOMER, 1), "currency": "CNY",
        }  # fmt: skip

    run(database, home, work)


def test_a_poll_waits_for_the_next_event_and_holds_no_connection(database: Database, home: Path) -> None:
    async def work(made: Reader) -> None:
        shop = made.clients["shop"]
        payer, payee = made.book.account(shop), made.book.account(shop)
        await made.publish()
        polls = [asyncio.create_task(made.page("shop", after="latest", wait_s=20)) for _ in range(4)]
        await asyncio.sleep(0.3)
        assert not any(poll.done() for poll in polls)
        for _ in range(20):  # more than there are connections
            assert (await made.get("ops", after="latest")).status_code == 200
        refused = await made.get("shop", after="latest", wait_s=20)
        assert (refused.status_code, refused.json()["type"]) == (429, "/docs#polls_exceeded")
        assert "retry-after" in refused.headers
        seq = made.book.pay(shop, payer, payee)
        await made.publish()
        pages = await asyncio.wait_for(asyncio.gather(*polls), 10)
        assert [[event["seq"] for event in page["events"]] for page in pages] == [[seq]] * 4
        again = await made.page("shop", after=str(seq), wait_s=0.2)
        assert again["events"] == []

    run(database, home, work)


def test_a_poll_is_woken_by_others_without_an_answer_and_ends_in_time(database: Database, home: Path) -> None:
    async def work(made: Reader) -> None:
        shop, other = made.clients["shop"], made.clients["other"]
        payer, payee = made.book.account(other), made.book.account(other)
        made.book.account(shop)
        await made.publish()
        started = time.monotonic()
        poll = asyncio.create_task(made.page("shop", after="latest", wait_s=1.0))
        await asyncio.sleep(0.2)
        last = made.book.pay(other, payer, payee)
        await made.publish()
        page = await poll
        assert 0.9 < time.monotonic() - started < 5
        assert (page["events"], page["next_seq"]) == ([], last)

    run(database, home, work)


def test_waiting_ends_when_the_server_wants_to_end(database: Database, home: Path) -> None:
    ending: list[bool] = []

    async def work(made: Reader) -> None:
        made.book.account(made.clients["shop"])
        await made.publish()
        poll = asyncio.create_task(made.page("shop", after="latest", wait_s=30))
        await asyncio.sleep(0.2)
        ending.append(True)
        assert (await asyncio.wait_for(poll, 5))["events"] == []

    run(database, home, work, stopping=lambda: bool(ending))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"after": "acc_0000000000000"}, "after"), ({"after": "-1"}, "after"), ({"after": "9" * 16}, "after"),
        ({"types": "payment.cleard"}, "types"), ({"types": "*"}, "types"), ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"), ({"wait_s": 31}, "wait_s"), ({"wait_s": "nan"}, "wait_s"), ({"wait_s": "soon"}, "wait_s"),
    ],
)  # fmt: skip
def test_a_malformed_question_names_its_field(database: Database, home: Path, query: dict[str, Any], field: str) -> None:
    async def work(made: Reader) -> None:
        refused = await made.get("shop", **query)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)

    run(database, home, work)


def test_a_key_that_may_not_read_reads_no_events(database: Database, home: Path) -> None:
    async def work(made: Reader) -> None:
        assert (await made.get("writer")).status_code == 403
        shown = await made.http.get("/v1/event-types", headers={"authorization": f"Bearer {made.keys['shop']}"})
        assert {"type": "payment.held", "title": {"en": "A payment is authorised, and its funds are held.", "zh": "支付已授权，资金已冻结。"}} in shown.json()

    run(database, home, work)


def test_no_statement_is_planned_as_a_scan_while_tables_are_small(database: Database) -> None:
    """Plans are made once and kept: one that reads all of a table that is empty reads all of it when it is full."""
    values = {
        "lane": 0, "after": 0, "until": 100, "kinds": [1], "clients": [1], "most": 10, "everything": False, "seqs": [1],
    }  # fmt: skip

    async def plans() -> list[str]:
        async with office(database) as opened, opened.connection() as connection:
            return [
                line
                for statement in (store._SCAN, store._THESE, store._CUSTOMERS, store._ACCOUNTS)
                for (line,) in await (await connection.execute(f"EXPLAIN {statement}", values)).fetchall()
            ]

    lines = asyncio.run(plans())
    assert any("Index Cond" in line for line in lines)
    assert [line for line in lines if "Seq Scan" in line or re.search(r"Filter: .*\b(seq|account|customer) =", line)] == []
