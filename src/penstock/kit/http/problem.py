"""Problems: what was wrong with a request, as ``application/problem+json`` (RFC 9457).

A problem is raised where it is found and written once, at the outermost layer. It names the
condition, the field and the fix, and never repeats what the request said beyond a short excerpt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

MEDIA_TYPE: Final = "application/problem+json"
_MSGSPEC: Final = re.compile(r"^(?P<problem>.*?)(?: - at `(?P<place>[^`]*)`)?$", re.DOTALL)
_NAME: Final = re.compile(r"\[[^\]]*\]")
_UNKNOWN_FIELD: Final = re.compile(r"unknown field `(?P<field>[^`]*)`")
_MISSING_FIELD: Final = re.compile(r"missing required field `(?P<field>[^`]*)`")


class FieldError(msgspec.Struct, frozen=True):
    """One field that cannot be used: where it is, what is wrong with it, how to put it right."""

    field: str
    problem: str
    fix: str


class ProblemBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of a problem as it leaves."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldError, ...] = ()


class Problem(Exception):
    """A request that was not carried out. ``kind`` is the last part of the problem's type."""

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{status} {kind}: {title}")
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def body(self) -> bytes:
        """The JSON of the problem; ``extra`` members come after the standard ones."""
        standard = ProblemBody(f"/docs#{self.kind}", self.title, self.status, self.detail, self.errors)
        return msgspec.json.encode({**msgspec.to_builtins(standard), **self.extra})


def wrong_fields(errors: Sequence[FieldError]) -> Problem:
    """422: fields that cannot be used; nothing was done."""
    return Problem(422, "invalid_fields", "The request cannot be used", "Nothing was done; see errors.", errors)


def wrong_field(field: str, problem: str, fix: str) -> Problem:
    """422 for a single field."""
    return wrong_fields([FieldError(field, problem, fix)])


def too_many(kind: str, title: str, detail: str, retry_after_s: int = 1) -> Problem:
    """429: the caller is ahead of what it may send, or of what the lane takes; nothing was done."""
    return Problem(429, kind, title, detail, headers={"Retry-After": str(retry_after_s)})


def unavailable(kind: str, title: str, detail: str, retry_after_s: int = 1) -> Problem:
    """503: something behind the edge does not answer."""
    return Problem(503, kind, title, detail, headers={"Retry-After": str(retry_after_s)})


def not_found(what: str) -> Problem:
    """404, also for what exists but belongs to another client."""
    return Problem(404, "not_found", f"There is no such {what}", "Check the id, and that it belongs to your client.")


def from_decoding(error: msgspec.DecodeError, root: str = "", fixes: Mapping[str, str] | None = None) -> Problem:
    """The problem of a body that msgspec could not decode.

    ``root`` replaces the ``$`` of msgspec's paths, so that ``$[3].id`` becomes ``items[3].id``; ``fixes`` says
    for the last name of a path what to send.
    """
    if not isinstance(error, msgspec.ValidationError):
        return Problem(400, "malformed_json", "The body is not JSON", f"{error}. Send one JSON value in UTF-8.")
    match = _MSGSPEC.match(str(error))
    assert match is not None  # the pattern matches any text
    place, problem = _place(match["place"] or "$", root), match["problem"]
    if unknown := _UNKNOWN_FIELD.search(problem):
        fix = "leave this field out, or correct its name; the fields of each command are in /docs"
        return wrong_field(_join(place, unknown["field"]), "unknown field", fix)
    if missing := _MISSING_FIELD.search(problem):
        return wrong_field(_join(place, missing["field"]), "missing", "add this field")
    name = _NAME.sub("", place).rpartition(".")[2]
    return wrong_field(place or "body", problem, (fixes or {}).get(name, "send a value as /docs describes it"))


def _place(path: str, root: str) -> str:
    return (root + path.removeprefix("$")).removeprefix(".")


def _join(place: str, field: str) -> str:
    return f"{place}.{field}" if place else field
