"""Events of what a real lane wrote: every row that took effect is told, by its name, to those whom it concerns."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.database import Database
from support.edge import Api, make_world, new_id, pay
from support.lanes import CLIENT, START_US, next_lane, policy_toml, settings_for, start_lane
from support.life import CAPS, OPERATOR, OTHER, Life, furnish, life_policy
from support.oracle import Oracle
from support.people import Staff, hire
from support.without_lane import catch_up, office

from penstock.contracts.commands import Kind
from penstock.contracts.events import EVENT_TYPES
from penstock.contracts.states import State
from penstock.journal.tails import Span
from penstock.review.events.rules import audience, event_type, kinds_of
from penstock.review.events.store import EventRow, scan

_BATCHES, _COMMANDS = 90, 20


def _live(database: Database, home: Path, seed: int) -> tuple[int, Oracle]:
    """A lane to which everything happens; its number, and the oracle that watched."""
    (home / "life.toml").write_text(policy_toml(life_policy()), "utf-8")
    settings = settings_for(
        home, next_lane(), policy_file=str(home / "life.toml"), bank_url="https://127.0.0.1:1", expiries_per_batch=64,
        clock_jump_s=400 * 86_400.0, **CAPS,
    )  # fmt: skip
    lane = start_lane(database, settings)
    oracle = Oracle(life_policy(), sandbox=False, bank=True, **CAPS)
    life, now_us = Life(seed, oracle), START_US
    with closing(lane.writer):
        for batch in range(_BATCHES):
            commands: list[Any] = furnish() if batch == 0 else [life.command(now_us, []) for _ in range(_COMMANDS)]
            for place, command in enumerate(commands):
                oracle.tell(command[0], now_us + place)
            lane.process(np.concatenate(commands), {}, now_us)
            now_us = life.later(now_us + len(commands))
    return settings.lane, oracle


async def _rows(database: Database, lane: int, clients: list[int], *, everything: bool) -> list[EventRow]:
    async with office(database) as opened, opened.connection() as connection:
        found = await (await connection.execute("SELECT last_seq FROM lane WHERE lane = %s", [lane])).fetchone()
        assert found is not None
        return await scan(
            connection, Span(lane, 0, found[0]), kinds_of(EVENT_TYPES), clients, 100_000, everything=everything
        )


def test_every_row_that_takes_effect_is_an_event_and_finds_its_clients(database: Database, home: Path) -> None:
    lane, oracle = _live(database, home, seed=20_261_122)
    asyncio.run(catch_up(database, lane=lane))
    rows = asyncio.run(_rows(database, lane, [], everything=True))
    nameless = [row for row in rows if event_type(row) not in EVENT_TYPES and row.state != State.DECLINED]
    assert nameless == []
    told = Counter(kind for row in rows if (kind := event_type(row)))
    assert len(told) > 30, told
    owners = [0, *(oracle.book.client_of(number) for number in range(1, len(oracle.accounts)))]
    for client in (CLIENT, OTHER, OPERATOR):
        expected = {
            row.seq for row in rows
            if (kind := event_type(row)) and kind not in ("policy.published", "approvals.changed", "model.published", "model.withdrawn")
            and client in {row.client, row.first_client, row.customer_client, owners[row.payer_account],
                           0 if kind.endswith((".declined", ".challenge", ".labelled")) else owners[row.payee_account]}
        }  # fmt: skip
        found = asyncio.run(_rows(database, lane, [client], everything=False))
        own = {row.seq for row in found if (kind := event_type(row)) and client in audience(row, kind)}
        assert own == expected
        assert expected


@pytest.fixture
def staff(database: Database, home: Path) -> Iterator[Staff]:
    (home / "policy.toml").write_text(policy_toml(life_policy()), "utf-8")
    world = make_world(database, home)
    yield hire(world, database)
    world.stop_lane()


def test_a_payments_life_over_http(staff: Staff, database: Database) -> None:
    async def journey() -> None:
        async with staff.world.api() as api:
            payer, payee = await api.account(10_000), await api.account(caller="other")
            start = (await api.get(f"/v1/accounts/{payee}", "other")).json()["opened_seq"]
            held = (await api.post("/v1/payments", pay(payer, payee, 800, hold_only=True))).json()["payment"]
            await do(api, f"{held}/clear", amount_minor=300)
            await do(api, f"{held}/release", amount_minor=100)
            await do(api, f"{held}/clear")
            await do(api, f"{held}/clear")  # refused: no event
            await do(api, f"{held}/refund", "other", amount_minor=200)
            await do(api, f"{held}/refund", "other")
            reviewed = (await api.post("/v1/payments", pay(payer, payee, 950))).json()
            assert reviewed["state"] == "review"
            frozen = {"id": new_id(), "side": "credit", "reason": "court order 7"}
            assert (await api.post(f"/v1/accounts/{payee}/freeze", frozen, "other")).status_code == 201
            await catch_up(database, lane=staff.world.settings.lane)
            expected = [
                "payment.held", "payment.partly_cleared", "payment.partly_released", "payment.cleared",
                "payment.partly_refunded", "payment.refunded", "payment.review",
            ]  # fmt: skip
            for caller, more in (("shop", []), ("other", ["account.frozen"])):
                page = (await api.get(f"/v1/events?after={start}", caller)).json()
                assert [event["type"] for event in page["events"]] == expected + more
                assert {event["data"].get("payment") for event in page["events"][:6]} == {held}
            assert page["events"][-1]["data"]["account"] == payee
            assert page["events"][-1]["data"]["option"] == "freeze_credit"

    asyncio.run(journey())


async def do(api: Api, path: str, caller: str = "shop", **body: Any) -> None:
    await api.post(f"/v1/payments/{path}", {"id": new_id(), **body}, caller)


def test_every_kind_of_command_can_be_an_event() -> None:
    assert set(kinds_of(EVENT_TYPES)) == {int(kind) for kind in Kind}
