"""Batches in columns through a real edge and lane, written and read by the documented example."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pyarrow as pa
import pytest
from support.edge import Api, World, new_id, pay

ROOT = Path(__file__).resolve().parents[2]
ARROW = "application/vnd.apache.arrow.stream"
Journey = Callable[[Api], Coroutine[Any, Any, None]]


def _example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("columnar_batch", ROOT / "examples" / "columnar_batch.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


example = _example()


def run(world: World, journey: Journey) -> None:
    async def through_an_edge() -> None:
        async with world.api() as api:
            await journey(api)

    asyncio.run(through_an_edge())


async def send(api: Api, body: bytes, caller: str = "shop", accept: str = ARROW, sent: str = ARROW) -> httpx.Response:
    headers = {**api._key(caller), "content-type": sent, "accept": accept}
    return await api.http.post("/v1/batch", content=body, headers=headers)


def columns(payer: str, payee: str, amounts: list[int]) -> dict[str, list[Any]]:
    count = len(amounts)
    return {
        "id": [example.new_id() for _ in amounts], "payer": [payer.encode()] * count, "payee": [payee.encode()] * count,
        "amount_minor": amounts, "currency": ["CNY"] * count, "type": ["transfer"] * count,
        "device": ["phone-7"] * count, "network": ["198.51.100.7", "2001:db8::1"] * (count // 2) + ["x"] * (count % 2),
        "reference": ["午饭", *[None] * count][:count],
    }  # fmt: skip


def test_payments_go_in_and_outcomes_come_out(world: World) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account(caller="other")
        asked = columns(payer, payee, [700, 100, 99_999, 50])
        answer = await send(api, example.write_batch(asked), sent=f"{ARROW}; charset=binary", accept=f"application/json;q=0.5, {ARROW}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, ARROW)
        table = example.read_outcomes(answer.content)
        table.validate(full=True)
        assert table.column("id").to_pylist() == asked["id"]
        assert table.column("status").to_pylist() == ["done"] * 4
        assert table.column("state").to_pylist() == ["cleared", "cleared", "declined", "cleared"]
        assert table.column("reason").to_pylist() == ["ok", "ok", "insufficient_funds", "ok"]
        assert table.column("moved_minor").to_pylist() == [700, 100, 0, 50]
        assert table.column("refundable_minor").to_pylist() == [700, 100, 0, 50]
        seqs, payments = table.column("seq").to_pylist(), table.column("payment").to_pylist()
        assert seqs == sorted(seqs)
        seen = (await api.get(f"/v1/payments/{payments[0].decode()}")).json()
        assert (seen["cleared_minor"], seen["reference"]) == (700, "午饭")
        await again(api, asked, table)

    async def again(api: Api, asked: dict[str, Any], table: pa.Table) -> None:
        """Sent again, all is as the first time, in either form."""
        body = example.write_batch(asked)
        repeated = example.read_outcomes((await send(api, body)).content)
        assert repeated.column("status").to_pylist() == ["replayed"] * 4
        changing = {"status", "as_of_seq"}
        same = [name for name in table.column_names if name not in changing]
        assert repeated.select(same).to_pylist() == table.select(same).to_pylist()
        told = (await send(api, body, accept="*/*")).json()
        assert [each["id"] for each in told] == [str(uuid.UUID(bytes=each)) for each in asked["id"]]
        assert [each["replayed"] for each in told] == [True] * 4
        assert [each["payment"].encode() for each in told] == table.column("payment").to_pylist()

    run(world, journey)


def test_an_id_used_for_another_content_is_refused_alone(world: World) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account()
        asked = columns(payer, payee, [10, 20])
        await send(api, example.write_batch(asked))
        fresh = columns(payer, payee, [30, 40])
        fresh["id"][0] = asked["id"][0]
        table = example.read_outcomes((await send(api, example.write_batch(fresh))).content)
        assert table.column("status").to_pylist() == ["refused", "done"]
        assert table.column("state").to_pylist() == ["refused", "cleared"]
        assert table.column("reason").to_pylist() == ["id_conflict", "ok"]
        assert [each is None for each in table.column("payment").to_pylist()] == [True, False]
        assert [each is None for each in table.column("time").to_pylist()] == [True, False]

    run(world, journey)


def test_payments_as_json_may_be_answered_in_columns(world: World) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account()
        items = [{"command": "pay", **pay(payer, payee, amount)} for amount in (1, 2)]
        answer = await api.post("/v1/batch", items, accept=ARROW)
        table = example.read_outcomes(answer.content)
        assert [str(uuid.UUID(bytes=each)) for each in table.column("id").to_pylist()] == [each["id"] for each in items]
        assert table.column("moved_minor").to_pylist() == [1, 2]
        other = [*items, {"command": "open_customer", "id": new_id(), "tier": "large"}]
        refused = await api.post("/v1/batch", other, accept=ARROW)
        assert (refused.status_code, refused.json()["type"]) == (406, "/docs#not_in_columns")
        empty = await api.post("/v1/batch", [], accept=ARROW)
        assert example.read_outcomes(empty.content).num_rows == 0

    run(world, journey)


def test_what_is_refused_leaves_nothing(world: World) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000), await api.account()
        asked = columns(payer, payee, [10, 20, 0])
        answer = await send(api, example.write_batch(asked))
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        assert answer.json()["errors"][0]["field"] == "items[2].amount_minor"
        assert (await api.get(f"/v1/accounts/{payer}")).json()["available_minor"] == 10_000
        good = columns(payer, payee, [1])
        for body, caller, sent, status in [
            (example.write_batch(good), "reader", ARROW, 403),
            (example.write_batch(good), "nobody", ARROW, 401),
            (example.write_batch(good)[:-100], "shop", ARROW, 400),
            (example.write_batch(good), "shop", "application/json", 400),
            (example.write_batch(good), "shop", "application/vnd.apache.arrow.file", 415),
            (b"[]", "shop", ARROW, 400),
        ]:
            answer = await send(api, body, caller, sent=sent)
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        keyed = {**api._key("shop"), "content-type": ARROW, "idempotency-key": '"a"'}
        answer = await api.http.post("/v1/batch", content=example.write_batch(good), headers=keyed)
        assert (answer.status_code, answer.json()["type"]) == (400, "/docs#idempotency_key_not_here")

    run(world, journey)


@pytest.mark.parametrize("process", ["lane_process", "office_process", "keeper", "supervisor"])
def test_nobody_but_edges_loads_pyarrow(process: str) -> None:
    code = f"import sys, penstock.app.{process}; sys.exit('pyarrow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_documented_program_works(world: World) -> None:
    """All of it but the connection, which a test without sockets does not have."""
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    (program,) = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "pyarrow" in block]
    writing, _, rest = program.partition("headers = ")

    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000_000), await api.account()
        names: dict[str, Any] = {}
        exec(writing.replace("acc_…", payer, 1).replace("acc_…", payee, 1).replace("range(4000)", "range(400)"), names)
        answer = await send(api, names["sink"].getvalue().to_pybytes(), accept=names["ARROW"], sent=names["ARROW"])
        table = pa.ipc.open_stream(answer.content).read_all()
        assert table.column("state").to_pylist() == ["cleared"] * 400

    assert "content=sink.getvalue().to_pybytes()" in rest
    assert "pa.ipc.open_stream(answer.content).read_all()" in rest
    run(world, journey)


@pytest.mark.parametrize("count", [0, 3_000])
def test_none_or_thousands(world: World, count: int) -> None:
    async def journey(api: Api) -> None:
        payer, payee = await api.account(10_000_000), await api.account()
        table = example.read_outcomes((await send(api, example.write_batch(columns(payer, payee, [1] * count)))).content)
        assert table.column("moved_minor").to_pylist() == [1] * count

    run(world, journey)
