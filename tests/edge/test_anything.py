"""Whatever comes in is answered with a problem, never with an error of ours."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.app.edge.database import Database
from penstock.app.edge.lane_link import LaneLink
from penstock.app.edge.openapi import HOT_ROUTES
from penstock.contracts.ids import PublicIds
from penstock.contracts.marks import Marks
from penstock.contracts.office import Office
from penstock.contracts.policy import default_policy
from penstock.contracts.principal import Principal, Scope
from penstock.kit.http.buckets import TokenBucket
from penstock.kit.http.problem import Problem
from penstock.kit.settings import Settings
from penstock.process.commands.routes import Services, hot_routes

CALLER = Principal("key", 1, frozenset(Scope))
PATHS = [route.path for route in HOT_ROUTES]
FIELDS = [
    "id",
    "command",
    "payer",
    "payee",
    "account",
    "customer",
    "payment",
    "amount_minor",
    "currency",
    "type",
    "tier",
    "metadata",
    "reason",
    "side",
    "until",
    "decision",
    "correction",
    "operation",
    "device",
    "network",
    "location",
    "extras",
    "factors",
    "channel",
]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | st.sampled_from(["pay", "clear", "acc_0000000000000", "CNY", "bill", "019b76da-a800-7000-8000-0000000000ff"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), inner, max_size=9),
    max_leaves=12,
)  # fmt: skip


def no_journal() -> AbstractAsyncContextManager[object]:
    raise AssertionError("nothing is replayed without a lane")


def services() -> Services:
    """Real parts, but for a lane that is away."""
    lane = LaneLink(Settings(), Path("/nonexistent/lane.sock"))
    bucket = TokenBucket(1e6, 0.0)
    ids = PublicIds(bytes(16))
    office = Office(lane, ids, Settings(), no_journal, lambda: datetime.now(UTC))  # type: ignore[arg-type]
    return Services(
        lane, ids, Settings(), lambda: {"basic": 0}, no_journal, lambda: int(time.time() * 1000),
        time.monotonic, bucket, Marks(bytes(32)), default_policy, office,
    )  # type: ignore[arg-type]  # fmt: skip


def offer(path: str, body: bytes, payment: str) -> None:
    async def send() -> None:
        with pytest.raises(Problem) as caught:
            await hot_routes(services())[path](CALLER, payment, body)
        assert caught.value.status in {400, 422, 503}, caught.value.body()
        assert msgspec.json.decode(caught.value.body())["status"] == caught.value.status

    if not (path == "/v1/batch" and body.split() in ([b"[]"], [b"[", b"]"])):
        asyncio.run(send())


@given(st.sampled_from(PATHS), st.binary(max_size=200), st.text(max_size=20))
@settings(deadline=None)
def test_any_bytes(path: str, body: bytes, payment: str) -> None:
    offer(path, body, payment)


@given(st.sampled_from(PATHS), values, st.text(max_size=20))
@settings(deadline=None)
def test_any_json(path: str, body: object, payment: str) -> None:
    offer(path, msgspec.json.encode(body), payment)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'[{"command":"pay","metadata":' + b"[" * 100_000,
        b"1e999999",
        b"\xef\xbb\xbf{}",
    ],
)
@pytest.mark.parametrize("path", PATHS)
def test_hostile_nesting(path: str, body: bytes) -> None:
    offer(path, body, "pay_0000000000000")


def test_a_database_that_is_away_is_a_problem() -> None:
    async def ask() -> None:
        database = Database("host=127.0.0.1 port=1 dbname=x user=x", "test")
        await database.open()
        try:
            assert not await database.answers()
        finally:
            await database.close()

    asyncio.run(ask())
