"""The HTTPS server: uvicorn with TLS 1.2 or newer, and patience with slow clients that ends."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any, ClassVar

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from penstock.kit.settings import Settings


class OneRecord:
    """A transport on which the head of an answer waits for what follows it: one TLS record and one system call for both.

    It has what uvicorn's cycle of request and answer uses of a transport, and no more.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""
        self._begun = False
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Keep the first piece of an answer; the second takes it along, and the others go at once."""
        if self._begun:
            self._transport.write(self._head + data)
            self._head = b""
        else:
            self._head, self._begun = data, True

    def end(self) -> None:
        """The answer is complete, though it may be a head alone; the next piece begins another."""
        if self._head:
            self._transport.write(self._head)
        self._head, self._begun = b"", False

    def close(self) -> None:
        """Write what waits, and end the connection."""
        self.end()
        self._transport.close()


class PatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 in which a whole request must arrive within ``patience_s``; uvicorn itself would wait for ever."""

    patience_s: ClassVar[float] = 10.0
    _patience: asyncio.TimerHandle | None = None
    _together: OneRecord

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection without a request is closed after a while."""
        super().connection_made(transport)
        self._together = OneRecord(transport)
        self._be_patient()

    def on_message_begin(self) -> None:
        """The first byte of a request has come: the rest of it has to follow."""
        super().on_message_begin()
        self._be_patient()

    def on_headers_complete(self) -> None:
        """The answer to this request goes out as one record, unless the client is to be told first that it may go on."""
        super().on_headers_complete()
        if not self.expect_100_continue:
            self.cycle.transport = self._together  # type: ignore[assignment]

    def on_response_complete(self) -> None:
        """The next answer begins with a head again."""
        self._together.end()
        super().on_response_complete()

    def on_message_complete(self) -> None:
        """The request is here; from now on the application watches the time."""
        self._stop_waiting()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to wait for."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _be_patient(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(self.patience_s, self._lose_patience)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _lose_patience(self) -> None:
        self._patience = None
        if not self.transport.is_closing():
            self.transport.close()


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """A server context: TLS 1.2 or newer, whatever the system's defaults are, and no compression."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate, key)
    return context


def make_server(app: Any, settings: Settings, port: int, context: ssl.SSLContext) -> uvicorn.Server:
    """A server for ``app``; run it with ``await server.serve()``."""
    protocol = type("PatientProtocol", (PatientProtocol,), {"patience_s": settings.request_timeout_s})
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=port,
        http=protocol,
        ws="none",
        loop="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=settings.connections,
        timeout_keep_alive=settings.idle_s,
        timeout_graceful_shutdown=int(settings.reply_timeout_s) + 1,
        ssl_context_factory=lambda _config, _default: context,
    )
    return uvicorn.Server(config)
