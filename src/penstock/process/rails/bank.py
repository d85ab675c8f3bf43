"""The bank as we see it: an answer, or no certain answer; never a guess. The protocol is docs/rails.md."""

from __future__ import annotations

import asyncio
import ssl
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import quote

import httpx
import msgspec
import structlog

from penstock.contracts.bank import CreditTransfer, Notifications, Statement, TransferCode, TransferStatus
from penstock.kit.settings import BadSetting

log = structlog.get_logger()

T = TypeVar("T")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_LARGEST_ANSWER: Final = 64 << 20


class Outcome(StrEnum):
    """What is certain of a credit transfer."""

    PAID = "paid"
    REJECTED = "rejected"
    UNKNOWN = "unknown"  # no answer, a broken one, or not decided yet: ask again


class Said(NamedTuple):
    """What the bank said of a credit transfer; ``reason``: its code, or why nothing is certain."""

    outcome: Outcome
    reason: str = ""
    bank_reference: str = ""


class BankAway(Exception):
    """The bank gave no usable answer; nothing is known. The message says what happened, without contents."""


class Bank:
    """Speaks the protocol of docs/rails.md; owns its connections from construction to ``close``."""

    def __init__(self, url: str, key: str, timeout_s: float, requests: int = 8) -> None:
        """``key``: what proves us to the bank; it goes into a header and nowhere else; ``requests``: most at once.

        :raises BadSetting: for an address to which money must not be sent.
        """
        require_bank_url(url)
        self._turns = asyncio.Semaphore(requests)
        self._http = httpx.AsyncClient(
            base_url=url, timeout=timeout_s, trust_env=False, follow_redirects=False, verify=_tls(),
            headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
        )  # fmt: skip

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, transfer: CreditTransfer) -> Said:
        """Send a credit transfer; the same one may be sent again, the bank carries it out once."""
        try:
            async with self._turns:
                response = await self._http.post("/credit-transfers", content=msgspec.json.encode(transfer))
        except httpx.HTTPError as error:
            return _unknown(type(error).__name__)
        return _said(response, transfer.end_to_end_id)

    async def look(self, end_to_end_id: str) -> Said | None:
        """Ask what became of a credit transfer; None when the bank does not know it: then it may be sent again."""
        try:
            async with self._turns:
                response = await self._http.get(f"/credit-transfers/{quote(end_to_end_id, safe='')}")
        except httpx.HTTPError as error:
            return _unknown(type(error).__name__)
        return None if response.status_code == httpx.codes.NOT_FOUND else _said(response, end_to_end_id)

    async def notifications(self, after: int) -> Notifications:
        """Credits and returns beyond a cursor.

        :raises BankAway: when there is no usable answer.
        """
        return await self._read("/notifications", {"after": after}, Notifications)

    async def statement(self, account: str, date: str) -> Statement:
        """An account's statement of a day, ``YYYY-MM-DD``.

        :raises BankAway: when there is no usable answer.
        """
        found = await self._read(f"/statements/{date}", {"account": account}, Statement)
        if (found.account, found.date) != (account, date):
            raise BankAway("the statement is of another account or day")
        return found

    async def _read(self, path: str, query: dict[str, Any], kind: type[T]) -> T:
        try:
            async with self._turns:
                response = await self._http.get(path, params=query)
        except httpx.HTTPError as error:
            raise BankAway(f"{path}: {type(error).__name__}") from error
        if response.status_code != httpx.codes.OK or len(response.content) > _LARGEST_ANSWER:
            raise BankAway(f"{path}: HTTP {response.status_code}")
        try:
            return msgspec.json.decode(response.content, type=kind)
        except msgspec.DecodeError as error:
            raise BankAway(f"{path}: not an answer of the protocol") from error


def require_bank_url(url: str) -> None:
    """Refuse an address to which money must not be sent.

    :raises BadSetting: for anything but https, except on this machine.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise BadSetting("bank_url is not a URL; use one like https://bank.example") from error
    if parsed.scheme != "https" and not (parsed.scheme == "http" and parsed.host in _LOOPBACK):
        raise BadSetting("bank_url must begin with https://; http:// is for a bank simulator on this machine")


def _said(response: httpx.Response, end_to_end_id: str) -> Said:
    """What an answer says for certain: a status of the very transfer that was asked for, else nothing."""
    if response.status_code != httpx.codes.OK:
        return _unknown(f"HTTP {response.status_code}")
    try:
        status = msgspec.json.decode(response.content, type=TransferStatus)
    except msgspec.DecodeError:
        return _unknown("malformed answer")
    if status.end_to_end_id != end_to_end_id:
        return _unknown("answer about another transfer")
    if status.status is TransferCode.ACSC:
        return Said(Outcome.PAID, status.reason, status.bank_reference)
    if status.status is TransferCode.RJCT:
        return Said(Outcome.REJECTED, status.reason or "NARR", status.bank_reference)
    return _unknown(status.status.value)


def _unknown(why: str) -> Said:
    log.info("bank_outcome_unknown", why=why)
    return Said(Outcome.UNKNOWN, why)


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
