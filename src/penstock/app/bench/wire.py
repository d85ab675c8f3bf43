"""HTTP/1.1 over TLS for the load generator: a few microseconds a request, because it does no more than is needed.

Answers are those of our own edge: a status line, headers, a body of Content-Length. One request at a
time is on its way on a connection; what finds no free connection waits in line.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from penstock.kit.client import Access, tls_context

#: Told of an answer: its status and body; 0 when the connection broke and the outcome is unknown.
Done = Callable[[int, bytes], None]

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_RECONNECT_S: Final = 0.1
#: No answer at all: the connection broke.
BROKEN: Final = 0


class Wire(asyncio.Protocol):
    """One connection."""

    def __init__(self, freed: Callable[[Wire], None], lost: Callable[[Wire], None]) -> None:
        """``freed`` is told when the connection may take another request, ``lost`` when it is gone."""
        self._freed, self._lost = freed, lost
        self._transport: asyncio.Transport | None = None
        self._done: Done | None = None
        self._pieces: list[bytes] = []
        self._status = self._left = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Ready for the first request."""
        self._transport = transport

    def send(self, request: bytes, done: Done) -> None:
        """Send a whole request; the connection must be free."""
        assert self._done is None, "one request at a time"
        assert self._transport is not None, "connected"
        self._done = done
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Gather the answer."""
        if not self._left:
            data = self._begin(data)
        if data:
            self._pieces.append(data)
            self._left -= len(data)
        if self._status and not self._left:
            self._finish()

    def _begin(self, data: bytes) -> bytes:
        """Read the head once it is whole; what follows it."""
        data = b"".join([*self._pieces, data])
        self._pieces = []
        end = data.find(_END)
        if end < 0:
            self._pieces, self._left = [data], 0
            return b""
        head = data[:end].lower()
        self._status, self._left = int(head[9:12]), _content_length(head)
        return data[end + len(_END) :]

    def _finish(self) -> None:
        status, body, done = self._status, b"".join(self._pieces), self._done
        self._pieces, self._status, self._done = [], 0, None
        assert done is not None, "an answer to a request"
        self._freed(self)
        done(status, body)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - whatever the reason, the outcome is unknown
        """Tell whoever waits that nothing will come."""
        done, self._done, self._transport = self._done, None, None
        self._lost(self)
        if done is not None:
            done(BROKEN, b"")

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()


def _content_length(head: bytes) -> int:
    place = head.find(_LENGTH)
    if place < 0:
        return 0
    return int(head[place + len(_LENGTH) :].partition(b"\r")[0])


class Wires:
    """Connections to one server, made anew when they break. Use it as an async context manager."""

    def __init__(self, access: Access, connections: int) -> None:
        address = urlsplit(access.url)
        assert address.hostname is not None, "an https address"
        self._host, self._port = address.hostname, address.port or 443
        self._context: ssl.SSLContext = tls_context(access.ca_file)
        self._count = connections
        self._free: list[Wire] = []
        self._all: set[Wire] = set()
        self._waiting: deque[tuple[bytes, Done]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    async def __aenter__(self) -> Self:
        await asyncio.gather(*(self._connect() for _ in range(self._count)))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        for task in self._tasks:
            task.cancel()
        for wire in list(self._all):
            wire.close()
        await asyncio.sleep(0)

    @property
    def waiting(self) -> int:
        """Requests that no connection has taken yet."""
        return len(self._waiting)

    def send(self, request: bytes, done: Done) -> None:
        """Send a request as soon as a connection is free."""
        if self._free:
            self._free.pop().send(request, done)
        else:
            self._waiting.append((request, done))

    def _freed(self, wire: Wire) -> None:
        if self._waiting:
            wire.send(*self._waiting.popleft())
        else:
            self._free.append(wire)

    def _lose(self, wire: Wire) -> None:
        self._all.discard(wire)
        if wire in self._free:
            self._free.remove(wire)
        if not self._closing:
            task = asyncio.get_running_loop().create_task(self._connect_again())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _connect_again(self) -> None:
        while True:
            await asyncio.sleep(_RECONNECT_S)
            try:
                await self._connect()
            except OSError:
                continue
            return

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(
            lambda: Wire(self._freed, self._lose), self._host, self._port, ssl=self._context
        )
        self._all.add(wire)
        self._freed(wire)


def post_head(access: Access, path: str, media_type: str, accept: str = "") -> bytes:
    """The beginning of a POST, to which the body's length, an empty line and the body are added by ``post``."""
    lines = [
        f"POST {path} HTTP/1.1", f"Host: {urlsplit(access.url).netloc}", f"Authorization: Bearer {access.key}",
        f"Content-Type: {media_type}", *([f"Accept: {accept}"] if accept else []), "Content-Length: ",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def post(head: bytes, body: bytes) -> bytes:
    """A whole request."""
    return b"%s%d\r\n\r\n%s" % (head, len(body), body)


def access_to(url: str, ca_file: str, key: str) -> Access:
    """The address, CA and key that a load names."""
    return Access(url, Path(ca_file), key)
