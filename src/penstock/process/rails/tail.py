"""The tail of the rails: which rows ask for a credit transfer, and which moved money to or from the bank."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog

from penstock.contracts.bank import Party
from penstock.contracts.ids import PublicIds
from penstock.journal.tails import Connection, Span, Tail, by_columns
from penstock.process.rails import rules, store

log = structlog.get_logger()


def make_tail(ids: PublicIds, client: int) -> Tail:
    """The tail; ``client``: the one that our own commands are sent under."""

    async def handle(connection: Connection, span: Span) -> None:
        for row in await store.asking(connection, span):
            said = _read(row.side)
            name = rules.end_to_end_id(ids, span.lane, row.seq)
            await store.add_transfer(connection, span.lane, row, name, _creditor(said), str(said.get("reference", "")))
        await store.add_bookings(connection, span, client)

    return Tail(rules.TAIL, handle, by_columns(lambda stretch: store.wants(stretch, client)))


def _read(side: bytes | None) -> dict[str, Any]:
    return {} if side is None else dict(msgspec.json.decode(side))


def _creditor(said: dict[str, Any]) -> Party | None:
    """Where the money goes: a withdrawal's ``to``, or whom a deposit came ``from``."""
    named = said.get("to") or said.get("from")
    if named is None:
        return None
    try:
        return msgspec.convert(named, Party)
    except msgspec.ValidationError:
        log.warning("creditor_unusable", then="the transfer is rejected and the money given back")
        return None
