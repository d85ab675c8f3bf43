"""Orders to the lane under derived ids, after answers that were lost or that came too late: each takes effect once."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TypeVar

from support.bank import Bank, until
from support.banked import Banked, stopped, withdraw_to

from penstock.app.edge.lane_link import LaneLink
from penstock.app.office.database import OfficeDatabase
from penstock.app.office.rails import open_bank
from penstock.app.office_process import surroundings
from penstock.contracts.ids import PublicIds
from penstock.contracts.office import Office
from penstock.process.rails import actions
from penstock.process.rails.actions import Rails

T = TypeVar("T")
DAY_MS = 86_400_000


@asynccontextmanager
async def rails(system: Banked) -> AsyncIterator[Rails]:
    """The rails of the test's own process, beside the office's."""
    settings = system.installation.settings
    around = surroundings(settings)
    database, lane, bank = OfficeDatabase(around.dsn, "test"), LaneLink(settings, around.lane_socket), open_bank(settings)
    await database.open()
    tasks = [asyncio.create_task(lane.keep_connected()), asyncio.create_task(lane.keep_time())]
    office = Office(lane, PublicIds(around.public_id_key), settings, database.connection, lambda: datetime.now(UTC))
    [(client,)] = system.rows("SELECT client FROM api_client WHERE name = 'penstock'")
    try:
        yield Rails(office, bank, client, random.random)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        lane.close()
        await bank.close()
        await database.close()


def do(system: Banked, work: Callable[[Rails], Awaitable[T]]) -> T:
    async def run() -> T:
        async with rails(system) as ours, asyncio.timeout(30):
            return await work(ours)

    return asyncio.run(run())


def test_an_id_that_has_expired_did_nothing_and_another_one_does_it_once(system: Banked, bank: Bank) -> None:
    """As if the process had slept for days between the bank's answer and the order to the lane."""
    account = bank.account(10_000)
    payment = withdraw_to(bank, account, 4_000, "SIMPENDING")["payment"]
    [(seq,)] = until(lambda: system.rows("SELECT seq FROM rail_transfer WHERE state = 'open' AND asked > 0"))
    office = system.installation.pid("office")
    assert office is not None
    with stopped(office):
        system.rows("UPDATE rail_transfer SET state = 'paid' WHERE seq = %s RETURNING seq", seq)
        now_ms = int(time.time() * 1000)
        assert do(system, lambda ours: actions.tell_lane(ours, seq, now_ms - 3 * DAY_MS)) is False
        assert bank.money(account) == (10_000 - 4_000 - 7, 4_000 + 7)
        assert do(system, lambda ours: actions.tell_lane(ours, seq, now_ms)) is True
        assert bank.get(f"/v1/payments/{payment}")["state"] == "cleared"
        system.rows("UPDATE rail_transfer SET state = 'paid' WHERE seq = %s RETURNING seq", seq)
        assert do(system, lambda ours: actions.tell_lane(ours, seq, now_ms)) is True, "the answer was lost: again"
    system.wait_until_settled()
    assert system.rows("SELECT state FROM rail_transfer WHERE seq = %s", seq) == [("cleared",)]
    assert bank.money(account) == (10_000 - 4_000 - 7, 0)


def test_an_arrival_is_booked_once_however_often_it_is_tried(system: Banked, bank: Bank) -> None:
    account = bank.account()
    office = system.installation.pid("office")
    assert office is not None
    system.wait_until_settled()
    with stopped(office):
        system.simulator.pay_in(account, 900)
        do(system, actions.fetch_notifications)
        [(number, seen_us)] = system.rows("SELECT number, seen_us FROM rail_entry WHERE state = 'new'")
        for _ in range(3):
            assert do(system, lambda ours: actions.book(ours, number, seen_us // 1000)) == "done"
            system.rows("UPDATE rail_entry SET state = 'new' WHERE number = %s RETURNING number", number)
    system.wait_until_settled()
    assert bank.money(account) == (900, 0)
