"""Money that leaves by bank transfer and money that arrives, with a real lane, office and bank."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from support.bank import Bank, until
from support.banked import REVIEWED, Banked, withdraw_to

FEE = 7


def state(bank: Bank, payment: str) -> str:
    return str(bank.get(f"/v1/payments/{payment}")["state"])


def becomes(bank: Bank, payment: str, wanted: str) -> None:
    until(lambda: state(bank, payment) == wanted)


@pytest.fixture(autouse=True)
def good(system: Banked) -> None:
    system.simulator.behave("good")


@pytest.mark.parametrize("to", ["CN777", "SIMSLOW1", "SIM500A", "SIMLOSE1"])
def test_a_withdrawal_is_held_until_the_bank_has_paid_and_is_paid_once(system: Banked, bank: Bank, to: str) -> None:
    account = bank.account(10_000)
    before = system.simulator.paid()
    outcome = withdraw_to(bank, account, 4_000, to)
    assert outcome["state"] == "held"
    becomes(bank, outcome["payment"], "cleared")
    assert bank.money(account) == (10_000 - 4_000 - FEE, 0)
    new = {name: count for name, count in system.simulator.paid().items() if name not in before}
    assert list(new.values()) == [1]


def test_a_rejected_withdrawal_goes_back(bank: Bank) -> None:
    account = bank.account(10_000)
    payment = withdraw_to(bank, account, 4_000, "SIMREJECT1")["payment"]
    becomes(bank, payment, "released")
    assert bank.money(account) == (10_000, 0)


def test_money_stays_held_while_the_bank_is_dead_and_leaves_when_it_is_back(system: Banked, bank: Bank) -> None:
    account = bank.account(10_000)
    system.simulator.behave("dead")
    payment = withdraw_to(bank, account, 4_000, "CN777")["payment"]
    until(lambda: system.rows("SELECT 1 FROM rail_transfer WHERE state = 'open' AND asked > 1"))
    assert bank.money(account) == (10_000 - 4_000 - FEE, 4_000 + FEE)
    system.simulator.behave("good")
    becomes(bank, payment, "cleared")


def test_a_withdrawal_that_comes_back_from_the_bank_is_returned(system: Banked, bank: Bank) -> None:
    account = bank.account(10_000)
    system.simulator.behave("duplicating", 0.5)
    payment = withdraw_to(bank, account, 4_000, "SIMRETURN1")["payment"]
    becomes(bank, payment, "returned")
    assert bank.money(account) == (10_000 - FEE, 0)


def test_a_top_up_is_credited_once_however_often_it_is_told(system: Banked, bank: Bank) -> None:
    account = bank.account()
    system.simulator.behave("duplicating")
    system.simulator.pay_in(account, 2_500)
    until(lambda: bank.money(account) == (2_500, 0))
    system.wait_until_settled()
    assert bank.money(account) == (2_500, 0)


@pytest.mark.parametrize("reference", ["nobody", "acc_0000000000000", ""])
def test_money_for_nobody_known_waits_in_suspense(system: Banked, reference: str) -> None:
    entry = system.simulator.pay_in(reference, 321)
    found = until(lambda: system.rows("SELECT state FROM rail_entry WHERE bank_reference = %s AND state <> 'new'", entry["bank_reference"]))
    assert found == [("suspense",)]


def test_money_in_another_currency_than_the_accounts_waits_in_suspense(system: Banked, bank: Bank) -> None:
    account = bank.account()
    entry = system.simulator.pay_in(account, 321, "USD")
    wanted = "SELECT state, reason FROM rail_entry WHERE bank_reference = %s AND state <> 'new'"
    assert until(lambda: system.rows(wanted, entry["bank_reference"])) == [("suspense", "currency_mismatch")]
    assert bank.money(account) == (0, 0)


def top_up(system: Banked, bank: Bank, minor: int) -> tuple[str, str]:
    """An account with money that came from the bank, and the deposit."""
    account = bank.account()
    system.simulator.pay_in(account, minor)
    until(lambda: bank.money(account) == (minor, 0))
    return account, str(bank.history(account)[0]["payment"])


def test_a_deposit_is_refunded_to_where_it_came_from(system: Banked, bank: Bank) -> None:
    account, deposit = top_up(system, bank, 3_000)
    outcome = bank.follow(deposit, "refund", amount_minor=1_000)
    assert outcome["state"] == "refunding"
    until(lambda: bank.money(account) == (2_000, 0))
    assert bank.follow(deposit, "refund")["state"] == "refunding"
    becomes(bank, deposit, "refunded")
    assert bank.money(account) == (0, 0)
    today = datetime.now(UTC).date().isoformat()
    sent = [entry for entry in system.simulator.statement(today)["entries"] if entry.get("counterparty", {}).get("account") == "CN001" and entry["kind"] == "debit"]
    assert sorted(entry["amount"]["minor_units"] for entry in sent) == [1_000, 2_000]


def test_a_refund_of_a_deposit_that_came_from_nowhere_goes_back_to_the_account(bank: Bank) -> None:
    account = bank.account(3_000)
    deposit = str(bank.history(account)[0]["payment"])
    assert bank.follow(deposit, "refund")["state"] == "refunding"
    becomes(bank, deposit, "cleared")
    assert bank.money(account) == (3_000, 0)


def test_a_withdrawal_under_review_is_not_sent_before_a_person_approves_it(system: Banked, bank: Bank, clerk: Bank) -> None:
    account = bank.account(2 * REVIEWED, currency="USD")
    payment = withdraw_to(bank, account, REVIEWED + 1, "CN777", "USD")["payment"]
    assert state(bank, payment) == "review"
    system.wait_until_settled()
    assert system.rows("SELECT 1 FROM rail_transfer WHERE currency = 840") == []
    assert clerk.follow(payment, "review-decision", decision="approve")["state"] == "held"
    becomes(bank, payment, "cleared")
    assert bank.money(account) == (REVIEWED - 1, 0)


def test_a_withdrawal_that_the_deadline_approves_is_sent(system: Banked, bank: Bank) -> None:
    account = bank.account(2 * REVIEWED)
    before = system.simulator.paid()
    payment = withdraw_to(bank, account, REVIEWED + 1, "CN777")["payment"]
    assert state(bank, payment) == "review"
    becomes(bank, payment, "cleared")
    assert len(system.simulator.paid()) == len(before) + 1
