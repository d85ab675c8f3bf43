"""The door: every request passes here. Key, rate, size and time are checked, hot routes are answered at once.

Ordinary routes go on to Litestar. Security headers and the count of requests are for all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

import structlog

from penstock.app.edge.admission import Admission
from penstock.app.edge.heads import SECURED, secured
from penstock.app.edge.metrics import RequestFigures
from penstock.app.edge.ordinary import internal_problem
from penstock.app.edge.paths import route_of
from penstock.app.edge.prompt import Prompt
from penstock.contracts.principal import Principal
from penstock.kit.http.asgi import (
    Answer,
    Gone,
    Media,
    Receive,
    Scope,
    Send,
    answer_problem,
    headers,
    read_body,
    send_answer,
)
from penstock.kit.http.problem import Problem
from penstock.kit.settings import Settings
from penstock.process.idempotency.actions import Idempotency, Request

log = structlog.get_logger()

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
        admission: Admission,
        hot: Mapping[str, HotHandler],
        keyed: Idempotency,
        ordinary: Ordinary,
        metrics: RequestFigures,
        prompt: Prompt,
        monotonic_s: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._admission = admission
        self._hot = hot
        self._keyed = keyed
        self._ordinary = ordinary
        self._metrics = metrics
        #: What is answered without the door, by the server itself.
        self.prompt = prompt
        self._monotonic_s = monotonic_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        assert scope["type"] == "http", "the server is told to speak HTTP only"
        started_s = self._monotonic_s()
        route, named = route_of(scope["path"])
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
            principal = await self._admission.admit(scope)
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

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Let Litestar answer; its status."""
        if scope["path"] not in _WITHOUT_KEY and (scope["path"].startswith("/v1/") or scope["path"] == "/metrics"):
            try:
                principal = await self._admission.admit(scope)
            except Problem as problem:
                await self._send(send, answer_problem(problem))
                return problem.status
            scope.setdefault("state", {})["principal"] = principal
        status = 0

        async def send_secured(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = secured(message["headers"])
            await send(message)

        async with asyncio.timeout(self._patience_s(scope["path"])):
            await self._ordinary(scope, receive, send_secured)
        return status

    def _patience_s(self, path: str) -> float:
        """How long Litestar may take; reading events may wait for the next one as well."""
        usual_s = self._settings.request_timeout_s + self._settings.reply_timeout_s
        return usual_s + (self._settings.event_wait_s if path.rstrip("/") == _WAITING else 0.0)

    async def _send(self, send: Send, answer: Answer) -> None:
        if len(answer.body) <= _SMALL_BYTES:
            await send_answer(send, answer, SECURED)
            return
        async with asyncio.timeout(self._settings.request_timeout_s):
            await send_answer(send, answer, SECURED)


def _need_post(scope: Scope) -> None:
    if scope["method"] != "POST":
        detail = "Use POST; the routes are listed at /docs."
        raise Problem(405, "wrong_method", "This path has no such method", detail, headers={"Allow": "POST"})
