"""Where webhooks may go, when they are tried again, how they are named and signed. Pure."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from standardwebhooks import Webhook

#: Random bytes of a secret; the specification asks for 24 to 64.
SECRET_BYTES: Final = 32
#: Secrets of one endpoint that sign at the same time: the newest, and rotated ones in their overlap.
MOST_SECRETS: Final = 4
LONGEST_URL: Final = 2_000
#: The type of a test; it is no event of the journal.
TEST_TYPE: Final = "webhook.test"
#: After so many failures in a row an endpoint rests between two tries.
TIRED_AFTER: Final = 5
_FIRST_REST_S: Final = 5.0
_LONGEST_REST_S: Final = 300.0
_RETRY_FACTOR: Final = 4.0
_JITTER: Final = 0.2
_PRINTABLE: Final = re.compile(r"[!-~]+")
_MESSAGE: Final = re.compile(r"_(?:(?P<lane>\d{1,5})_(?P<seq>[1-9]\d{0,14})|test_(?P<test>[1-9]\d{0,8}))")
#: Public by their number, but special: what ``ipaddress`` leaves out in some versions (IANA's registries of special-purpose
#: addresses), and one that is a cloud's own (Azure's host agent).
_SPECIAL: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "2001::/23", "2001:db8::/32", "3fff::/20")
)
#: All of IPv6 that is given out for use between networks.
_GLOBAL_UNICAST: Final = ipaddress.ip_network("2000::/3")
#: IPv6 addresses that carry an IPv4 address in their last 32 bits: NAT64 (RFC 6052), and the deprecated compatible form.
_CARRIERS: Final = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::/96"))

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class BadUrl(ValueError):
    """A URL that no webhook may go to; the message says why, and what to send."""


class Target(NamedTuple):
    """Whom a URL names."""

    host: str
    port: int


def check_url(url: str, *, private_allowed: bool) -> Target:
    """Whom a URL of an endpoint names; an address in it must be public, a name is checked when it is resolved.

    :raises BadUrl: for anything but a plain https URL.
    """
    if len(url) > LONGEST_URL or not _PRINTABLE.fullmatch(url):
        raise BadUrl(f"use at most {LONGEST_URL} ASCII characters without spaces; write other letters percent-encoded")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadUrl(f"this is no URL: {error}") from error
    if parts.scheme != "https" and not (private_allowed and parts.scheme == "http"):
        raise BadUrl("use a URL that begins with https://")
    if not host or port == 0:
        raise BadUrl("name a host, as in https://example.com/hooks")
    if parts.username is not None or parts.password is not None or "#" in url or "\\" in url:
        raise BadUrl("leave out user, password and fragment; the signature proves who sends")
    literal = _literal(host)
    if literal is not None and not private_allowed and not is_public(literal):
        raise BadUrl(f"{host} is not a public address")
    return Target(host, port or (443 if parts.scheme == "https" else 80))


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public Internet: not private, loopback, link-local, shared, reserved or the cloud's own.

    An IPv6 address that stands for an IPv4 address is judged by that one.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = _carried(address)
        if inner is not None:
            return is_public(inner)
        if address not in _GLOBAL_UNICAST:
            return False
    special = any(address in network for network in _SPECIAL)
    return address.is_global and not address.is_multicast and not address.is_reserved and not special


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for."""
    if any(address in network for network in _CARRIERS):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def retry_pause_s(attempts: int, first_s: float, longest_s: float, random: float) -> float:
    """How long to wait after so many attempts: four times as long each time, give or take a fifth.

    :param random: 0 up to, but not including, 1.
    """
    pause = min(first_s * _RETRY_FACTOR ** min(attempts - 1, 32), longest_s)
    return pause * (1 - _JITTER + 2 * _JITTER * random)


def rest_s(failures: int) -> float:
    """How long an endpoint rests after so many failures in a row, whatever is due for it."""
    if failures < TIRED_AFTER:
        return 0.0
    return min(_FIRST_REST_S * 2.0 ** min(failures - TIRED_AFTER, 16), _LONGEST_REST_S)


def shares(free: int, ready: Sequence[tuple[int, int]], flying: Mapping[int, int], share: int) -> dict[int, int]:
    """How many deliveries each endpoint may have, in turn, so that none takes the place of another.

    One that fails may have half as many after each failure in a row, and one at least.

    :param free: deliveries that may begin now.
    :param ready: endpoints with something due, and their failures in a row.
    :param flying: deliveries under way by endpoint.
    :param share: most under way to one endpoint.
    """
    rooms = {webhook: max(1, share >> min(failures, 16)) - flying.get(webhook, 0) for webhook, failures in ready}
    given: dict[int, int] = {}
    while free > 0 and (waiting := [webhook for webhook, room in rooms.items() if room > given.get(webhook, 0)]):
        for webhook in waiting[:free]:
            given[webhook] = given.get(webhook, 0) + 1
        free -= len(waiting)
    return given


def in_turn(ready: Sequence[tuple[int, int]], last: int) -> list[tuple[int, int]]:
    """Endpoints in the order of their turns: those after the one that came last, then the others."""
    return sorted(ready, key=lambda found: (found[0] <= last, found[0]))


def make_secret(random: bytes) -> str:
    """A secret as it is shown, once: ``whsec_`` and base64 of ``SECRET_BYTES`` random bytes."""
    assert len(random) == SECRET_BYTES
    return f"whsec_{base64.b64encode(random).decode('ascii')}"


def sign(secrets: Sequence[str], message: str, now: datetime, body: str) -> dict[str, str]:
    """The three headers of Standard Webhooks; one signature per secret, newest first."""
    utc = now.astimezone(UTC)
    signatures = [Webhook(secret).sign(message, utc, body) for secret in secrets]
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(utc.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def message_id(webhook: str, lane: int, seq: int) -> str:
    """The id of a delivery, the same for every try: endpoint, lane and sequence, or the number of a test."""
    return f"{webhook}_{lane}_{seq}" if seq > 0 else f"{webhook}_test_{-seq}"


def read_message_id(webhook: str, text: str) -> tuple[int, int] | None:
    """(lane, sequence) of a delivery of an endpoint, lane 0 and a negative sequence for a test; None = no such id."""
    match = _MESSAGE.fullmatch(text.removeprefix(webhook)) if text.startswith(webhook) else None
    if match is None:
        return None
    return (0, -int(match["test"])) if match["test"] else (int(match["lane"]), int(match["seq"]))


def retry_after_s(text: str | None) -> float:
    """The seconds of a ``Retry-After`` header; 0 when there is none, or it is a date."""
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 9 else 0.0


def given_up(begun_at: datetime, next_at: datetime, give_up_s: float) -> bool:
    """Whether a delivery's next try would come too late."""
    return next_at - begun_at > timedelta(seconds=give_up_s)
