"""Prompt answers: commands that need nobody but the lane are carried out without a task, a scope or timers of their own.

Nothing is decided here that the door decides otherwise: what is not plain (a key to be looked at, an Idempotency-Key, a
body in pieces) goes through the door, and so gets the same answers as ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol

import structlog

from penstock.app.edge.admission import Admission
from penstock.app.edge.metrics import RequestFigures
from penstock.app.edge.ordinary import internal_problem
from penstock.app.edge.paths import route_of
from penstock.contracts.commands import Status
from penstock.contracts.lane_port import Reply, Told
from penstock.contracts.principal import Principal
from penstock.kit.http.asgi import Answer, answer_problem
from penstock.kit.http.problem import Problem
from penstock.process.commands.routes import Asked

log = structlog.get_logger()

_REPLAYED: Final = int(Status.REPLAYED)
_CLIENT_LEFT: Final = 499
#: Larger bodies are read by the door, which stops reading while nobody takes them.
_MOST_BYTES: Final = 65_536
#: Headers with which a request is not plain.
_NOT_PLAIN: Final = frozenset({b"idempotency-key", b"transfer-encoding", b"upgrade"})


class PromptRoute(Protocol):
    """A hot route in steps, none of which waits."""

    def prepare(self, principal: Principal, named: str, body: bytes) -> Asked:
        """What the lane is to be asked, or a ``Problem``."""
        ...

    def send(self, asked: Asked, told: Told) -> None:
        """Ask the lane, or raise a ``Problem``."""
        ...

    def answer(self, reply: Reply, command_id: str) -> Answer:
        """The answer that a reply means, or a ``Problem``."""
        ...

    async def completed(self, reply: Reply) -> Reply:
        """A replayed reply with what the journal knows of it."""
        ...


class Errand(NamedTuple):
    """What a request wants, as its head tells."""

    name: str
    route: PromptRoute
    named: str
    principal: Principal


class Prompt:
    """Finds the requests that can be answered promptly, and holds what all of them use."""

    def __init__(
        self,
        routes: Mapping[str, PromptRoute],
        admission: Admission,
        metrics: RequestFigures,
        body_bytes: int,
        monotonic_s: Callable[[], float],
    ) -> None:
        """``body_bytes``: the most that a body may have."""
        self._routes = routes
        self._targets = {path.encode(): (path, "") for path in routes if "{" not in path}
        self.admission = admission
        self.metrics = metrics
        self._most_bytes = min(body_bytes, _MOST_BYTES)
        self.monotonic_s = monotonic_s
        self.looking_up: set[asyncio.Task[None]] = set()

    def errand(self, target: bytes, fields: Mapping[bytes, bytes]) -> Errand | None:
        """What a POST to ``target`` wants, None when the door has to see to it.

        :param fields: the headers, each of which came once, with names in lower case.
        """
        name, named = self._targets.get(target) or route_of(target.decode("latin-1"))  # with a query or escapes it is no route's
        route = self._routes.get(name)
        length = fields.get(b"content-length", b"")
        if route is None or not length.isdigit() or int(length) > self._most_bytes or not _NOT_PLAIN.isdisjoint(fields):
            return None
        principal = self.admission.known(fields.get(b"authorization", b""))
        return None if principal is None else Errand(name, route, named, principal)


class Exchange:
    """One request and its answer. It stands where uvicorn has its cycle of the two."""

    __slots__ = (
        "_begun", "_command_id", "_errand", "_prompt", "_started_s", "_write", "body", "disconnected", "keep_alive",
        "response_complete",
    )  # fmt: skip

    #: uvicorn rings it when the client has gone, for an application that waits for a body: there is none.
    message_event: Final = asyncio.Event()

    def __init__(self, prompt: Prompt, errand: Errand, write: Callable[[Answer, bool], None]) -> None:
        """``write`` is told the answer, and whether the connection may go on after it."""
        self._prompt, self._errand, self._write = prompt, errand, write
        self._started_s = prompt.monotonic_s()
        self._command_id = ""
        self.body = b""
        self._begun = self.response_complete = self.disconnected = False
        self.keep_alive = True
        prompt.metrics.in_flight += 1

    def begin(self) -> None:
        """The request is here whole: ask the lane."""
        errand, self._begun = self._errand, True
        try:
            self._prompt.admission.spare(errand.principal)
            asked = errand.route.prepare(errand.principal, errand.named, self.body)
            self._command_id = asked.command_id
            errand.route.send(asked, self)
        except Exception as error:  # noqa: BLE001 - the last place where a bug can become an answer
            self._end_with(error)

    def hear(self, reply: Reply, payload: bytes) -> None:  # noqa: ARG002 - replies to commands have none
        """The lane has replied."""
        if reply.status == _REPLAYED:
            task = asyncio.get_running_loop().create_task(self._look_up(reply))
            self._prompt.looking_up.add(task)
            task.add_done_callback(self._prompt.looking_up.discard)
            return
        self._answer(reply)

    def fail(self, problem: Problem) -> None:
        """The lane has not taken the command, or nobody knows what became of it."""
        self._end_with(problem)

    def leave(self) -> None:
        """The client has gone; when its request was not here yet, that is all there is to it."""
        if not self._begun:
            self._count(_CLIENT_LEFT)

    def _answer(self, reply: Reply) -> None:
        try:
            self._end(self._errand.route.answer(reply, self._command_id))
        except Exception as error:  # noqa: BLE001 - as above
            self._end_with(error)

    async def _look_up(self, reply: Reply) -> None:
        try:
            reply = await self._errand.route.completed(reply)
        except Exception as error:  # noqa: BLE001 - as above
            self._end_with(error)
        else:
            self._answer(reply)

    def _end_with(self, error: Exception) -> None:
        if isinstance(error, Problem):
            self._end(answer_problem(error))
            return
        log.error("request_failed", route=self._errand.name, exc_info=error)
        if not self.response_complete:
            self._end(answer_problem(internal_problem()))

    def _end(self, answer: Answer) -> None:
        self.response_complete = True
        self._count(answer.status)
        self._write(answer, self.keep_alive)

    def _count(self, status: int) -> None:
        metrics = self._prompt.metrics
        metrics.in_flight -= 1
        metrics.count(self._errand.name, "POST", status, self._prompt.monotonic_s() - self._started_s)
