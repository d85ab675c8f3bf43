"""The plain ASGI side: a request's header and body, an answer as bytes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, NamedTuple

from penstock.kit.http.problem import Problem

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Header = tuple[bytes, bytes]


class Answer(NamedTuple):
    """What goes back: status, body, media type and further headers."""

    status: int
    body: bytes
    media_type: str = "application/json"
    headers: tuple[Header, ...] = ()


class Media:
    """In which form a body comes, and in which one the answer is wanted. Most routes never ask."""

    __slots__ = ("_headers",)

    def __init__(self, headers: Iterable[Header] = ()) -> None:
        """``headers``: those of the request, with names in lower case."""
        self._headers = headers

    @property
    def sent(self) -> str:
        """The media type of the body in lower case, without parameters; empty when it is not said."""
        return next(iter(self._types(b"content-type")), "")

    def wants(self, media_type: str) -> bool:
        """Whether the request names a media type among those that it accepts."""
        return media_type in self._types(b"accept")

    def _types(self, name: bytes) -> list[str]:
        fields = [bytes(value).decode("latin-1") for key, value in self._headers if key == name]
        return [part.partition(";")[0].strip().lower() for field in fields for part in field.split(",")]


#: Nothing is said of forms: JSON in, JSON out.
JSON: Final = Media()


class Gone(Exception):
    """The client closed the connection before its request was complete; nobody waits for an answer."""


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of that (lower-case) name."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


def headers(scope: Scope, name: bytes) -> list[bytes]:
    """All headers of that (lower-case) name."""
    return [bytes(value) for key, value in scope["headers"] if key == name]


def answer_problem(problem: Problem) -> Answer:
    """The answer that says what was wrong."""
    headers = tuple((key.lower().encode(), value.encode()) for key, value in problem.headers.items())
    return Answer(problem.status, problem.body(), "application/problem+json", headers)


async def read_body(scope: Scope, receive: Receive, most_bytes: int) -> bytes:
    """Read a whole body; the server ends connections whose body comes too slowly.

    :raises Problem: 413 above ``most_bytes``.
    :raises Gone: when the client leaves.
    """
    declared = header(scope, b"content-length")
    if declared is not None and declared.isdigit() and int(declared) > most_bytes:
        raise _too_large(most_bytes)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return _checked(message.get("body", b""), most_bytes)
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most_bytes:
            raise _too_large(most_bytes)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


def _checked(body: bytes, most_bytes: int) -> bytes:
    if len(body) > most_bytes:
        raise _too_large(most_bytes)
    return body


def _too_large(most_bytes: int) -> Problem:
    detail = f"The largest body is {most_bytes} bytes. Nothing was done; send several smaller requests."
    return Problem(413, "body_too_large", "The body is too large", detail, headers={"Connection": "close"})


async def send_answer(send: Send, answer: Answer, further: Iterable[Header] = ()) -> None:
    """Send an answer with its length, its own headers and ``further`` ones."""
    headers = [
        (b"content-type", answer.media_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        *answer.headers,
        *further,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
