"""The header Idempotency-Key, on a real lane and a real database."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from support.database import Database
from support.edge import Api, World, new_id, pay, until

from penstock.app.keeper import forget_keys

Journey = Callable[[Api], Coroutine[Any, Any, None]]


def run(world: World, journey: Journey) -> None:
    async def through_an_edge() -> None:
        async with world.api() as api:
            await journey(api)

    asyncio.run(through_an_edge())


def wish(payer: str, payee: str, amount_minor: int = 100, **more: Any) -> dict[str, Any]:
    """A payment without an id."""
    body = pay(payer, payee, amount_minor, **more)
    del body["id"]
    return body


async def send(api: Api, key: str, body: Any, path: str = "/v1/payments", caller: str = "shop") -> httpx.Response:
    return await api.post(path, body, caller, **{"idempotency-key": key})


async def available(api: Api, account: str) -> int:
    found: int = (await api.get(f"/v1/accounts/{account}")).json()["available_minor"]
    return found


def kind(answer: httpx.Response) -> str:
    problem: str = answer.json()["type"].rpartition("#")[2]
    return problem


def stored(database: Database) -> list[tuple[str, uuid.UUID]]:
    with database.connect("penstock_edge") as connection:
        return connection.execute("SELECT key, command_id FROM idempotency_key ORDER BY key").fetchall()


def test_a_key_pays_once_and_bare_or_quoted_is_the_same_key(world: World) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account()
        body = wish(payer, payee, 700, reference="午饭")
        first = await send(api, '"order-4711"', body)
        assert (first.status_code, first.json()["state"], first.json()["replayed"]) == (201, "cleared", False)
        turned = dict(reversed(body.items()))
        for key, same in (('"order-4711"', body), ("order-4711", body), ('"order-4711"', turned)):
            again = await send(api, key, same)
            assert again.status_code == 201
            assert again.json() == {**first.json(), "replayed": True, "as_of_seq": again.json()["as_of_seq"]}
        assert await available(api, payer) == 9_300

    run(world, journey)


def test_concurrent_requests_with_one_key_make_one_payment(world: World) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account()
        body = wish(payer, payee, 700)
        answers = await asyncio.gather(*(send(api, '"one"', body) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["seq"] for answer in answers}) == 1
        assert sum(not answer.json()["replayed"] for answer in answers) == 1
        assert await available(api, payer) == 9_300

    run(world, journey)


def test_a_key_for_another_request_is_refused_and_moves_nothing(world: World) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account()
        held = (await send(api, '"a"', wish(payer, payee, 700, hold_only=True))).json()
        for key, body, path in (
            ('"a"', wish(payer, payee, 701, hold_only=True), "/v1/payments"),
            ('"a"', {}, f"/v1/payments/{held['payment']}/clear"),
            ('"a"', {"account": payer, "amount_minor": 700, "currency": "CNY"}, "/v1/withdrawals"),
        ):
            refused = await send(api, key, body, path)
            assert (refused.status_code, kind(refused)) == (422, "idempotency_key_reused")
        cleared = await send(api, '"b"', {}, f"/v1/payments/{held['payment']}/clear")
        assert (cleared.status_code, cleared.json()["moved_minor"]) == (201, 700)
        assert await available(api, payer) == 9_300

    run(world, journey)


def test_clients_do_not_share_keys(world: World) -> None:
    async def journey(api: Api) -> None:
        for caller in ("shop", "other"):
            payer, payee = await api.account(1_000, caller), await api.account(caller=caller)
            answer = await send(api, '"same"', wish(payer, payee), caller=caller)
            assert (answer.status_code, answer.json()["replayed"]) == (201, False)

    run(world, journey)


def test_a_key_and_an_id_must_agree(world: World, database: Database) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account()
        body = pay(payer, payee, 700)
        assert (await send(api, '"k"', body)).status_code == 201
        without = {name: value for name, value in body.items() if name != "id"}
        for same in (body, without):
            assert (await send(api, '"k"', same)).json()["replayed"]
        refused = await send(api, '"k"', {**body, "id": new_id()})
        assert (refused.status_code, kind(refused)) == (422, "idempotency_id_differs")
        assert stored(database) == [("k", uuid.UUID(body["id"]))]

    run(world, journey)


@pytest.mark.parametrize("key", ["", '""', '"open', "two words", '"a"b', '"ä"', f'"{"x" * 256}"', '"a";p=1', '"a", "b"', '"\\n"'])
def test_a_malformed_key_is_refused(world: World, database: Database, key: str) -> None:
    async def journey(api: Api) -> None:
        payer = await api.account(1_000)
        answer = await api.http.post(
            "/v1/payments", json=wish(payer, payer),
            headers=[(b"authorization", f"Bearer {api.keys['shop']}".encode()), (b"idempotency-key", key.encode("latin-1"))],
        )  # fmt: skip
        assert (answer.status_code, kind(answer)) == (400, "idempotency_key_malformed")

    run(world, journey)
    assert stored(database) == []


def test_what_could_not_be_sent_leaves_the_key_free(world: World, database: Database) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(1_000), await api.account()
        for wrong in ({**wish(payer, payee), "amount_minor": 0}, {**wish(payer, payee), "id": "7"}, {}, []):
            assert (await send(api, '"k"', wrong)).status_code == 422
        assert (await api.http.post("/v1/payments", content=b"{", headers={
            "authorization": f"Bearer {api.keys['shop']}", "idempotency-key": "k"})).status_code == 400  # fmt: skip
        assert stored(database) == []
        assert (await send(api, '"k"', wish(payer, payee))).status_code == 201

    run(world, journey)


def test_a_batch_takes_no_key(world: World) -> None:
    async def journey(api: Api) -> None:
        answer = await send(api, '"k"', [], "/v1/batch")
        assert (answer.status_code, kind(answer)) == (400, "idempotency_key_not_here")

    run(world, journey)


def test_a_declined_payment_stays_declined_under_its_key(world: World) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(), await api.account()
        first = await send(api, '"k"', wish(payer, payee, 700))
        assert (first.status_code, first.json()["reason"]) == (402, "insufficient_funds")
        await api.post("/v1/deposits", {"id": new_id(), "account": payer, "amount_minor": 900, "currency": "CNY"})
        again = await send(api, '"k"', wish(payer, payee, 700))
        assert (again.status_code, again.json()["seq"], again.json()["replayed"]) == (402, first.json()["seq"], True)

    run(world, journey)


def test_a_lane_that_dies_after_the_key_was_stored_loses_nothing(world: World, database: Database) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account()
        paid = (await send(api, '"before"', wish(payer, payee, 300))).json()
        await asyncio.to_thread(world.stop_lane)
        lost = await send(api, '"during"', wish(payer, payee, 700))
        assert lost.status_code == 503
        before = dict(stored(database))
        assert set(before) == {"before", "during"}
        await asyncio.to_thread(world.start_lane_again, database)
        await until(api.is_ready)
        late, again = [(await send(api, f'"{key}"', wish(payer, payee, amount))).json() for key, amount in (("during", 700), ("before", 300))]
        assert (late["id"], late["state"], late["replayed"]) == (str(before["during"]), "cleared", False)
        assert (again["seq"], again["replayed"]) == (paid["seq"], True)
        assert dict(stored(database)) == before
        assert await available(api, payer) == 9_000

    run(world, journey)


def test_a_key_whose_command_never_happened_gets_a_fresh_id_once(world: World, database: Database) -> None:
    old = uuid.UUID(new_id(seconds_ago=25 * 3600))

    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account()
        await asyncio.to_thread(world.stop_lane)
        assert (await send(api, '"k"', wish(payer, payee, 700))).status_code == 503
        with database.connect("penstock_keeper") as connection:  # a day passes
            connection.execute("UPDATE idempotency_key SET command_id = %s", [old])
        await asyncio.to_thread(world.start_lane_again, database)
        await until(api.is_ready)
        answers = await asyncio.gather(*(send(api, '"k"', wish(payer, payee, 700)) for _ in range(5)))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["seq"] for answer in answers}) == 1
        assert stored(database) == [("k", uuid.UUID(answers[0].json()["id"]))]
        assert stored(database) != [("k", old)]
        assert await available(api, payer) == 9_300

    run(world, journey)


def test_keys_have_a_rate_of_their_own(world: World) -> None:
    world.settings = replace(world.settings, idempotency_per_second=3.0)

    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account()
        answers = [await send(api, f'"{number}"', wish(payer, payee)) for number in range(4)]
        assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
        assert (kind(answers[3]), answers[3].headers["retry-after"]) == ("idempotency_rate_exceeded", "1")
        assert (await api.post("/v1/payments", pay(payer, payee))).status_code == 201

    run(world, journey)


def test_old_keys_are_forgotten_in_bounded_pieces(world: World, database: Database) -> None:
    now = datetime.now(UTC)
    with database.connect("penstock_edge") as connection:
        connection.execute(
            "INSERT INTO idempotency_key SELECT 1, 'key ' || n, gen_random_uuid(), '', %s - n * interval '1 hour' "
            "FROM generate_series(1, 5000) n",
            [now],
        )
    pieces = []
    with database.connect("penstock_keeper", autocommit=True) as connection:
        while piece := forget_keys(world.settings, connection, now):
            pieces.append(piece)
        left = connection.execute("SELECT count(*), min(made_at) FROM idempotency_key").fetchone()
    assert pieces == [2_000, 2_000, 280]  # older than 30 days: all but the first 720 hours
    assert left == (720, now - timedelta(hours=720))
