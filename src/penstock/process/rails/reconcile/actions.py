"""Comparing a day with the bank's statement, and resolving what differs."""

from __future__ import annotations

from datetime import date
from typing import Final

import structlog

from penstock.contracts.bank import settlement_account
from penstock.contracts.money import CURRENCIES
from penstock.contracts.office import Office
from penstock.kit.http.problem import Problem, not_found
from penstock.process.rails.bank import Bank
from penstock.process.rails.reconcile import rules, store
from penstock.process.rails.reconcile.rules import Difference, Finding
from penstock.process.rails.reconcile.store import DifferenceRow, ReconciliationRow

log = structlog.get_logger()

_SETTLED: Final = "settled: a later comparison found both sides equal"


async def reconcile(office: Office, bank: Bank, day: date) -> ReconciliationRow:
    """Compare a day of all settlement accounts with the bank's statements; may be done again at any time.

    :raises BankAway: when the bank gives no usable statement.
    """
    lane, prefix = office.settings.lane, office.settings.bank_account
    accounts = {currency: settlement_account(prefix, currency.code) for currency in CURRENCIES}
    statements = {currency: await bank.statement(account, day.isoformat()) for currency, account in accounts.items()}
    bounds_us = rules.day_bounds_us(day)
    async with office.connection() as connection, connection.transaction():
        findings: list[Finding] = []
        for currency, statement in statements.items():
            before = await store.closing_before(connection, statement.account, day)
            await store.add_statement(connection, lane, statement)
            if (wrong := rules.check_sum(statement, before, currency.numeric)) is not None:
                findings.append(wrong)
        pairs = await store.pairs(connection, lane, day, bounds_us)
        findings += rules.judge_all(pairs)
        await store.keep_findings(connection, lane, day, findings, office.now())
        still = {(finding.kind.value, finding.reference) for finding in findings}
        looked_at = {pair.reference for pair in pairs} | {f"{s.account} {s.date}" for s in statements.values()}
        gone = [one for one in await store.open_ones(connection, lane) if one not in still and one[1] in looked_at]
        await store.settle(connection, lane, sorted(gone), _SETTLED, office.now())
        counted = await store.counts(connection, lane, day, bounds_us)
        done = await store.keep_run(connection, lane, day, counted, office.now())
    _tell(done, findings)
    return done


def _tell(done: ReconciliationRow, findings: list[Finding]) -> None:
    kinds = {kind.value: sum(finding.kind is kind for finding in findings) for kind in Difference}
    found = {kind: count for kind, count in kinds.items() if count}
    (log.error if found else log.info)("reconciled", date=str(done.date), bank=done.bank_entries, ours=done.our_bookings, **found)


async def reconcile_due(office: Office, bank: Bank) -> bool:
    """Compare the oldest day that waits for it; whether there was one.

    :raises BankAway: when the bank gives no usable statement.
    """
    async with office.connection() as connection:
        first, done = await store.days(connection, office.settings.lane)
    day = rules.due_day(first, done, office.now(), office.settings.bank_statement_delay_s)
    if day is None:
        return False
    await reconcile(office, bank, day)
    return True


async def resolve(office: Office, number: int, person: int, note: str) -> DifferenceRow:
    """Close a difference with a note.

    :raises Problem: 404; 409 when it is closed already.
    """
    async with office.connection() as connection:
        resolved = await store.resolve(connection, office.settings.lane, number, person, note, office.now())
        found = await store.difference(connection, office.settings.lane, number)
    if found is None:
        raise not_found("difference")
    if not resolved and (found.resolved_by, found.note) != (person, note):
        detail = "It is resolved already; read it to see by whom and why."
        raise Problem(409, "difference_resolved", "The difference is not open", detail)
    return found
