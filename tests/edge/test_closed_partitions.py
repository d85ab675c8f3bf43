"""Payments and ids that lie in closed partitions, which the lane has forgotten."""

from __future__ import annotations

import asyncio

from support.database import PARTITION_ROWS, Database
from support.edge import Api, World, new_id, pay, until

from penstock.journal import closing
from penstock.journal.gathering import Gathering


def test_an_old_payment_is_read_and_repeated_from_the_journal(world: World, database: Database) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(1_000_000), await api.account()
        hold = pay(payer, payee, 500, hold_only=True)
        held = (await api.post("/v1/payments", hold)).json()
        path = f"/v1/payments/{held['payment']}"
        clear = {"id": new_id(), "amount_minor": 200}
        await api.post(f"{path}/clear", clear)
        await api.post(f"{path}/release", {"id": new_id()})
        plain = pay(payer, payee, 7, reference="old")
        paid = (await api.post("/v1/payments", plain)).json()
        await _fill_partition(api, payer, payee)
        _index_closed(world, database)

        async def forgotten() -> bool:
            return int((await api.get("/v1/status", "ops")).json()["ids_in_memory"]) < PARTITION_ROWS

        await until(forgotten)
        view = (await api.get(path)).json()
        assert (view["state"], view["cleared_minor"], view["released_minor"], view["held_minor"]) == (
            "cleared",
            200,
            300,
            0,
        )
        assert [event["command"] for event in view["events"]] == ["pay", "clear", "release"]
        seen = (await api.get(f"/v1/payments/{paid['payment']}")).json()
        assert (seen["state"], seen["cleared_minor"], seen["reference"], len(seen["events"])) == (
            "cleared",
            7,
            "old",
            1,
        )
        again = (await api.post("/v1/payments", plain)).json()
        assert again == {**paid, "replayed": True, "as_of_seq": again["as_of_seq"]}
        repeated = await api.post(f"{path}/clear", clear)
        assert (repeated.status_code, repeated.json()["replayed"], repeated.json()["moved_minor"]) == (201, True, 200)
        late = await api.post(f"{path}/cancel", {"id": new_id()})
        assert (late.status_code, late.json()["reason"]) == (409, "payment_cleared")
        refunded = (await api.post(f"/v1/payments/{paid['payment']}/refund", {"id": new_id(), "amount_minor": 3})).json()
        assert (refunded["reason"], refunded["refundable_minor"]) == ("ok", 4)
        above = (await api.post(f"/v1/payments/{paid['payment']}/refund", {"id": new_id(), "amount_minor": 5})).json()
        assert above["reason"] == "amount_above_left"
        seen = (await api.get(f"/v1/payments/{paid['payment']}")).json()
        assert (seen["given_back_minor"], [event["command"] for event in seen["events"]]) == (3, ["pay", "refund"])
        entries, cursor = 0, ""
        while cursor is not None:
            page = (await api.get(f"/v1/accounts/{payee}/entries?limit=200&cursor={cursor}")).json()
            entries, cursor = entries + len(page["entries"]), page["next_cursor"]
        assert entries == 1 + 1 + 1 + PARTITION_ROWS + 1  # opened, cleared, paid, what filled the partition, refunded

    async def through_an_edge() -> None:
        async with world.api() as api:
            await journey(api)

    asyncio.run(through_an_edge())


async def _fill_partition(api: Api, payer: str, payee: str) -> None:
    for _ in range(4):
        items = [{"command": "pay", **pay(payer, payee, 1)} for _ in range(PARTITION_ROWS // 4)]
        outcomes = (await api.post("/v1/batch", items)).json()
        assert {outcome["reason"] for outcome in outcomes} == {"ok"}


def _index_closed(world: World, database: Database) -> None:
    lane = world.settings.lane
    with database.connect("penstock_keeper", autocommit=True) as connection:
        last_seq = world.process._lane.last_seq
        assert closing.close_and_index(connection, Gathering(lane), last_seq)
