"""The tails that find what looks wrong, and close a case when the journal shows that it is right again."""

from __future__ import annotations

from typing import Final

from penstock.contracts.commands import Kind
from penstock.journal import tails
from penstock.journal.tails import Connection, Span, Tail
from penstock.kit.settings import Settings
from penstock.review.recovery import finding, rules, store
from penstock.review.recovery.finding import Ended, Waiting
from penstock.review.recovery.store import Closing

DUPLICATES: Final = "recovery-duplicates"
BANK: Final = "recovery-bank"
SUSPENSE: Final = "recovery-suspense"
NAMES: Final = (DUPLICATES, BANK, SUSPENSE)
_SECOND_US: Final = 1_000_000
#: Cases that one look for overdue payments opens at most; the next one goes on.
_MOST_TOLD: Final = 500


def duplicates_tail(settings: Settings) -> Tail:
    """Finds payments that repeat one before: a window of what cleared is kept in the database, in lane time."""
    window_us = settings.duplicate_window_s * _SECOND_US
    bare_us = min(settings.duplicate_bare_window_s, settings.duplicate_window_s) * _SECOND_US

    async def handle(connection: Connection, span: Span) -> None:
        cleared = await finding.cleared(connection, span)
        await finding.remember(connection, span.lane, [(found, *rules.sameness(found)) for found in cleared])
        back = await finding.given_back(connection, span)
        await finding.set_gone(connection, span.lane, [ended.payment for ended in back])
        await finding.add_repeated(connection, span.lane, [found.payment for found in cleared], window_us, bare_us)
        await store.close_duplicates(connection, [_given_back(ended, span.lane) for ended in back])
        await finding.forget(connection, span.lane, await finding.last_time_us(connection, span) - window_us)

    return Tail(DUPLICATES, handle)


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

    return Tail(BANK, handle)


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

    return Tail(SUSPENSE, handle)


def _given_back(ended: Ended, lane: int) -> Closing:
    outcome = "corrected" if ended.kind == Kind.RECOVER else "given_back"
    return Closing(lane, ended.payment, ended.seq, ended.time_us, outcome)


def _answered(ended: Ended, lane: int) -> Closing:
    outcome = "corrected" if ended.kind == Kind.RECOVER else "answered"
    return Closing(lane, ended.payment, ended.seq, ended.time_us, outcome)
