"""HTTP/1.1 of an edge, on uvicorn's: patience with slow clients that ends, answers as one record, prompt answers."""

from __future__ import annotations

import asyncio
import gc
from typing import ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from penstock.app.edge.alarm import Alarm
from penstock.app.edge.heads import CLOSE, Heads
from penstock.app.edge.prompt import Errand, Exchange, Prompt
from penstock.kit.http.asgi import Answer

#: After so many connections have ended, what they held is let go of.
_ENDED_TOGETHER: Final = 64


class Ended:
    """Counts the connections that have ended.

    A connection and its transport refer to each other, and so keep their buffers, a megabyte and more with batches, until Python
    looks for such circles among all that has lived for long. Requests make so few objects that it would hardly ever look.
    """

    def __init__(self) -> None:
        self._count = 0

    def one_more(self) -> None:
        """Note one, and let go of many at once: a millisecond or two, because what the process began with is frozen."""
        self._count += 1
        if self._count >= _ENDED_TOGETHER:
            self._count = 0
            gc.collect()


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
    ended: ClassVar[Ended] = Ended()
    _patient = False
    _alarm: Alarm
    _together: OneRecord

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection without a request is closed after a while."""
        super().connection_made(transport)
        self._together = OneRecord(transport)
        self._alarm = Alarm(self.loop, self._hang_up)
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
        self._alarm.stop()
        super().connection_lost(exc)
        self.ended.one_more()

    def _be_patient(self) -> None:
        if not self._patient:
            self._patient = True
            self._alarm.set(self.patience_s)

    def _stop_waiting(self) -> None:
        self._patient = False
        self._alarm.clear()

    def _hang_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


class EdgeProtocol(PatientProtocol):
    """The same, but what can be answered promptly is not handed to the ASGI application.

    uvicorn's cycle of request and answer costs a task, an event, a scope and two timers, more than all of TLS.
    """

    prompt: ClassVar[Prompt | None] = None
    heads: ClassVar[Heads] = Heads()
    #: The newest request, when it is one that is answered promptly.
    _exchange: Exchange | None = None

    def on_message_begin(self) -> None:
        """Begin with nothing: only requests for the application need a scope."""
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._be_patient()

    def on_headers_complete(self) -> None:
        """Take the request, or hand it on as if nothing had happened."""
        errand = self._errand()
        if errand is None:
            self._hand_on()
        else:
            assert self.prompt is not None, "which found the errand"
            self._exchange = Exchange(self.prompt, errand, self._write)
            self.cycle = self._exchange  # type: ignore[assignment]  # it has what uvicorn looks at

    def _errand(self) -> Errand | None:
        """What a plain request wants that finds the connection free and the server not too busy."""
        if self.prompt is None or self.expect_100_continue or self.parser.get_method() != b"POST":
            return None
        fields = dict(self.headers)
        if len(fields) != len(self.headers) or not self._is_free():
            return None
        if not self.parser.should_keep_alive() or (b"connection" in fields and self.parser.get_http_version() != "1.1"):
            return None
        return self.prompt.errand(self.url, fields)

    def _is_free(self) -> bool:
        """Whether no answer is awaited or written on this connection, and the server takes requests."""
        limit = self.limit_concurrency
        if self.flow.write_paused or (limit is not None and len(self.connections) >= limit):
            return False
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]  # none at first

    def _hand_on(self) -> None:
        self._exchange = None
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self._exchange is None:
            super().on_body(body)
        else:
            self._exchange.body += body

    def on_message_complete(self) -> None:
        """The request is here whole."""
        if self._exchange is None:
            super().on_message_complete()
        else:
            self._stop_waiting()
            self._exchange.begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        if self._exchange is not None:
            self._exchange.leave()
        super().connection_lost(exc)

    def _write(self, answer: Answer, keep_alive: bool) -> None:
        """Write a prompt answer; the connection is free for the next request, or ends when the server does."""
        if self.transport.is_closing():
            return
        closes = not keep_alive or CLOSE in answer.headers
        head = self.heads.head(self.server_state.default_headers, answer, closes=closes)
        self.transport.write(head + answer.body)
        if closes:
            self.transport.close()
        if self.pipeline:
            self.on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        if not self._patient:
            self._alarm.set(self.timeout_keep_alive)
