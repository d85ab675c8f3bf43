"""The heads of answers: the security headers that all have, and whole heads for those that are written at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from penstock.kit.http.asgi import Answer, Header

_SECURITY: Final[tuple[Header, ...]] = (
    (b"cache-control", b"no-store"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_API_POLICY: Final[Header] = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
#: What every answer of the API itself has.
SECURED: Final = (*_SECURITY, _API_POLICY)
CLOSE: Final[Header] = (b"connection", b"close")


def secured(headers: Sequence[Header]) -> list[Header]:
    """The headers of an answer of somebody else's, with ours; a policy of its own stays."""
    own = [(bytes(name).lower(), value) for name, value in headers]
    has_policy = any(name == b"content-security-policy" for name, _ in own)
    return [*own, *_SECURITY, *(() if has_policy else (_API_POLICY,))]


class Heads:
    """Writes heads. What is the same for all of a status and media type is joined once, and again when the date changes."""

    def __init__(self) -> None:
        self._common: Sequence[Header] = ()
        self._begun: dict[tuple[int, str], bytes] = {}

    def head(self, common: Sequence[Header], answer: Answer, *, closes: bool) -> bytes:
        """The head of an answer, up to and with the empty line.

        :param common: the server's own headers, the date among them; a new list when they are others.
        :param closes: whether the connection ends after this answer.
        """
        if common is not self._common:
            self._common, self._begun = common, {}
        kind = (answer.status, answer.media_type)
        begun = self._begun.get(kind)
        if begun is None:
            begun = self._begun[kind] = self._begin(*kind)
        more = _lines((*answer.headers, CLOSE) if closes and CLOSE not in answer.headers else answer.headers)
        return b"%s%d\r\n%s\r\n" % (begun, len(answer.body), more)

    def _begin(self, status: int, media_type: str) -> bytes:
        fixed = (*self._common, *SECURED, (b"content-type", media_type.encode()))
        return b"%s%scontent-length: " % (STATUS_LINE[status], _lines(fixed))


def _lines(headers: Sequence[Header]) -> bytes:
    return b"".join([b"%s: %s\r\n" % header for header in headers])
