"""The adapter against the real simulator's process: it says what is certain, and nothing else."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest
from support.simulator import Simulator, simulated

from penstock.contracts.bank import CreditTransfer, EntryKind, Money, Party
from penstock.kit.settings import BadSetting, Settings, refuse_in_production
from penstock.process.rails.bank import Bank, BankAway, Outcome, Said

T = TypeVar("T")
OURS = "PENSTOCK-CNY"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulated(tmp_path_factory.mktemp("bank")) as running:
        yield running


@pytest.fixture(autouse=True)
def good(simulator: Simulator) -> None:
    simulator.behave("good")


def order(account: str = "CN777", minor: int = 1234) -> CreditTransfer:
    name = f"0-pay_{next(_numbers):013d}"
    ours, theirs = Party("Penstock", OURS, "PENSBANK"), Party("Zhao Min", account, "TESTBANK")
    return CreditTransfer(name, name, "00000000-0000-4000-8000-000000000000", Money("CNY", minor), ours, theirs, "rent")


def ask(simulator: Simulator, work: Callable[[Bank], Awaitable[T]], timeout_s: float = 5.0, key: str = "") -> T:
    async def run() -> T:
        bank = Bank(simulator.url, key or simulator.key, timeout_s)
        try:
            return await work(bank)
        finally:
            await bank.close()

    return asyncio.run(run())


def send(simulator: Simulator, transfer: CreditTransfer, timeout_s: float = 5.0) -> Said:
    return ask(simulator, lambda bank: bank.send(transfer), timeout_s)


def look(simulator: Simulator, transfer: CreditTransfer, timeout_s: float = 5.0) -> Said | None:
    return ask(simulator, lambda bank: bank.look(transfer.end_to_end_id), timeout_s)


def bookings(simulator: Simulator, transfer: CreditTransfer) -> int:
    return simulator.paid().get(transfer.end_to_end_id, 0)


def test_a_good_bank_pays_each_transfer_once_however_often_it_is_sent(simulator: Simulator) -> None:
    transfer = order()
    first, again = send(simulator, transfer), send(simulator, transfer)
    assert first.outcome is Outcome.PAID
    assert first.bank_reference
    assert again == first == look(simulator, transfer)
    assert bookings(simulator, transfer) == 1


def test_an_end_to_end_id_with_other_content_is_not_paid_again(simulator: Simulator) -> None:
    transfer = order()
    send(simulator, transfer)
    other = CreditTransfer(
        transfer.instruction_id, transfer.end_to_end_id, transfer.uetr, Money("CNY", 1), transfer.debtor, transfer.creditor
    )
    assert send(simulator, other) == Said(Outcome.UNKNOWN, "HTTP 409")
    assert bookings(simulator, transfer) == 1


def test_a_rejection_is_certain_and_has_its_reason(simulator: Simulator) -> None:
    transfer = order("SIMREJECT1")
    assert send(simulator, transfer) == Said(Outcome.REJECTED, "AC04")
    assert bookings(simulator, transfer) == 0


def test_a_lying_bank_says_rejected_and_its_statement_shows_the_payment(simulator: Simulator) -> None:
    transfer = order("SIMLIE1", 77)
    assert send(simulator, transfer).outcome is Outcome.REJECTED
    assert look(simulator, transfer) == Said(Outcome.REJECTED, "AC04")
    assert bookings(simulator, transfer) == 1
    today = datetime.now(UTC).date().isoformat()
    statement = ask(simulator, lambda bank: bank.statement(OURS, today))
    assert [e.amount.minor_units for e in statement.entries if e.end_to_end_id == transfer.end_to_end_id] == [77]
    assert statement.closing_minor_units < statement.opening_minor_units


def test_an_answer_500_after_the_payment_is_unknown_until_it_is_asked_for(simulator: Simulator) -> None:
    transfer = order("SIM500A")
    assert send(simulator, transfer) == Said(Outcome.UNKNOWN, "HTTP 500")
    found = look(simulator, transfer)
    assert found is not None
    assert found.outcome is Outcome.PAID
    assert bookings(simulator, transfer) == 1


def test_a_lost_request_is_not_known_and_may_be_sent_again(simulator: Simulator) -> None:
    transfer = order("SIMLOSE1")
    assert send(simulator, transfer).outcome is Outcome.UNKNOWN
    assert look(simulator, transfer) is None
    assert send(simulator, transfer).outcome is Outcome.PAID
    assert bookings(simulator, transfer) == 1


def test_a_slow_bank_is_unknown_until_it_has_paid(simulator: Simulator) -> None:
    transfer = order("SIMSLOW1")
    assert send(simulator, transfer, timeout_s=0.1) == Said(Outcome.UNKNOWN, "ReadTimeout")
    assert look(simulator, transfer) == Said(Outcome.UNKNOWN, "PDNG")
    ends = asyncio.run(_until_decided(simulator, transfer))
    assert ends.outcome is Outcome.PAID
    assert bookings(simulator, transfer) == 1


async def _until_decided(simulator: Simulator, transfer: CreditTransfer) -> Said:
    bank = Bank(simulator.url, simulator.key, 5.0)
    async with asyncio.timeout(10):
        while True:
            found = await bank.look(transfer.end_to_end_id)
            assert found is not None
            if found.outcome is not Outcome.UNKNOWN:
                await bank.close()
                return found
            await asyncio.sleep(0.05)


def test_a_bank_that_never_decides_stays_unknown(simulator: Simulator) -> None:
    transfer = order("SIMPENDING")
    assert send(simulator, transfer) == look(simulator, transfer) == Said(Outcome.UNKNOWN, "PDNG")
    assert bookings(simulator, transfer) == 0


def test_a_dead_bank_is_unknown(simulator: Simulator) -> None:
    transfer = order()
    simulator.behave("dead")
    assert send(simulator, transfer, timeout_s=0.2) == look(simulator, transfer, 0.2) == Said(Outcome.UNKNOWN, "ReadTimeout")
    with pytest.raises(BankAway, match="ReadTimeout"):
        ask(simulator, lambda bank: bank.notifications(0), 0.2)
    simulator.behave("good")
    assert look(simulator, transfer) is None


def test_nobody_listens(simulator: Simulator) -> None:
    async def run() -> Said:
        bank = Bank("http://127.0.0.1:9", simulator.key, 1.0)
        try:
            return await bank.send(order())
        finally:
            await bank.close()

    assert asyncio.run(run()) == Said(Outcome.UNKNOWN, "ConnectError")


def test_a_wrong_key_is_no_answer(simulator: Simulator) -> None:
    transfer = order()
    assert ask(simulator, lambda bank: bank.send(transfer), key="wrong") == Said(Outcome.UNKNOWN, "HTTP 401")
    assert look(simulator, transfer) is None


def test_notifications_tell_of_credits_and_returns_and_may_tell_twice(simulator: Simulator) -> None:
    start = ask(simulator, lambda bank: bank.notifications(0)).next_after
    simulator.behave("duplicating", 0.0)
    paid_in = simulator.pay_in("acc_1", 500)
    back = order("SIMRETURN1", 99)
    assert send(simulator, back).outcome is Outcome.PAID
    page = ask(simulator, lambda bank: bank.notifications(start))
    told = [(n.entry.kind, n.entry.bank_reference, n.entry.amount.minor_units) for n in page.notifications]
    assert told[0] == told[1] == (EntryKind.CREDIT, paid_in["bank_reference"], 500)
    assert [kind for kind, _, minor in told if minor == 99] == [EntryKind.RETURN] * 2
    assert page.notifications[-1].entry.end_to_end_id == back.end_to_end_id
    assert ask(simulator, lambda bank: bank.notifications(page.next_after)).notifications == []


def test_its_books_survive_a_kill(tmp_path: Path) -> None:
    with simulated(tmp_path) as simulator:
        simulator.behave("duplicating", 0.5)
        transfer = order()
        first = send(simulator, transfer)
        simulator.kill()
        simulator.start()
        assert look(simulator, transfer) == first
        assert bookings(simulator, transfer) == 1


@pytest.mark.parametrize("url", ["http://bank.example", "ftp://bank.example", "bank", "http://[::1"])
def test_money_is_not_sent_without_tls_but_on_this_machine(url: str) -> None:
    with pytest.raises(BadSetting, match="bank_url"):
        Bank(url, "key", 1.0)


def test_production_refuses_a_bank_without_tls() -> None:
    settings = Settings(
        profile="production", database_url="postgresql:///x", tls_certificate="c", tls_key="k", bank_url="http://127.0.0.1:8480"
    )
    with pytest.raises(BadSetting, match="https"):
        refuse_in_production(settings)


def test_the_key_is_not_shown(simulator: Simulator) -> None:
    async def run() -> str:
        bank = Bank(simulator.url, simulator.key, 1.0)
        await bank.close()
        return repr(vars(bank))

    assert simulator.key not in asyncio.run(run())
