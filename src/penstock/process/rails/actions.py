"""What the workflows' steps do. Each may be done again at any time: the bank and the lane know their ids.

No step ends because the database or the lane is away: it waits, and the workflow with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

import msgspec
import psycopg
import structlog
from psycopg_pool import PoolTimeout

from penstock.contracts import ids as public
from penstock.contracts.bank import CreditTransfer, EntryKind, Money, Party, settlement_account
from penstock.contracts.commands import Status
from penstock.contracts.ids import BadPublicId
from penstock.contracts.money import BY_CODE
from penstock.contracts.office import Office
from penstock.contracts.reasons import Reason
from penstock.contracts.words import CURRENCY_CODES, REASONS
from penstock.kit.http.problem import Problem
from penstock.process.rails import orders, rules, store
from penstock.process.rails.bank import Bank, Outcome, Said
from penstock.process.rails.orders import Order
from penstock.process.rails.store import Arrived, Transfer

log = structlog.get_logger()

T = TypeVar("T")
#: Pauses while the database or the lane is away.
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
#: HTTP statuses of problems that say: nothing is certain, send the same again.
_AGAIN: Final = frozenset({429, 503})
#: ISO 20022: the creditor's account is unknown; also the reason when nobody knows where a deposit came from.
_NO_CREDITOR: Final = Said(Outcome.REJECTED, "AC03")
_DECIDED: Final = {"paid": Outcome.PAID, "rejected": Outcome.REJECTED}


@dataclass(frozen=True)
class Rails:
    """What the flows work with."""

    office: Office
    bank: Bank
    #: The number of the API client 'penstock'.
    client: int
    #: A number between 0 and 1, a new one each time.
    chance: Callable[[], float]

    @property
    def lane(self) -> int:
        """The lane that the flows work for."""
        return self.office.settings.lane


class Told(NamedTuple):
    """How the lane took an order."""

    done: bool
    reason: Reason
    seq: int


async def ask_bank(rails: Rails, seq: int) -> tuple[str, str]:
    """Have a credit transfer carried out, or ask what became of it; the outcome and its reason, noted."""
    found = await persist(rails, lambda: _read(rails, seq))
    if found.state != "open":
        return _DECIDED[found.state].value if found.state in _DECIDED else found.state, found.reason
    said = await _ask(rails, found)

    async def note() -> None:
        state = "open" if said.outcome is Outcome.UNKNOWN else said.outcome.value
        async with rails.office.connection() as connection:
            await store.note(
                connection, rails.lane, seq, ("open",), state, said.reason, bank_reference=said.bank_reference, asked=1
            )

    await persist(rails, note)
    return said.outcome.value, said.reason


async def _ask(rails: Rails, found: Transfer) -> Said:
    if found.creditor is None:
        return _NO_CREDITOR
    if found.asked:
        said = await rails.bank.look(found.end_to_end_id)
        if said is not None:
            return said
    return await rails.bank.send(credit_transfer(rails, found))


def credit_transfer(rails: Rails, found: Transfer) -> CreditTransfer:
    """The message to the bank; the same row always gives the same message."""
    settings = rails.office.settings
    currency = CURRENCY_CODES[found.currency]
    debtor = Party(settings.bank_name, settlement_account(settings.bank_account, currency), settings.bank_agent)
    return CreditTransfer(
        instruction_id=found.end_to_end_id,
        end_to_end_id=found.end_to_end_id,
        uetr=rules.uetr(found.end_to_end_id),
        amount=Money(currency, found.amount_minor),
        debtor=debtor,
        creditor=msgspec.convert(found.creditor, Party),
        remittance_information=found.words,
    )


async def tell_lane(rails: Rails, seq: int, time_ms: int) -> bool:
    """Let the lane follow the bank's answer; false when the id of that time has expired: then it never happened."""
    found = await persist(rails, lambda: _read(rails, seq))
    if found.state not in _DECIDED:
        return True  # told before
    outcome = _DECIDED[found.state]
    told = await tell(rails, orders.settle(rails.lane, seq, found.payment_seq, outcome), time_ms)
    if told.reason is Reason.ID_EXPIRED:
        return False
    state = ("cleared" if outcome is Outcome.PAID else "released") if told.done else "refused"
    reason = found.reason if told.done else REASONS[told.reason]
    if not told.done:
        log.error("lane_did_not_follow_bank", seq=seq, bank=outcome.value, reason=reason)

    async def note() -> None:
        async with rails.office.connection() as connection:
            await store.note(connection, rails.lane, seq, (found.state,), state, reason)

    await persist(rails, note)
    return True


async def _read(rails: Rails, seq: int) -> Transfer:
    async with rails.office.connection() as connection:
        return await store.transfer(connection, rails.lane, seq)


