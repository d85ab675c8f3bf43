"""Prompt answers at the wire: order, pieces, patience, a server that stops, clients that leave."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from penstock.app.edge.metrics import RequestFigures
from penstock.app.edge.prompt import Prompt
from penstock.app.edge.server import make_server, tls_context
from penstock.contracts.lane_port import Reply, Told
from penstock.contracts.principal import Principal
from penstock.kit.http.asgi import Answer, read_body, send_answer
from penstock.kit.http.problem import too_many
from penstock.kit.settings import Settings
from penstock.kit.tls import Certificate, development_certificate
from penstock.process.commands.routes import Asked

PATIENCE_S = 0.5
REPLY = Reply._make([0] * len(Reply._fields))
PRINCIPAL = Principal("key", 1, frozenset())


async def door(scope: Any, receive: Any, send: Any) -> None:
    """What goes through the door is answered with its body, too, and a sign that it did."""
    await send_answer(send, Answer(200, b"door " + await read_body(scope, receive, 1_000)))


class Everybody:
    """Admits all."""

    def known(self, authorization: bytes) -> Principal | None:
        return None if authorization == b"stranger" else PRINCIPAL

    def spare(self, principal: Principal) -> None:
        pass


class Echo:
    """A route that answers with the body: at once, when ``release`` is called (``later``), or not as wished."""

    def __init__(self) -> None:
        self.waiting: list[Told] = []

    def prepare(self, principal: Principal, named: str, body: bytes) -> Asked:  # noqa: ARG002
        if body == b"wrong":
            raise too_many("rate_exceeded", "Too many", "Nothing was done.")
        return Asked(f"{named} {body.decode()}".strip(), b"", b"")

    def send(self, asked: Asked, told: Told) -> None:
        assert asked.command_id != "a bug", "which becomes an answer"
        if asked.command_id.endswith("later"):
            self.waiting.append(told)
        else:
            told.hear(REPLY, b"")

    def answer(self, reply: Reply, command_id: str) -> Answer:  # noqa: ARG002
        return Answer(201, command_id.encode())

    async def completed(self, reply: Reply) -> Reply:
        return reply

    def release(self) -> None:
        for told in self.waiting:
            told.hear(REPLY, b"")


class Place:
    """A server with one prompt route."""

    def __init__(self, files: Certificate) -> None:
        self.files, self.echo, self.metrics = files, Echo(), RequestFigures()
        routes = {"/v1/payments": self.echo, "/v1/payments/{payment}/clear": self.echo}
        prompt = Prompt(routes, Everybody(), self.metrics, 10_000, time.monotonic)  # type: ignore[arg-type]
        settings = Settings(request_timeout_s=PATIENCE_S, idle_s=1)
        self.server: uvicorn.Server = make_server(door, settings, 0, tls_context(files.certificate, files.key), prompt)

    @property
    def port(self) -> int:
        return int(self.server.servers[0].sockets[0].getsockname()[1])

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context = ssl.create_default_context(cafile=str(self.files.ca))
        return await asyncio.open_connection("localhost", self.port, ssl=context)

    async def exchange(self, data: bytes) -> bytes:
        """Send bytes and read until the server closes."""
        reader, writer = await self.connect()
        writer.write(data)
        answers = await reader.read()
        writer.close()
        return answers

    def answered(self, status: int) -> int:
        return sum(count for (_, _, found), count in self.metrics._answered.items() if found == status)


@asynccontextmanager
async def serving(files: Certificate) -> AsyncIterator[Place]:
    place = Place(files)
    with place.server.capture_signals():
        task = asyncio.create_task(place.server._serve())
        while not place.server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield place
        place.server.should_exit = True
        await task


def run(home: Path, journey: Callable[[Place], Coroutine[Any, Any, None]]) -> None:
    files = development_certificate(home / "tls", datetime.now(UTC))

    async def through_a_server() -> None:
        async with asyncio.timeout(30), serving(files) as place:
            await journey(place)

    asyncio.run(through_a_server())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
        await asyncio.sleep(0.005)


def post(body: bytes, path: str = "/v1/payments", more: bytes = b"") -> bytes:
    return b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n%s\r\n%s" % (path.encode(), len(body), more, body)


def told(answers: bytes) -> list[tuple[int, bytes]]:
    """Status and body of each answer."""
    found, place = [], 0
    while place < len(answers):
        end = answers.index(b"\r\n\r\n", place)
        head = answers[place:end]
        size = re.search(rb"content-length: (\d+)", head)
        assert size is not None
        place = end + 4 + int(size[1])
        found.append((int(head[9:12]), answers[end + 4 : place]))
    return found


def test_an_answer_is_whole_and_secured(home: Path) -> None:
    async def journey(place: Place) -> None:
        started = time.monotonic()
        answer = await place.exchange(post(b"one", "/v1/payments/pay_1/clear"))
        assert time.monotonic() - started >= 0.9, "an idle connection is closed after a second"
        assert told(answer) == [(201, b"pay_1 one")]
        for line in (b"date: ", b"cache-control: no-store", b"strict-transport-security: ", b"content-type: application/json"):
            assert answer.count(b"\r\n" + line) == 1
        assert b"server: " not in answer
        assert place.metrics.in_flight == 0
        assert place.answered(201) == 1

    run(home, journey)


@pytest.mark.parametrize(
    "sent",
    [
        post(b"x", more=b"authorization: stranger\r\n"),
        post(b"x", more=b"idempotency-key: 1\r\n"),
        post(b"x", more=b"connection: close\r\n"),
        post(b"x", more=b"expect: 100-continue\r\n"),
        post(b"x", more=b"accept: a/b\r\naccept: a/c\r\n"),
        post(b"x", "/v1/payments?x=1"),
        post(b"x", "/v1/pay%6Dents"),
        post(b"x").replace(b"1.1", b"1.0"),
        b"POST /v1/payments HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        b"GET /v1/payments HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
)
def test_what_is_not_plain_goes_through_the_door(home: Path, sent: bytes) -> None:
    async def journey(place: Place) -> None:
        body = b"" if sent.startswith(b"GET") else b"x"
        answers = (await place.exchange(sent)).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert told(answers) == [(200, b"door " + body)]

    run(home, journey)


def test_answers_keep_the_order_of_their_requests(home: Path) -> None:
    async def journey(place: Place) -> None:
        reader, writer = await place.connect()
        writer.write(post(b"1 later") + post(b"2") + b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" + post(b"3"))
        await until(lambda: bool(place.echo.waiting))
        await asyncio.sleep(0.05)
        place.echo.release()
        assert told(await reader.read()) == [(201, b"1 later"), (200, b"door 2"), (200, b"door "), (200, b"door 3")]
        writer.close()

    run(home, journey)


def test_a_body_may_come_in_pieces_but_not_for_ever(home: Path) -> None:
    async def journey(place: Place) -> None:
        reader, writer = await place.connect()
        request = post(b"12345")
        for piece in (request[:20], request[20:-5], request[-5:-3], request[-3:]):
            writer.write(piece)
            await asyncio.sleep(0.02)
        await until(lambda: place.answered(201) == 1)
        started = time.monotonic()
        writer.write(request[:-2])
        assert told(await reader.read()) == [(201, b"12345")]
        assert 0.9 * PATIENCE_S <= time.monotonic() - started < 2 * PATIENCE_S
        writer.close()
        await until(lambda: (place.answered(499), place.metrics.in_flight) == (1, 0))

    run(home, journey)


def test_many_requests_on_one_connection_outlive_patience_and_idle_time(home: Path) -> None:
    async def journey(place: Place) -> None:
        reader, writer = await place.connect()
        for _ in range(8):
            writer.write(post(b"x"))
            await reader.readuntil(b"\r\n\r\nx")
            await asyncio.sleep(PATIENCE_S / 2)
        writer.write(post(b"later"))
        await asyncio.sleep(2.5 * PATIENCE_S)
        place.echo.release()
        await reader.readuntil(b"\r\n\r\nlater")
        writer.close()

    run(home, journey)


def test_problems_and_bugs_are_answers(home: Path) -> None:
    async def journey(place: Place) -> None:
        answers = await place.exchange(post(b"wrong") + post(b"x"))
        assert [status for status, _ in told(answers)] == [429, 201]
        assert b"\r\nretry-after: 1\r\n" in answers
        answers = await place.exchange(post(b"a bug") + post(b"x"))
        assert [status for status, _ in told(answers)] == [500, 201]
        assert b"which becomes" not in answers

    run(home, journey)


def test_a_server_that_stops_gives_the_answers_it_owes(home: Path) -> None:
    async def journey(place: Place) -> None:
        reader, writer = await place.connect()
        writer.write(post(b"later"))
        await until(lambda: bool(place.echo.waiting))
        place.server.should_exit = True
        await asyncio.sleep(0.3)
        place.echo.release()
        answers = await reader.read()
        assert told(answers) == [(201, b"later")]
        assert b"\r\nconnection: close\r\n" in answers
        writer.close()

    run(home, journey)


def test_an_answer_that_nobody_waits_for_is_counted_once(home: Path) -> None:
    async def journey(place: Place) -> None:
        _, writer = await place.connect()
        writer.write(post(b"later"))
        await until(lambda: bool(place.echo.waiting))
        writer.transport.abort()
        await until(lambda: not place.server.server_state.connections)
        place.echo.release()
        assert (place.answered(201), place.answered(499), place.metrics.in_flight) == (1, 0, 0)

    run(home, journey)
