"""The bank's service, as docs/rails.md describes it, and ``/simulator`` to steer it. Routes translate only."""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec
import structlog
from litestar import Litestar, Request, Response, get, post, put
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.params import SkipValidation

from penstock.contracts.bank import (
    CreditTransfer,
    Entry,
    Money,
    Notifications,
    Party,
    Reference,
    Statement,
    TransferStatus,
    Words,
)
from penstock.improve.bank.rules import Behaviour, behaviour_for, treatment
from penstock.improve.bank.store import Books, OtherContent

log = structlog.get_logger()

_MOST_NOTIFICATIONS: Final = 200
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
#: A dead bank keeps callers waiting for so long, and then says that it is away.
_DEAD_S: Final = 30.0

Own = NamedDependency[SkipValidation[Books]]
Clock = NamedDependency[SkipValidation[Callable[[], float]]]


class Steering(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the bank is to behave from now on; ``delay_s``: how late it pays or returns, seconds."""

    behaviour: Behaviour
    delay_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 2.0


class Incoming(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody pays in, from outside."""

    account: str
    amount: Money
    creditor_reference: Annotated[str, msgspec.Meta(max_length=140)]
    debtor: Party
    remittance_information: Words = ""


@post("/credit-transfers", status_code=200)
async def send_transfer(request: Request[Any, Any, Any], books: Own, clock: Clock) -> TransferStatus:
    """Take a credit transfer on."""
    transfer = _decode(await request.body(), CreditTransfer)
    await _awake(books)
    behaviour = behaviour_for(transfer, books.behaviour())
    if behaviour is Behaviour.LOSING and books.lose(transfer.end_to_end_id):
        raise HTTPException(status_code=500, detail="internal error")
    try:
        said = books.add(transfer, treatment(behaviour, books.delay_s()), clock())
    except OtherContent as error:
        detail = "DUPL: this end_to_end_id stands for a transfer with other content"
        raise HTTPException(status_code=409, detail=detail) from error
    if behaviour is Behaviour.SLOW:
        await asyncio.sleep(books.delay_s())
    if behaviour is Behaviour.FAILING:
        raise HTTPException(status_code=500, detail="internal error")
    return said


@get("/credit-transfers/{end_to_end_id:str}")
async def read_transfer(end_to_end_id: Reference, books: Own, clock: Clock) -> TransferStatus:
    """What the bank says of a credit transfer."""
    await _awake(books)
    books.settle(clock())
    found = books.find(end_to_end_id)
    if found is None:
        raise HTTPException(status_code=404, detail="NOOR: no such credit transfer")
    return found


@get("/notifications")
async def read_notifications(books: Own, clock: Clock, after: int = 0) -> Notifications:
    """Credits and returns beyond a cursor."""
    await _awake(books)
    books.settle(clock())
    found = books.notifications(after, _MOST_NOTIFICATIONS)
    return Notifications(found, found[-1].cursor if found else after)


@get("/statements/{date:str}")
async def read_statement(date: str, account: str, books: Own, clock: Clock) -> Statement:
    """An account's entries of a day."""
    await _awake(books)
    if not _DATE.fullmatch(date):
        raise HTTPException(status_code=422, detail="the date is YYYY-MM-DD")
    books.settle(clock())
    return books.statement(account, date, account.rpartition("-")[2])


@put("/simulator")
async def steer(data: Steering, books: Own) -> Steering:
    """Change how the bank behaves."""
    books.behave(data.behaviour, data.delay_s)
    return data


@get("/simulator")
async def show(books: Own) -> Steering:
    """How the bank behaves."""
    return Steering(books.behaviour(), books.delay_s())


@post("/simulator/credits")
async def pay_in(data: Incoming, books: Own, clock: Clock) -> Entry:
    """Let somebody pay in."""
    return books.credit(data.account, data.amount, data.creditor_reference, data.debtor, data.remittance_information, clock())


@get("/simulator/paid")
async def read_paid(books: Own) -> dict[str, int]:
    """What has left, by end-to-end id: in how many bookings."""
    return books.paid()


async def _awake(books: Books) -> None:
    if books.behaviour() is Behaviour.DEAD:
        await asyncio.sleep(_DEAD_S)
        raise HTTPException(status_code=503, detail="away")


def _decode(body: bytes, kind: type[CreditTransfer]) -> CreditTransfer:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise HTTPException(status_code=422, detail=str(error)) from error


def make_bank(books: Books, key: str, clock: Callable[[], float]) -> Litestar:
    """The bank's application.

    :param key: what callers send as ``Authorization: Bearer``.
    :param clock: Unix time in seconds.
    """

    def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        given = connection.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {key}".encode()):
            raise NotAuthorizedException(detail="a valid key is needed")

    async def close() -> None:
        books.close()

    return Litestar(
        [send_transfer, read_transfer, read_notifications, read_statement, steer, show, pay_in, read_paid],
        guards=[guard],
        dependencies={
            "books": Provide(lambda: books, sync_to_thread=False),
            "clock": Provide(lambda: clock, sync_to_thread=False),
        },
        exception_handlers={HTTPException: _refuse, Exception: _fail},
        on_shutdown=[close],
        openapi_config=None,
        logging_config=None,
    )


def _fail(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    log.error("request_failed", path=request.url.path, exc_info=error)
    return Response({"status": 500, "detail": "internal error"}, status_code=500)


def _refuse(_: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, Any]]:
    return Response({"status": error.status_code, "detail": error.detail}, status_code=error.status_code)
