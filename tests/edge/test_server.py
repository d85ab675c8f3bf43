"""The HTTPS server at the wire: TLS versions, slow and silent clients."""

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

from penstock.app.edge.server import make_server, tls_context
from penstock.kit.http.asgi import Answer, read_body, send_answer
from penstock.kit.settings import Settings
from penstock.kit.tls import Certificate, development_certificate

PATIENCE_S = 0.5


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the body; on ``/pieces`` letter by letter, each when the client has sent a request for it."""
    if scope["path"] != "/pieces":
        await send_answer(send, Answer(200, await read_body(scope, receive, 1_000)))
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for number in range(3):
        await send({"type": "http.response.body", "body": b"piece %d" % number, "more_body": True})
        await heard.acquire()
    await send({"type": "http.response.body"})


#: How many pieces the client has heard.
heard = asyncio.Semaphore(0)


@asynccontextmanager
async def serving(files: Certificate) -> AsyncIterator[int]:
    settings = Settings(request_timeout_s=PATIENCE_S, idle_s=1)
    server = make_server(echo, settings, 0, tls_context(files.certificate, files.key))
    with server.capture_signals():
        task = asyncio.create_task(server._serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
        server.should_exit = True
        await task


async def exchange(port: int, files: Certificate, data: bytes, **versions: ssl.TLSVersion) -> bytes:
    """Send bytes and read until the server closes."""
    context = ssl.create_default_context(cafile=str(files.ca))
    for name, version in versions.items():
        setattr(context, name, version)
    reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
    try:
        writer.write(data)
        return await reader.read()
    finally:
        writer.close()


def run(home: Path, journey: Callable[[int, Certificate], Coroutine[Any, Any, None]]) -> None:
    files = development_certificate(home / "tls", datetime.now(UTC))

    async def through_a_server() -> None:
        async with asyncio.timeout(30), serving(files) as port:
            await journey(port, files)

    asyncio.run(through_a_server())


REQUEST = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n"


@pytest.mark.parametrize("sent", [b"", b"POST / HTTP/1.1\r\nhost", REQUEST, REQUEST + b"12"])
def test_patience_with_slow_clients_ends(home: Path, sent: bytes) -> None:
    async def journey(port: int, files: Certificate) -> None:
        started = time.monotonic()
        assert await exchange(port, files, sent) == b""
        assert time.monotonic() - started >= PATIENCE_S * 0.9

    run(home, journey)


def test_a_request_is_answered_and_the_idle_connection_closed(home: Path) -> None:
    async def journey(port: int, files: Certificate) -> None:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            answer = await exchange(port, files, REQUEST + b"12345", minimum_version=version, maximum_version=version)
            assert answer.startswith(b"HTTP/1.1 200 OK")
            assert answer.endswith(b"12345")
            assert b"server:" not in answer.lower()

    run(home, journey)


def answers_to(*bodies: bytes) -> bytes:
    """What comes back for bodies one after another, without the time that uvicorn says."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
    return b"".join(head % (len(body), body) for body in bodies)


def timeless(answers: bytes) -> bytes:
    return re.sub(rb"date: .{29}\r\n", b"", answers)


def test_requests_one_after_another_are_answered_in_order(home: Path) -> None:
    """Three at once, one of which wants a head alone."""
    async def journey(port: int, files: Certificate) -> None:
        head = b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n"
        answers = await exchange(port, files, REQUEST + b"12345" + head + REQUEST + b"67890")
        assert timeless(answers) == answers_to(b"12345", b"", b"67890")

    run(home, journey)


def test_a_client_that_asks_whether_it_may_go_on_is_told(home: Path) -> None:
    async def journey(port: int, files: Certificate) -> None:
        reader, writer = await asyncio.open_connection("localhost", port, ssl=ssl.create_default_context(cafile=str(files.ca)))
        writer.write(REQUEST[:-2] + b"expect: 100-continue\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"12345")
        assert timeless(await reader.readuntil(b"12345")) == answers_to(b"12345")
        writer.close()

    run(home, journey)


def test_pieces_of_an_answer_do_not_wait_for_each_other(home: Path) -> None:
    async def journey(port: int, files: Certificate) -> None:
        reader, writer = await asyncio.open_connection("localhost", port, ssl=ssl.create_default_context(cafile=str(files.ca)))
        writer.write(b"GET /pieces HTTP/1.1\r\nhost: x\r\n\r\n")
        for number in range(3):
            await reader.readuntil(b"piece %d\r\n" % number)
            heard.release()
        assert await reader.readexactly(5) == b"0\r\n\r\n"
        writer.close()

    run(home, journey)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_old_tls_is_refused(home: Path) -> None:
    async def journey(port: int, files: Certificate) -> None:
        old = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await exchange(port, files, REQUEST + b"12345", minimum_version=old, maximum_version=old)

    run(home, journey)
    files = development_certificate(home / "tls", datetime.now(UTC))
    assert tls_context(files.certificate, files.key).minimum_version == ssl.TLSVersion.TLSv1_2
