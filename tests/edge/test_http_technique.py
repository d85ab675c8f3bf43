"""Problems, buckets and bodies."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.kit.http.asgi import Gone, read_body
from penstock.kit.http.buckets import Buckets, TokenBucket
from penstock.kit.http.problem import Problem, from_decoding


@given(st.floats(1, 1000), st.lists(st.floats(0, 2), max_size=50))
def test_a_bucket_never_gives_more_than_its_rate(rate: float, pauses: list[float]) -> None:
    bucket, now, given_out = TokenBucket(rate, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        while bucket.take(now):
            given_out += 1
        assert given_out <= rate * (now + 1) + 1e-6 * rate


def test_a_bucket_fills_up_again() -> None:
    bucket = TokenBucket(2, 0.0)
    assert [bucket.take(0.0) for _ in range(3)] == [True, True, False]
    assert not bucket.take(0.4)
    assert bucket.take(0.5)
    assert not bucket.take(100.0, 3)
    assert bucket.take(100.0, 2)


def test_buckets_are_apart_and_bounded() -> None:
    buckets = Buckets(1, most_keys=2)
    assert buckets.take(1, 0.0)
    assert buckets.take(2, 0.0)
    assert not buckets.take(1, 0.0)
    assert buckets.take(3, 0.0)  # forgets 2, which was quiet longest
    assert not buckets.take(1, 0.0)


class _Shape(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    size: int = 0


@pytest.mark.parametrize(
    ("body", "root", "field"),
    [
        (b'{"name": 1}', "", "name"),
        (b'{"nam": "x"}', "", "nam"),
        (b"{}", "", "name"),
        (b"[]", "", "body"),
        (b'[{"name": "x"}, {"name": 2}]', "items", "items[1].name"),
        (b'[{"name": "x"}, {}]', "items", "items[1].name"),
        (b"7", "items", "items"),
    ],
)
def test_a_decoding_error_names_its_field(body: bytes, root: str, field: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(body, type=list[_Shape] if root else _Shape)
    problem = from_decoding(caught.value, root, {"name": "send a text"})
    assert (problem.status, problem.errors[0].field) == (422, field)
    assert problem.errors[0].fix


def read(parts: list[dict[str, Any]], most: int = 10, declared: bytes | None = None) -> bytes:
    headers = [] if declared is None else [(b"content-length", declared)]
    waiting = list(parts)

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    return asyncio.run(read_body({"headers": headers}, receive, most))


def part(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def test_a_body_comes_in_parts() -> None:
    assert read([part(b"12345", more=True), part(b"67890", more=False)]) == b"1234567890"
    assert read([part(b"", more=False)]) == b""


@pytest.mark.parametrize(
    ("parts", "declared"),
    [([part(b"x" * 11, more=False)], None), ([part(b"x" * 6, more=True)] * 2, None), ([], b"11")],
)
def test_a_body_that_is_too_large_is_refused(parts: list[dict[str, Any]], declared: bytes | None) -> None:
    with pytest.raises(Problem) as caught:
        read(parts, declared=declared)
    assert caught.value.status == 413


def test_a_client_that_leaves_is_noticed() -> None:
    with pytest.raises(Gone):
        read([part(b"x", more=True), {"type": "http.disconnect"}])
