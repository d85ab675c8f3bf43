"""The tails that find what looks wrong, and close a case when the journal shows that it is right again."""

from __future__ import annotations

from typing import Final

from penstock.contracts.commands import Kind
from penstock.journal import tails
from penstock.journal.tails import Connection, Span, Tail
from penstock.kit.settings import Settings
from penstock.review.recovery import finding, rules, store
from penstock.review.recovery.duplicates import DUPLICATES, duplicates_tail
from penstock.review.recovery.finding import Ended, Waiting
from penstock.review.recovery.store import Closing

__all__ = ["BANK", "NAMES", "bank_tail", "duplicates_tail", "suspense_tail", "tell_stuck"]

BANK: Final = "recovery-bank"
SUSPENSE: Final = "recovery-suspense"
NAMES: Final = (DUPLICATES, BANK, SUSPENSE)
_SECOND_US: Final = 1_000_000
#: Cases that one look for overdue payments opens at most; the next one goes on.
_MOST_TOLD: Final = 500


def bank_tail() -> Tail:
    """Notes which payments wait for the bank, and which have their answer."""

    async def handle(connection: Connection, span: Span) -> None:
        waiting: dict[int, Waiting] = {}
        answered: dict[int, Ended] = {}
        for row in await finding.bank_rows(connection, span):
            if rules.begins_to_wait(row):
                waiting[row.payment] = rules.waiting(row, span.lane)
            else:
                waiting.pop(row.payment, None)
                answered[row.payment] = Ended(row.payment, row.seq, row.time_us, row.kind)
        await finding.end_waiting(connection, span.lane, list(answered))
        await store.close_stuck(connection, [_answered(ended, span.lane) for ended in answered.values()])
        await finding.add_waiting(connection, list(waiting.values()))

    return Tail(BANK, handle, tails.by_columns(finding.may_be_at_bank))


async def tell_stuck(connection: Connection, lane: int, now_us: int, settings: Settings) -> int:
    """Open cases for payments whose answer is overdue in what the tail has seen; how many, one look."""
    seen_us = await tails.seen_until_us(connection, BANK, lane, now_us)
    return await finding.tell_overdue(connection, lane, seen_us - settings.rail_answer_s * _SECOND_US, _MOST_TOLD)


def suspense_tail() -> Tail:
    """Finds credits that went to suspense, and the corrections that moved them out."""

    async def handle(connection: Connection, span: Span) -> None:
        await store.add_suspended(connection, span.lane, await finding.suspended(connection, span))
        for moved in await finding.moved(connection, span):
            await store.close_suspended(connection, span.lane, moved)

    return Tail(SUSPENSE, handle, tails.by_columns(finding.in_suspense))


def _answered(ended: Ended, lane: int) -> Closing:
    outcome = "corrected" if ended.kind == Kind.RECOVER else "answered"
    return Closing(lane, ended.payment, ended.seq, ended.time_us, outcome)
