"""A small client of the public HTTPS API: one key, one CA file, kept-alive HTTP/1.1 connections.

A request that got no certain answer (429, 503 as problem+json, a broken connection) is repeated
unchanged, with the same command ids, after the pause that the server asks for; so nothing is done
twice. ``Client`` blocks, ``AsyncClient`` awaits; both share the rules in this file.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

import httpx
import msgspec

PROBLEM: Final = "application/problem+json"
RETRIED: Final = frozenset({429, 503})
#: Pauses without a Retry-After double from the first to the longest.
FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 5.0

Command: TypeAlias = dict[str, Any]
Outcome: TypeAlias = dict[str, Any]


class NoAnswer(RuntimeError):
    """The server gave no certain answer within the client's patience; the message says what to do."""


class Refused(RuntimeError):
    """The server refused the request's form or right (problem+json)."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(describe_problem(answer))
        self.answer = answer


@dataclass(frozen=True)
class Access:
    """Where the API is and who we are. The key is a secret and is not shown."""

    url: str
    ca_file: Path
    key: str = field(default="", repr=False)


@dataclass(frozen=True)
class Answer:
    """One HTTP answer: status, decoded JSON body (``None`` when there is none), content type, Retry-After."""

    status: int
    body: Any
    content_type: str
    retry_after_s: float | None

    @property
    def uncertain(self) -> bool:
        """Whether the same request should be sent again unchanged."""
        return self.status in RETRIED and self.content_type == PROBLEM


class Patience:
    """How long one request may be repeated: the pauses add up to at most ``total_s`` seconds."""

    def __init__(self, total_s: float) -> None:
        self._left_s = total_s
        self._next_s = FIRST_PAUSE_S

    def pause_s(self, why: str, asked_s: float | None = None) -> float:
        """The next pause in seconds.

        :raises NoAnswer: when the patience is used up.
        """
        pause = min(self._next_s if asked_s is None else max(asked_s, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        self._next_s = min(2 * self._next_s, LONGEST_PAUSE_S)
        if pause > self._left_s:
            raise NoAnswer(f"{why}. Start the system (`penstock serve`), or run again later: the same ids give the same outcomes")
        self._left_s -= pause
        return pause


class Client:
    """The blocking client. Use it as a context manager."""

    def __init__(self, access: Access, patience_s: float = 60.0, timeout_s: float = 30.0) -> None:
        self._patience_s = patience_s
        self._http = httpx.Client(**_options(access, timeout_s))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.close()

    def send_once(self, method: str, path: str, body: Any = None) -> Answer:
        """Send one request and take its answer as it comes.

        :raises httpx.TransportError: when there is none.
        """
        return _answer(self._http.request(method, path, content=_encode(body)))

    def send(self, method: str, path: str, body: Any = None) -> Answer:
        """Send one request until the answer is certain.

        :raises NoAnswer: when patience runs out.
        """
        patience = Patience(self._patience_s)
        while True:
            try:
                answer = self.send_once(method, path, body)
            except httpx.TransportError as error:
                time.sleep(patience.pause_s(f"{method} {path}: {error!r}"))
                continue
            if not answer.uncertain:
                return answer
            time.sleep(patience.pause_s(describe_problem(answer), answer.retry_after_s))

    def get(self, path: str) -> Any:
        """Read a resource.

        :raises Refused: for any answer but 200.
        """
        return accepted(self.send("GET", path)).body

    def command(self, path: str, body: Command) -> Outcome:
        """Send one command and return its outcome, also a declined one."""
        return decided(self.send("POST", path, body))

    def batch(self, commands: Sequence[Command]) -> list[Outcome]:
        """Send commands together, in order; items without certain answer are sent again, in order."""
        outcomes: list[Outcome] = accepted(self.send("POST", "/v1/batch", list(commands))).body
        patience = Patience(self._patience_s)
        while open_items := uncertain_items(outcomes):
            time.sleep(patience.pause_s(f"{len(open_items)} commands of a batch got no certain answer"))
            again = accepted(self.send("POST", "/v1/batch", [commands[i] for i in open_items])).body
            for place, outcome in zip(open_items, again, strict=True):
                outcomes[place] = outcome
        return outcomes


class AsyncClient:
    """The awaiting client. Use it as an async context manager.

    Each connection is an httpx client of its own, the one used last is used next: httpx's own pool looks at
    all connections and all waiting requests for each request, and collapses when many wait.
    """

    def __init__(self, access: Access, patience_s: float = 60.0, timeout_s: float = 30.0, connections: int = 16) -> None:
        self._patience_s = patience_s
        one = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=60)
        options = _options(access, timeout_s)
        self._connections = [httpx.AsyncClient(limits=one, **options) for _ in range(connections)]
        self._free: asyncio.LifoQueue[httpx.AsyncClient] = asyncio.LifoQueue()
        for connection in self._connections:
            self._free.put_nowait(connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for connection in self._connections:
            await connection.aclose()

    async def send_once(self, method: str, path: str, body: Any = None) -> Answer:
        """Send one request and take its answer as it comes.

        :raises httpx.TransportError: when there is none.
        """
        return _answer(await self._request(method, path, _encode(body)))

    async def send_bytes(self, path: str, content: bytes) -> tuple[int, bytes]:
        """Post an encoded body once; the status and the bytes of the answer, not decoded.

        :raises httpx.TransportError: when there is none.
        """
        response = await self._request("POST", path, content)
        return response.status_code, response.content

    async def _request(self, method: str, path: str, content: bytes | None) -> httpx.Response:
        connection = await self._free.get()
        try:
            return await connection.request(method, path, content=content)
        finally:
            self._free.put_nowait(connection)

    async def send(self, method: str, path: str, body: Any = None) -> Answer:
        """Send one request until the answer is certain.

        :raises NoAnswer: when patience runs out.
        """
        patience = Patience(self._patience_s)
        while True:
            try:
                answer = await self.send_once(method, path, body)
            except httpx.TransportError as error:
                await asyncio.sleep(patience.pause_s(f"{method} {path}: {error!r}"))
                continue
            if not answer.uncertain:
                return answer
            await asyncio.sleep(patience.pause_s(describe_problem(answer), answer.retry_after_s))

    async def get(self, path: str) -> Any:
        """Read a resource.

        :raises Refused: for any answer but 200.
        """
        return accepted(await self.send("GET", path)).body

    async def command(self, path: str, body: Command) -> Outcome:
        """Send one command and return its outcome, also a declined one."""
        return decided(await self.send("POST", path, body))

    async def batch(self, commands: Sequence[Command]) -> list[Outcome]:
        """Send commands together, in order; items without certain answer are sent again, in order."""
        outcomes: list[Outcome] = accepted(await self.send("POST", "/v1/batch", list(commands))).body
        patience = Patience(self._patience_s)
        while open_items := uncertain_items(outcomes):
            await asyncio.sleep(patience.pause_s(f"{len(open_items)} commands of a batch got no certain answer"))
            again = accepted(await self.send("POST", "/v1/batch", [commands[i] for i in open_items])).body
            for place, outcome in zip(open_items, again, strict=True):
                outcomes[place] = outcome
        return outcomes


def accepted(answer: Answer) -> Answer:
    """The answer, if it is a success.

    :raises Refused: otherwise.
    """
    if not 200 <= answer.status < 300:
        raise Refused(answer)
    return answer


def decided(answer: Answer) -> Outcome:
    """The outcome of a decided command, declined ones included.

    :raises Refused: when nothing was decided.
    """
    if answer.content_type == PROBLEM or not isinstance(answer.body, dict):
        raise Refused(answer)
    return answer.body


def uncertain_items(outcomes: Sequence[Outcome]) -> list[int]:
    """The places in a batch's answer whose commands must be sent again: no row says what was decided."""
    return [i for i, o in enumerate(outcomes) if o.get("status") in RETRIED and not o.get("seq")]


