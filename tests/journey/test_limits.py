"""Limits are the customer's, over all accounts, and exact at posting."""

from __future__ import annotations

import random

import pytest
from support.bank import Bank, wish
from support.policies import DAY, NARROW, SINGLE


def test_the_mission_s_limits_are_the_last_that_is_allowed(bank: Bank) -> None:
    payer, payee = bank.account(2 * DAY, tier="basic"), bank.account()
    above = bank.pay(payer, payee, SINGLE + 1)
    assert (above["reason"], above["retry"], above["iso20022"]) == ("limit_single", "after_change", "AM21")
    for _ in range(DAY // SINGLE):
        assert bank.pay(payer, payee, SINGLE)["state"] == "cleared"
    assert bank.pay(payer, payee, 1)["reason"] == "limit_day_amount"
    assert bank.used(payer)["day_amount"] == DAY
    assert bank.money(payer) == (DAY, 0)


@pytest.mark.parametrize("tier", [name for name in NARROW if name.endswith("amount")])
def test_an_amount_limit_counts_all_accounts_and_types_of_the_customer(bank: Bank, tier: str) -> None:
    customer, payee, most = bank.open_customer(tier), bank.account(), NARROW[tier]
    accounts = [bank.open_account(customer, most) for _ in range(3)]
    bank.pay(accounts[0], payee, 4_000, type="bill")
    bank.withdraw(accounts[1], 3_000)
    hold = bank.hold(accounts[2], payee, 3_000)
    refused = bank.pay(accounts[0], payee, 1)
    assert refused["reason"] == f"limit_{tier}"
    assert (refused["moved_minor"], refused["retry"]) == (0, "later")
    assert bank.used(accounts[0])[tier] == most
    bank.follow(hold, "release", amount_minor=500)
    assert bank.used(accounts[0])[tier] == most - 500, "what is released can be used again"
    assert bank.pay(accounts[1], payee, 501)["reason"] == f"limit_{tier}"
    assert bank.pay(accounts[1], payee, 500)["state"] == "cleared"


@pytest.mark.parametrize("tier", [name for name in NARROW if name.endswith("count")])
def test_a_count_limit_counts_all_accounts_of_the_customer(bank: Bank, tier: str) -> None:
    customer, payee = bank.open_customer(tier), bank.account()
    accounts = [bank.open_account(customer, 1_000) for _ in range(NARROW[tier])]
    holds = [bank.hold(account, payee, 10) for account in accounts]
    assert bank.pay(accounts[0], payee, 1)["reason"] == f"limit_{tier}"
    bank.follow(holds[0], "clear", amount_minor=1, release_rest=True)
    assert bank.pay(accounts[0], payee, 1)["reason"] == f"limit_{tier}", "a payment that was cleared in part counts"
    bank.follow(holds[1], "cancel")
    assert bank.pay(accounts[0], payee, 1)["state"] == "cleared", "one that was cancelled does not"
    assert bank.pay(accounts[0], payee, 1)["reason"] == f"limit_{tier}"


def test_limits_of_a_type_leave_the_other_types_alone(bank: Bank) -> None:
    payer, payee = bank.account(20_000, tier="transfers"), bank.account()
    assert bank.pay(payer, payee, 5_001)["reason"] == "limit_day_amount"
    assert bank.pay(payer, payee, 5_000)["state"] == "cleared"
    assert bank.pay(payer, payee, 5_001, type="bill")["state"] == "cleared"
    assert bank.pay(payer, payee, 1, type="purchase")["reason"] == "type_not_offered"
    assert (bank.used(payer, "transfer")["day_amount"], bank.used(payer, "bill")["day_amount"]) == (5_000, 5_001)


def test_many_payments_of_one_customer_in_one_batch_are_exact(bank: Bank) -> None:
    """Each payment of the batch sees what those before it have used."""
    customer, payee, most = bank.open_customer("day_amount"), bank.account(), NARROW["day_amount"]
    accounts = [bank.open_account(customer, most) for _ in range(4)]
    amounts = random.Random(20_000).choices(range(100, 900), k=60)
    commands = [
        {**wish(accounts[place % 4], payee, amount), "command": "pay"} for place, amount in enumerate(amounts)
    ]
    outcomes = bank.batch(commands)
    left = most
    for amount, outcome in zip(amounts, outcomes, strict=True):
        fits = amount <= left
        left -= amount if fits else 0
        assert outcome["reason"] == ("ok" if fits else "limit_day_amount")
    assert 0 <= left < 100
    assert bank.used(accounts[0])["day_amount"] == most - left
    assert bank.money(payee) == (most - left, 0)


def test_declined_payments_use_nothing(bank: Bank) -> None:
    payer, payee = bank.account(100, tier="day_count"), bank.account()
    for _ in range(2 * NARROW["day_count"]):
        assert bank.pay(payer, payee, 101)["reason"] == "insufficient_funds"
    assert set(bank.used(payer).values()) == {0}
