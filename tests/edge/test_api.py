"""The API's contract, on a real lane and a real database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from support.database import Database
from support.edge import Api, World, new_id, pay, until

from penstock.prepare.credentials import actions

Journey = Callable[[Api], Coroutine[Any, Any, None]]


def run(world: World, journey: Journey) -> None:
    async def through_an_edge() -> None:
        async with world.api() as api:
            await journey(api)

    asyncio.run(through_an_edge())


def test_a_payment_and_its_repetition(world: World) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account(caller="other")
        body = pay(payer, payee, 700, reference="午饭", metadata={"till": "4"})
        first = await api.post("/v1/payments", body)
        assert first.status_code == 201
        outcome = first.json()
        assert (outcome["state"], outcome["moved_minor"], outcome["replayed"]) == ("cleared", 700, False)
        assert (outcome["payer"], outcome["payee"], outcome["type"]) == (payer, payee, "transfer")
        assert outcome["as_of_seq"] >= outcome["seq"]
        again = (await api.post("/v1/payments", body)).json()
        assert again == {**outcome, "replayed": True, "as_of_seq": again["as_of_seq"]}
        other = await api.post("/v1/payments", {**body, "amount_minor": 701})
        assert (other.status_code, other.json()["reason"]) == (409, "id_conflict")
        assert other.headers["content-type"] == "application/problem+json"
        seen = (await api.get(f"/v1/payments/{outcome['payment']}")).json()
        assert (seen["state"], seen["cleared_minor"], seen["reference"]) == ("cleared", 700, "午饭")
        assert seen["metadata"] == {"till": "4"}

    run(world, journey)


def test_concurrent_duplicates_have_one_outcome(world: World) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account()
        body = pay(payer, payee, 700)
        answers = await asyncio.gather(*(api.post("/v1/payments", body) for _ in range(20)))
        outcomes = [answer.json() for answer in answers]
        assert {outcome["seq"] for outcome in outcomes} == {outcomes[0]["seq"]}
        assert sum(not outcome["replayed"] for outcome in outcomes) == 1
        assert (await api.get(f"/v1/accounts/{payer}")).json()["available_minor"] == 9_300

    run(world, journey)


def test_a_hold_is_cleared_in_parts_and_released(world: World) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account()
        held = (await api.post("/v1/payments", pay(payer, payee, 1_000, type="purchase", hold_only=True))).json()
        assert (held["state"], held["held_minor"], "expires" in held) == ("held", 1_000 + 16, True)
        path = f"/v1/payments/{held['payment']}"
        part = (await api.post(f"{path}/clear", {"id": new_id(), "amount_minor": 400})).json()
        assert (part["state"], part["moved_minor"], part["payment"]) == ("held", 400, held["payment"])
        open_view = (await api.get(path)).json()
        assert (open_view["state"], open_view["remaining_minor"]) == ("held", 600)
        above = await api.post(f"{path}/release", {"id": new_id(), "amount_minor": 601})
        assert (above.status_code, above.json()["reason"]) == (422, "amount_above_hold")
        assert (await api.post(f"{path}/release", {"id": new_id(), "amount_minor": 100})).json()["state"] == "held"
        last = (await api.post(f"{path}/clear", {"id": new_id(), "amount_minor": 200, "release_rest": True})).json()
        assert last["state"] == "cleared"
        view = (await api.get(path)).json()
        assert (view["cleared_minor"], view["released_minor"], view["held_minor"]) == (600, 400, 0)
        assert view["fee_minor"] == 16 * 600 // 1_000
        assert [event["command"] for event in view["events"]] == ["pay", "clear", "release", "clear"]
        late = await api.post(f"{path}/cancel", {"id": new_id()})
        assert (late.status_code, late.json()["reason"]) == (409, "payment_cleared")

    run(world, journey)


def test_history_is_walked_in_pages(world: World) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account()
        for amount in range(1, 8):
            await api.post("/v1/payments", pay(payer, payee, amount))
        whole = (await api.get(f"/v1/accounts/{payer}/entries")).json()
        assert [entry["change_minor"] for entry in whole["entries"]] == [-7, -6, -5, -4, -3, -2, -1, 10_000, 0]
        assert whole["next_cursor"] is None
        pages, cursor = [], ""
        while cursor is not None:
            page = (await api.get(f"/v1/accounts/{payer}/entries?limit=2&cursor={cursor}")).json()
            pages.append(page["entries"])
            cursor = page["next_cursor"]
        assert [len(page) for page in pages] == [2, 2, 2, 2, 1]
        assert [entry for page in pages for entry in page] == whole["entries"]
        received = (await api.get(f"/v1/accounts/{payee}/entries")).json()["entries"]
        assert sum(entry["change_minor"] for entry in received) == 28
        foreign = (await api.get(f"/v1/accounts/{payer}/entries?limit=2")).json()["next_cursor"]
        refused = await api.get(f"/v1/accounts/{payee}/entries?cursor={foreign}")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "cursor")

    run(world, journey)


def test_the_system_accounts_have_a_history_for_the_operator(world: World) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account()
        paid = (await api.post("/v1/payments", pay(payer, payee, 1_000, type="purchase"))).json()
        assert paid["fee_minor"] == 16
        out = await api.post(
            "/v1/withdrawals", {"id": new_id(), "account": payer, "amount_minor": 50, "currency": "CNY"}
        )
        settlement = out.json()["payee"]
        assert (await api.get(f"/v1/accounts/{settlement}")).status_code == 404
        seen = (await api.get(f"/v1/accounts/{settlement}/entries", "ops")).json()
        assert [entry["change_minor"] for entry in seen["entries"]] == [50, -10_000, 0]
        balance = (await api.get(f"/v1/accounts/{settlement}", "ops")).json()
        assert (balance["kind"], balance["available_minor"]) == ("settlement", 50 - 10_000)
        status = (await api.get("/v1/status", "ops")).json()
        assert status["money"]["CNY"]["fees_minor"] == 16 + 7

    run(world, journey)


def test_others_see_nothing_but_what_they_receive(world: World) -> None:
    async def journey(api: Api) -> None:
        payer, mine, theirs = await api.account(10_000), await api.account(), await api.account(caller="other")
        inside = (await api.post("/v1/payments", pay(payer, mine))).json()["payment"]
        across = (await api.post("/v1/payments", pay(payer, theirs))).json()["payment"]
        customer = api.made[payer]
        for path in (f"/v1/payments/{inside}", f"/v1/accounts/{payer}", f"/v1/customers/{customer}"):
            assert (await api.get(path, "other")).status_code == 404, path
            assert (await api.get(path, "ops")).status_code == 200, path
        assert (await api.get(f"/v1/payments/{across}", "other")).status_code == 200
        stolen = await api.post("/v1/payments", pay(payer, theirs), "other")
        assert (stolen.status_code, stolen.json()["reason"]) == (404, "payer_unknown")
        cleared = await api.post(f"/v1/payments/{inside}/cancel", {"id": new_id()}, "other")
        assert (cleared.status_code, cleared.json()["reason"]) == (404, "payment_unknown")

    run(world, journey)


def test_limits_are_shown_with_what_is_used(world: World) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000, tier="small"), await api.account()
        await api.post("/v1/payments", pay(payer, payee, 700))
        view = (await api.get(f"/v1/customers/{api.made[payer]}")).json()
        limits = {limit["type"]: limit for limit in view["limits"]}
        assert (view["tier"], view["accounts"]) == ("small", 1)
        assert limits["transfer"]["day_amount_minor"] == {"limit": 5_000, "used": 700}
        assert limits["any"]["day_count"] == {"limit": None, "used": 1}
        over = await api.post("/v1/payments", pay(payer, payee, 2_001))
        assert (over.status_code, over.json()["reason"], over.json()["retry"]) == (402, "limit_single", "after_change")
        assert set(over.json()["message"]) == {"en", "zh"}

    run(world, journey)


def test_a_batch_keeps_order_and_answers_each(world: World) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(1_000), await api.account()
        first = pay(payer, payee, 900)
        items = [
            {"command": "pay", **first},
            {"command": "pay", **pay(payer, payee, 900)},
            {"command": "pay", **first},
            {"command": "pay", **first, "amount_minor": 1},
            {"command": "deposit", "id": new_id(), "account": payer, "amount_minor": 800, "currency": "CNY"},
            {"command": "pay", **pay(payer, payee, 900)},
            {"command": "open_customer", "id": new_id(), "tier": "nobody"},
        ]
        answer = await api.post("/v1/batch", items)
        assert answer.status_code == 200
        outcomes = answer.json()
        assert [o["reason"] for o in outcomes] == [
            "ok", "insufficient_funds", "ok", "id_conflict", "ok", "ok", "tier_unknown",
        ]  # fmt: skip
        assert [o["status"] for o in outcomes] == [201, 402, 201, 409, 201, 201, 422]
        assert [o["id"] for o in outcomes] == [item["id"] for item in items]
        assert outcomes[2] == {**outcomes[0], "replayed": True}
        assert "seq" not in outcomes[3]

    run(world, journey)


def test_a_malformed_item_stops_the_whole_batch(world: World) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(1_000), await api.account()
        good = {"command": "pay", **pay(payer, payee)}
        cases = {
            "items[1].id": {**good, "id": "one"},
            "items[1].payee": {**good, "id": new_id(), "payee": payee[:-1]},
            "items[1].amount_minor": {**good, "id": new_id(), "amount_minor": 0},
            "items[1].extra": {**good, "id": new_id(), "extra": 1},
            "items[1].payment": {"command": "clear", "id": new_id()},
            "items[1].command": {**good, "id": new_id(), "command": "steal"},
            "items[1].hold_lifetime_s": {**good, "id": new_id(), "hold_lifetime_s": 5},
            "items[1].metadata": {**good, "id": new_id(), "metadata": {"long": "x" * 2_000}},
        }
        for field, item in cases.items():
            answer = await api.post("/v1/batch", [good, item])
            assert answer.status_code == 422, field
            assert [error["field"] for error in answer.json()["errors"]] == [field]
        assert (await api.get(f"/v1/accounts/{payer}")).json()["available_minor"] == 1_000

    run(world, journey)


def test_keys_and_scopes(world: World, database: Database) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(1_000), await api.account()
        assert (await api.get(f"/v1/accounts/{payer}", "nobody")).status_code == 401
        assert (await api.post("/v1/payments", pay(payer, payee), "nobody")).headers["www-authenticate"] == "Bearer"
        forbidden = await api.post("/v1/payments", pay(payer, payee), "reader")
        assert forbidden.status_code == 403
        assert "payments:write" in forbidden.json()["detail"]
        batch = await api.post("/v1/batch", [{"command": "pay", **pay(payer, payee)}], "reader")
        assert batch.status_code == 403
        assert (await api.get("/v1/status")).status_code == 403
        assert (await api.get("/metrics")).status_code == 403
        assert "penstock_lane_last_seq" in (await api.get("/metrics", "ops")).text
        with database.connect("penstock_edge") as connection:
            actions.revoke_key(connection, api.keys["shop"].split("_")[1], datetime.now(UTC))

        async def refused() -> bool:
            return (await api.get(f"/v1/accounts/{payer}")).status_code == 401

        await until(refused)

    run(world, journey)


def test_every_answer_forbids_caching_and_framing(world: World) -> None:
    async def journey(api: Api) -> None:
        for answer in (
            await api.get("/docs"), await api.get("/v1/reasons"), await api.get("/nowhere"),
            await api.get("/v1/payments"), await api.post("/v1/payments", {}), await api.get("/v1/payments/pay_x"),
        ):  # fmt: skip
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "max-age" in answer.headers["strict-transport-security"]
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            if answer.status_code >= 400:
                assert answer.headers["content-type"] == "application/problem+json"
                assert {"type", "title", "status", "detail"} <= set(answer.json())

    run(world, journey)


def test_the_lane_goes_and_callers_hear_so(world: World) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(1_000), await api.account()
        await asyncio.to_thread(api.stop_lane)

        async def not_ready() -> bool:
            return not await api.is_ready()

        await until(not_ready)
        answer = await api.post("/v1/payments", pay(payer, payee))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["type"] == "/docs#lane_away"
        assert (await api.get("/health/live")).status_code == 200

    run(world, journey)
