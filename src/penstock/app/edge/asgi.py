"""The door: every request passes here. Key, rate, size and time are checked, hot routes are answered at once.

Ordinary routes go on to Litestar. Security headers and the count of requests are for all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final, Protocol

import structlog

from penstock.app.edge.auth import Keys
from penstock.app.edge.metrics import RequestFigures
from penstock.app.edge.ordinary import internal_problem
from penstock.contracts.principal import Principal
from penstock.kit.http.asgi import (
    Answer,
    Gone,
    Header,
    Media,
    Receive,
    Scope,
    Send,
    answer_problem,
    headers,
    read_body,
    send_answer,
)
from penstock.kit.http.buckets import Buckets
from penstock.kit.http.problem import Problem, too_many
from penstock.kit.settings import Settings
from penstock.process.idempotency.actions import Idempotency, Request

log = structlog.get_logger()

_SECURITY: Final[tuple[Header, ...]] = (
    (b"cache-control", b"no-store"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_API_POLICY: Final[Header] = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
#: What the path of a command may name, by its place in the path: /v1/payments/pay_…/clear.
_NAMED: Final = {"payments": "{payment}", "accounts": "{account}", "customers": "{customer}", "models": "{model}"}
_NAMING_PARTS: Final = 5
#: Hot routes whose path can be read as well.
_READ_TOO: Final = frozenset({"/v1/approval-rules"})
_WAITING: Final = "/v1/events"
_WITHOUT_KEY: Final = frozenset({"/v1/reasons", "/health/live", "/health/ready", "/docs", "/openapi.json"})
#: Answers below this are written into the socket's buffer at once; a slow reader can only stall larger ones.
_SMALL_BYTES: Final = 32_768
_CLIENT_LEFT: Final = 499

Ordinary = Callable[[Any, Any, Any], Awaitable[None]]


class HotHandler(Protocol):
    """A hot route: principal, what the path names (or empty), body and its form in, answer out."""

    async def __call__(self, principal: Principal, named: str, body: bytes, media: Media) -> Answer:
        """Answer, or raise ``Problem``."""
        ...


class Door:
    """The ASGI application of an edge."""

    def __init__(
        self,
        settings: Settings,
        keys: Keys,
        hot: Mapping[str, HotHandler],
        keyed: Idempotency,
        ordinary: Ordinary,
        metrics: RequestFigures,
        now: Callable[[], datetime],
        monotonic_s: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._hot = hot
        self._keyed = keyed
        self._ordinary = ordinary
        self._metrics = metrics
        self._now = now
        self._monotonic_s = monotonic_s
        self._rates = Buckets(settings.requests_per_second)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        assert scope["type"] == "http", "the server is told to speak HTTP only"
        started_s = self._monotonic_s()
        route, named = _route(scope["path"])
        self._metrics.in_flight += 1
        status = _CLIENT_LEFT
        try:
            if route in self._hot and not (route in _READ_TOO and scope["method"] == "GET"):
                answer = await self._answer_hot(scope, receive, route, named)
                status = answer.status
                await self._send(send, answer)
            else:
                status = await self._pass_on(scope, receive, send)
                route = str(scope.get("path_template") or "other")
        except Gone:
            status = _CLIENT_LEFT  # nobody is there to be told
        finally:
            self._metrics.in_flight -= 1
            self._metrics.count(route, scope["method"], status, self._monotonic_s() - started_s)

    async def _answer_hot(self, scope: Scope, receive: Receive, route: str, named: str) -> Answer:
        try:
            _need_post(scope)
            principal = await self._admit(scope)
            body = await read_body(scope, receive, self._settings.body_bytes)
            keys = headers(scope, b"idempotency-key")
            if keys:
                return await self._keyed.answer(Request(route, scope["path"], principal, named, body, keys))
            return await self._hot[route](principal, named, body, Media(scope["headers"]))
        except Problem as problem:
            return answer_problem(problem)
        except Gone:
            raise
        except Exception:  # the last place where a bug can become an answer
            log.exception("request_failed", route=route)
            return answer_problem(internal_problem())

    async def _admit(self, scope: Scope) -> Principal:
        """The caller, if its key is good and it is not too fast.

        :raises Problem: 401, 429 or 503.
        """
        principal = await self._keys.admit(scope, self._now())
        if not self._rates.take(principal.client, self._monotonic_s()):
            most = self._settings.requests_per_second
            detail = f"At most {most:g} requests a second of one client at one edge. Nothing was done."
            raise too_many("rate_exceeded", "Too many requests", detail)
        return principal

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Let Litestar answer; its status."""
        if scope["path"] not in _WITHOUT_KEY and (scope["path"].startswith("/v1/") or scope["path"] == "/metrics"):
            try:
                principal = await self._admit(scope)
            except Problem as problem:
                await self._send(send, answer_problem(problem))
                return problem.status
            scope.setdefault("state", {})["principal"] = principal
        status = 0

        async def send_secured(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _secured(message["headers"])
            await send(message)

        async with asyncio.timeout(self._patience_s(scope["path"])):
            await self._ordinary(scope, receive, send_secured)
        return status

    def _patience_s(self, path: str) -> float:
        """How long Litestar may take; reading events may wait for the next one as well."""
        usual_s = self._settings.request_timeout_s + self._settings.reply_timeout_s
        return usual_s + (self._settings.event_wait_s if path.rstrip("/") == _WAITING else 0.0)

    async def _send(self, send: Send, answer: Answer) -> None:
        further = (*_SECURITY, _API_POLICY)
        if len(answer.body) <= _SMALL_BYTES:
            await send_answer(send, answer, further)
            return
        async with asyncio.timeout(self._settings.request_timeout_s):
            await send_answer(send, answer, further)


def _route(path: str) -> tuple[str, str]:
    """The hot route that a path may be, and what it names."""
    parts = path.split("/")
    if len(parts) == _NAMING_PARTS and parts[2] in _NAMED:
        return f"/v1/{parts[2]}/{_NAMED[parts[2]]}/{parts[4]}", parts[3]
    return path, ""


def _need_post(scope: Scope) -> None:
    if scope["method"] != "POST":
        detail = "Use POST; the routes are listed at /docs."
        raise Problem(405, "wrong_method", "This path has no such method", detail, headers={"Allow": "POST"})


def _secured(headers: list[Header]) -> list[Header]:
    own = [(bytes(name).lower(), value) for name, value in headers]
    has_policy = any(name == b"content-security-policy" for name, _ in own)
    return [*own, *_SECURITY, *(() if has_policy else (_API_POLICY,))]
