"""Payments get the same answers promptly and through the door, from a real lane over HTTPS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from support.edge import Api, World, new_id, pay, until

from penstock.app.edge.server import make_server, tls_context
from penstock.app.edge_process import open_door
from penstock.kit.client import tls_context as trusting
from penstock.kit.tls import development_certificate

#: What differs between two requests that mean the same.
OWN = {"id", "seq", "as_of_seq", "time", "payment", "replayed"}


@asynccontextmanager
async def https(world: World, home: Path) -> AsyncIterator[Api]:
    """A served edge."""
    files = development_certificate(home / "tls", datetime.now(UTC))
    async with open_door(world.settings, 0, world.around) as door:
        server = make_server(door, world.settings, 0, tls_context(files.certificate, files.key), door.prompt)
        task = asyncio.create_task(server._serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        url = f"https://localhost:{server.servers[0].sockets[0].getsockname()[1]}"
        async with httpx.AsyncClient(base_url=url, verify=trusting(files.ca), trust_env=False) as http:
            api = Api(http, world.keys, world.stop_lane)
            await until(api.is_ready)
            yield api
        server.should_exit = True
        await task


async def both(
    api: Api, path: str, body: Any, again: Any, caller: str = "shop", again_path: str | None = None
) -> tuple[int, Any]:
    """The answer to a request: the same promptly, and to ``again`` through the door, which all that ends a connection takes."""
    await api.post("/v1/labels", {}, caller)  # its key is known from now on
    prompt = await api.post(path, body, caller)
    doors = await api.post(again_path or path, again, caller, connection="close")
    assert "connection" not in prompt.headers
    assert doors.headers["connection"] == "close"
    apart = {"date", "connection", "content-length"}
    assert {n: v for n, v in prompt.headers.items() if n not in apart} == {
        n: v for n, v in doors.headers.items() if n not in apart
    }
    assert prompt.status_code == doors.status_code
    one, other = ({n: v for n, v in answer.json().items() if n not in OWN} for answer in (prompt, doors))
    assert one == other
    return prompt.status_code, prompt.json()


def test_both_ways_give_the_same_answers(world: World, home: Path) -> None:
    async def journey() -> None:
        async with asyncio.timeout(60), https(world, home) as api:
            payer, payee = await api.account(10_000), await api.account()
            status, made = await both(api, "/v1/payments", pay(payer, payee), pay(payer, payee))
            assert (status, made["state"], made["replayed"]) == (201, "cleared", False)
            wish = pay(payer, payee)
            assert (await both(api, "/v1/payments", wish, wish))[0] == 201
            status, again = await both(api, "/v1/payments", wish, wish)  # both are replayed from the journal
            assert (status, again["replayed"]) == (201, True)
            assert (await both(api, "/v1/payments", {**wish, "amount_minor": 7}, {**wish, "amount_minor": 7}))[0] == 409
            assert (await both(api, "/v1/payments", pay(payer, payee, 10**9), pay(payer, payee, 10**9)))[0] == 402
            assert (await both(api, "/v1/payments", {"id": "x"}, {"id": "x"}))[0] == 422
            assert (await both(api, "/v1/payments", pay("acc_1", payee), pay("acc_1", payee)))[0] == 422
            assert (await both(api, "/v1/payments", pay(payer, payee), pay(payer, payee), "reader"))[0] == 403
            refunds = [{"id": new_id(), "amount_minor": 1} for _ in range(2)]
            paths = [f"/v1/payments/{payment['payment']}/refund" for payment in (made, again)]
            status, refund = await both(api, paths[0], *refunds, again_path=paths[1])
            assert (status, refund["moved_minor"]) == (201, 1)

    asyncio.run(journey())


def test_a_key_that_was_good_is_looked_at_again_when_the_keys_are_read(world: World, home: Path) -> None:
    async def journey() -> None:
        async with asyncio.timeout(60), https(world, home) as api:
            payer, payee = await api.account(10_000), await api.account()
            assert (await api.post("/v1/payments", pay(payer, payee))).status_code == 201
            key = api.keys["shop"]
            for bad in (key[:-1] + ("a" if key[-1] != "a" else "b"), key.upper(), "psk_"):
                api.keys["shop"] = bad
                assert (await api.post("/v1/payments", pay(payer, payee))).status_code == 401

    asyncio.run(journey())
