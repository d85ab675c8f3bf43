"""What a key looks like, and which requests are the same. Pure.

The header is that of draft-ietf-httpapi-idempotency-key-header-07: a structured string (RFC 9651,
section 3.3.3), here also without its quotation marks.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from penstock.kit.http.problem import Problem, from_decoding, wrong_field

MOST_CHARACTERS: Final = 255
_QUOTED: Final = re.compile(rb'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_ESCAPED: Final = re.compile(rb'\\(["\\])')
#: A token (RFC 9651, section 3.3.4), or what else stands bare in practice: UUIDs, base64.
_BARE: Final = re.compile(rb"[A-Za-z0-9!#$%&'*+\-.^_`|~:/=]+")
_FIX: Final = f'send one text of 1 to {MOST_CHARACTERS} printable ASCII characters in quotation marks, such as "8e03978e"'


class _Id(msgspec.Struct):
    """The one field that is looked at before the command's own decoder looks at all."""

    id: str | UnsetType = UNSET


_ID: Final = msgspec.json.Decoder(_Id)


class Body(NamedTuple):
    """A request's body: its own id, if it has one, and what makes it the same request."""

    own_id: str | None
    content: bytes


def parse_key(values: Sequence[bytes]) -> str:
    """The key that a request's header fields give.

    :raises Problem: 400 for more than one, or one that is malformed.
    """
    if len(values) != 1:
        raise _malformed(f"{len(values)} header fields Idempotency-Key")
    given = values[0].strip(b" \t")
    if quoted := _QUOTED.fullmatch(given):
        key = _ESCAPED.sub(rb"\1", quoted[1])
    elif _BARE.fullmatch(given):
        key = given
    else:
        raise _malformed("it is not a text in quotation marks")
    if not 1 <= len(key) <= MOST_CHARACTERS:
        raise _malformed(f"it has {len(key)} characters")
    return key.decode("ascii")


def read_body(path: str, body: bytes) -> Body:
    """What is to be compared of a request: method, path and the values of the body, in whatever order they come.

    :raises Problem: 400 or 422 for a body that is no JSON object, or whose id is no text.
    """
    try:
        own_id = _ID.decode(body).id
        values = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise from_decoding(error) from error
    except RecursionError as error:
        raise wrong_field("body", "nested too deeply", "send a value as /docs describes it") from error
    values.pop("id", None)
    content = b"POST\n" + path.encode() + b"\n" + msgspec.json.encode(values, order="deterministic")
    return Body(None if own_id is UNSET else own_id, hashlib.sha256(content).digest())


def with_id(body: bytes, command_id: str) -> bytes:
    """A body without an id, with one."""
    _, _, rest = body.partition(b"{")
    comma = b"" if rest.lstrip().startswith(b"}") else b","
    return b'{"id":"' + command_id.encode() + b'"' + comma + rest


def other_request() -> Problem:
    """422: the key stands for another request."""
    detail = "This key was used for a request with another path or body. Nothing was done; use a new key for a new request."
    return Problem(422, "idempotency_key_reused", "The key stands for another request", detail)


def other_id() -> Problem:
    """422: the key stands for another id than the body's."""
    detail = "This key was used with another `id`. Nothing was done; leave the id out, or use the key or the id of before."
    return Problem(422, "idempotency_id_differs", "The key stands for another id", detail)


def not_here() -> Problem:
    """400: the route takes no key."""
    detail = "Each command of a batch has its own `id`; leave the header out. Nothing was done."
    return Problem(400, "idempotency_key_not_here", "This route takes no Idempotency-Key", detail)


def _malformed(why: str) -> Problem:
    return Problem(400, "idempotency_key_malformed", "The Idempotency-Key cannot be used", f"{why}: {_FIX}.")