def describe_problem(answer: Answer) -> str:
    """One line for people: status, title, detail, fields with their fixes."""
    body = answer.body if isinstance(answer.body, dict) else {}
    parts = [f"HTTP {answer.status}", *(str(body[k]) for k in ("title", "detail") if body.get(k))]
    parts += [f"{e.get('field')}: {e.get('problem')} ({e.get('fix')})" for e in body.get("errors") or ()]
    return "; ".join(parts)


def tls_context(ca_file: Path) -> ssl.SSLContext:
    """A context that trusts only ``ca_file`` and speaks TLS 1.2 or newer."""
    context = ssl.create_default_context(cafile=str(ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _options(access: Access, timeout_s: float) -> dict[str, Any]:
    headers = {"content-type": "application/json"}
    if access.key:
        headers["authorization"] = f"Bearer {access.key}"
    return {
        "base_url": access.url, "headers": headers, "timeout": timeout_s,
        "verify": tls_context(access.ca_file), "trust_env": False,
    }  # fmt: skip


def _encode(body: Any) -> bytes | None:
    return None if body is None else msgspec.json.encode(body)


def _answer(response: httpx.Response) -> Answer:
    content_type = response.headers.get("content-type", "").partition(";")[0].strip()
    after = response.headers.get("retry-after", "")
    body = msgspec.json.decode(response.content) if content_type in ("application/json", PROBLEM) and response.content else None
    return Answer(response.status_code, body, content_type, float(after) if after.replace(".", "", 1).isdigit() else None)
