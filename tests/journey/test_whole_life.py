"""What time does to payments and accounts: they arrive, are decided and thaw by themselves; and all of it verifies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.bank import Bank, until
from support.installation import Installation
from support.policies import REVIEWED


@pytest.fixture(scope="module")
def desk(installation: Installation) -> Iterator[Bank]:
    """The operator's people."""
    with Bank(installation, "desk", ["control", "review", "operate"], "Anna") as made:
        yield made


def view(bank: Bank, payment: str) -> dict[str, Any]:
    seen: dict[str, Any] = bank.get(f"/v1/payments/{payment}")
    return seen


def test_a_payment_arrives_by_itself(bank: Bank) -> None:
    payer, payee = bank.account(1_000), bank.account()
    outcome = bank.pay(payer, payee, 300, arrival="ordinary")
    assert (outcome["state"], bank.money(payer), bank.money(payee)) == ("delayed", (700, 300), (0, 0))
    until(lambda: view(bank, outcome["payment"])["state"] == "cleared")
    assert (bank.money(payer), bank.money(payee)) == ((700, 0), (300, 0))
    seen = view(bank, outcome["payment"])
    assert ([event["command"] for event in seen["events"]], seen["refundable_minor"]) == (["pay", "expire"], 300)
    assert bank.follow(outcome["payment"], "refund")["state"] == "refunded"
    assert bank.money(payer) == (1_000, 0)


def test_a_payment_that_cannot_arrive_any_more_goes_back_and_says_why(bank: Bank) -> None:
    payer, payee = bank.account(1_000), bank.account()
    payment = bank.pay(payer, payee, 300, arrival="ordinary")["payment"]
    assert bank.do(f"/v1/accounts/{payee}/close")["state"] == "done"
    until(lambda: view(bank, payment)["state"] == "expired")
    assert (view(bank, payment)["reason"], bank.money(payer)) == ("payee_closed", (1_000, 0))


def test_a_review_that_nobody_decides_ends_with_its_default(bank: Bank) -> None:
    payer, payee = bank.account(10 * REVIEWED, currency="USD"), bank.account(currency="USD")
    outcome = bank.pay(payer, payee, REVIEWED + 1, type="bill", currency="USD")
    assert outcome["state"] == "review"
    until(lambda: view(bank, outcome["payment"])["state"] == "rejected")
    assert bank.money(payer) == (10 * REVIEWED, 0)


def test_a_review_is_decided_in_time(bank: Bank, desk: Bank) -> None:
    payer, payee = bank.account(10 * REVIEWED, currency="USD"), bank.account(currency="USD")
    payment = bank.pay(payer, payee, REVIEWED + 1, type="bill", currency="USD")["payment"]
    assert desk.follow(payment, "review-decision", decision="approve")["state"] == "cleared"
    assert bank.money(payee) == (REVIEWED + 1, 0)


def test_a_freeze_ends_by_itself(bank: Bank, desk: Bank) -> None:
    payer, payee = bank.account(1_000), bank.account()
    end = datetime.now(UTC) + timedelta(seconds=2)
    assert desk.freeze(payer, "all", until=end.isoformat())["state"] == "done"
    assert bank.pay(payer, payee, 1)["reason"] == "payer_frozen"
    until(lambda: bank.pay(payer, payee, 1)["state"] == "cleared")
    assert bank.get(f"/v1/accounts/{payer}")["freezes"] == []


def test_it_all_verifies(bank: Bank, desk: Bank) -> None:
    payer, payee = bank.account(1_000), bank.account(1_000)
    payments = [bank.pay(payer, payee, 50)["payment"] for _ in range(3)]
    assert bank.follow(payments[0], "refund", amount_minor=20)["state"] == "cleared"
    assert bank.follow(payments[1], "return")["state"] == "returned"
    assert desk.follow(payments[2], "chargeback")["state"] == "charged_back"
    assert desk.freeze(payee, "credit")["state"] == "done"
    assert bank.deposit(payee, 70)["to_suspense"] is True
    verified = bank.installation.run("verify", "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