async def book(rails: Rails, number: int, time_ms: int) -> str:
    """Book what arrived: ``done``, ``wait`` (its payment is still on its way) or ``expired`` (ids of that time)."""
    found = await persist(rails, lambda: _arrived(rails, number))
    if found.state != "new":
        return "done"
    if found.entry.amount.currency not in BY_CODE:
        await persist(rails, lambda: _note_entry(rails, number, "refused", Told(False, Reason.CURRENCY_MISMATCH, 0)))
        return "done"
    order = await persist(rails, lambda: _order(rails, found))
    if order is None:
        return "wait"
    told = await tell(rails, order, time_ms)
    state = "booked" if order.fields.get("payee_account") or order.fields.get("ref_seq") else "suspense"
    if not told.done and told.reason in rules.NOT_YET:
        return "wait"
    if not told.done and told.reason is not Reason.ID_EXPIRED and state == "booked":
        log.warning("arrival_goes_to_suspense", entry=number, reason=REASONS[told.reason])
        reason, state = told.reason, "suspense"
        suspense = orders.deposit(rails.lane, found.account, found.entry, 0, rails.office.settings.payload_bytes)
        told = await tell(rails, suspense, time_ms)
        told = told._replace(reason=reason) if told.done else told
    if told.reason is Reason.ID_EXPIRED:
        return "expired"
    await persist(rails, lambda: _note_entry(rails, number, state if told.done else "refused", told))
    return "done"


async def _order(rails: Rails, found: Arrived) -> Order | None:
    """The command that books an entry; None while its payment is still on its way out."""
    lane, entry, most_bytes = rails.lane, found.entry, rails.office.settings.payload_bytes
    suspense = orders.deposit(lane, found.account, entry, 0, most_bytes)
    if entry.kind is EntryKind.CREDIT:
        try:
            account = rails.office.ids.decode(public.Kind.ACCOUNT, entry.creditor_reference.strip())
        except BadPublicId:
            return suspense
        return orders.deposit(lane, found.account, entry, account, most_bytes)
    async with rails.office.connection() as connection:
        sent = await store.transfer_named(connection, lane, entry.end_to_end_id)
    if sent is None or sent.is_refund or sent.state in ("released", "refused"):
        return suspense
    if sent.state != "cleared":
        return None
    return orders.give_back(lane, found.account, entry, sent.payment_seq, most_bytes)


async def _arrived(rails: Rails, number: int) -> Arrived:
    async with rails.office.connection() as connection:
        return await store.arrived(connection, number)


async def _note_entry(rails: Rails, number: int, state: str, told: Told) -> None:
    if state == "refused":
        log.error("arrival_not_booked", entry=number, reason=REASONS[told.reason])
    async with rails.office.connection() as connection:
        await store.note_entry(connection, number, state, told.seq, "" if told.reason is Reason.OK else REASONS[told.reason])


async def tell(rails: Rails, order: Order, time_ms: int) -> Told:
    """Send a command until its outcome is known; a repetition gets the outcome of the first time."""

    async def ask() -> Told:
        reply, _ = await rails.office.lane.ask(order.record(rails.client, time_ms), order.payload)
        if reply.status != Status.REPLAYED:
            return Told(rules.took_effect(reply.status, reply.reason), Reason(reply.reason), reply.seq)
        async with rails.office.connection() as connection:
            _, reason = await store.decision(connection, rails.lane, reply.seq)
        return Told(reason == Reason.OK, Reason(reason), reply.seq)

    return await persist(rails, ask)


async def fetch_notifications(rails: Rails) -> bool:
    """Store the next notifications of the bank; whether there may be more at once.

    :raises BankAway: when the bank gives no usable answer.
    """
    async with rails.office.connection() as connection:
        after = await store.after(connection, rails.lane)
        page = await rails.bank.notifications(after)
        if not page.notifications:
            return False
        seen_us = int(rails.office.now().timestamp() * 1_000_000)
        await store.add_entries(connection, rails.lane, page.notifications, page.next_after, seen_us)
    return True


async def persist(rails: Rails, work: Callable[[], Awaitable[T]]) -> T:
    """Do something with database or lane until it could be done."""
    attempt = 0
    while True:
        try:
            return await work()
        except (psycopg.OperationalError, PoolTimeout) as error:
            why = type(error).__name__
        except Problem as problem:
            if problem.status not in _AGAIN:
                raise
            why = problem.kind
        pause_s = rules.pause_s(attempt, _FIRST_PAUSE_S, _LONGEST_PAUSE_S, rails.chance())
        log.warning("waiting_for_the_system", why=why, pause_s=round(pause_s, 3))
        await asyncio.sleep(pause_s)
        attempt += 1
