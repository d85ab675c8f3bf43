"""Connections of webhooks: to an address that was checked, and to no other.

The name is resolved here, every address it has is checked, and the connection goes to one of those very addresses:
a name that resolves to another address a moment later gains nothing. TLS still checks the name.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable
from typing import Any, Final

import httpcore

from penstock.review.webhooks.rules import BadUrl, check_url, is_public

#: Addresses of one name that are tried, one after another.
_MOST_ADDRESSES: Final = 3


class ForbiddenAddress(Exception):
    """A name has an address to which webhooks may not go; the message names both."""


class UnknownName(Exception):
    """A name that has no address."""


async def resolve(host: str, port: int, *, private_allowed: bool) -> list[str]:
    """The addresses of a name.

    :raises ForbiddenAddress: when one of them is not public.
    :raises UnknownName: when there are none.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnknownName(f"the name {host} has no address") from error
    addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
    for address in addresses:
        if not private_allowed and not is_public(ipaddress.ip_address(address.partition("%")[0])):
            raise ForbiddenAddress(f"{host} has the address {address}, which is not public")
    if not addresses:
        raise UnknownName(f"the name {host} has no address")
    return addresses


async def check_endpoint(url: str, *, private_allowed: bool, timeout_s: float) -> None:
    """Refuse a URL that no webhook may go to; a name that has no address yet may get one later.

    :raises BadUrl: with the reason.
    """
    target = check_url(url, private_allowed=private_allowed)
    try:
        async with asyncio.timeout(timeout_s):
            await resolve(target.host, target.port, private_allowed=private_allowed)
    except ForbiddenAddress as error:
        raise BadUrl(str(error)) from error
    except (UnknownName, TimeoutError):
        return


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections for httpcore, to checked addresses only."""

    def __init__(self, *, private_allowed: bool) -> None:
        self._private_allowed = private_allowed
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve, check, connect."""
        addresses = await resolve(host, port, private_allowed=self._private_allowed)
        *others, last = addresses[:_MOST_ADDRESSES]
        for address in others:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue  # the next address may be there
        return await self._inner.connect_tcp(last, port, timeout, local_address, socket_options)

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """Never: a webhook goes over the network."""
        raise ForbiddenAddress("webhooks go to no sockets of this machine")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def trust(ca_file: str) -> ssl.SSLContext:
    """TLS that trusts the public authorities, and those in ``ca_file`` if it is named."""
    context = httpcore.default_ssl_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


def make_pool(context: ssl.SSLContext, connections: int, *, private_allowed: bool) -> httpcore.AsyncConnectionPool:
    """A pool of connections, closed after a few idle seconds; use it as an asynchronous context."""
    return httpcore.AsyncConnectionPool(
        ssl_context=context,
        max_connections=connections,
        max_keepalive_connections=connections,
        keepalive_expiry=5.0,
        network_backend=CheckedBackend(private_allowed=private_allowed),
    )
