"""One try of one delivery: an HTTP request, bounded in time and in what is read of its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import httpcore
import structlog

from penstock import __version__
from penstock.review.webhooks.network import ForbiddenAddress, UnknownName
from penstock.review.webhooks.rules import retry_after_s

log = structlog.get_logger()

#: Of an answer's body so much is read, for the connection's sake, and thrown away; more closes the connection.
_MOST_BODY: Final = 65_536
_AGENT: Final = f"Penstock/{__version__}"


class Result(NamedTuple):
    """What became of a try: the answer's status, or None; why it failed, empty when it did not; when to come again."""

    status: int | None
    error: str
    retry_after_s: float = 0.0


async def send(
    pool: httpcore.AsyncConnectionPool, url: str, headers: Mapping[str, str], body: str, timeout_s: float
) -> Result:
    """Try once; what goes wrong is in the result. Without headers nothing is sent: there was nothing to sign with."""
    if not headers:
        return Result(None, "its secrets do not open; rotate the secret")
    try:
        async with asyncio.timeout(timeout_s):
            return await _post(pool, url, headers, body)
    except TimeoutError:
        return Result(None, f"no answer within {timeout_s:g} s")
    except (ForbiddenAddress, UnknownName) as error:
        return Result(None, str(error))
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
        what = "could not connect" if isinstance(error, httpcore.ConnectError) else "the connection failed"
        return Result(None, f"{what}: {str(error)[:200] or type(error).__name__}")
    except Exception as error:  # one endpoint's oddity must not hold up the others
        log.exception("webhook_not_sent", host=urlsplit(url).hostname)
        return Result(None, f"could not be sent: {type(error).__name__}")


async def _post(pool: httpcore.AsyncConnectionPool, url: str, headers: Mapping[str, str], body: str) -> Result:
    own = {"content-type": "application/json", "user-agent": _AGENT, **headers}
    async with pool.stream("POST", url, headers=list(own.items()), content=body.encode()) as answer:
        size = 0
        async for part in answer.aiter_stream():
            size += len(part)
            if size > _MOST_BODY:
                break
        return _result(answer.status, {name.lower(): value for name, value in answer.headers})


def _result(status: int, headers: Mapping[bytes, bytes]) -> Result:
    if 200 <= status < 300:
        return Result(status, "")
    if 300 <= status < 400:
        return Result(status, f"answered {status}; redirects are not followed, change the URL instead")
    after = headers.get(b"retry-after", b"").decode("latin-1")
    return Result(status, f"answered {status}", retry_after_s(after))
