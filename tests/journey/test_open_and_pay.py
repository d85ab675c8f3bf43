"""The first part of the journey: a customer, an account, money in, a payment, money out."""

from __future__ import annotations

from support.bank import Bank
from support.policies import purchase_fee


def test_a_customer_opens_an_account_and_pays(bank: Bank) -> None:
    customer = bank.do("/v1/customers", tier="basic")
    assert (customer["state"], customer["reason"], customer["command"]) == ("done", "ok", "open_customer")
    payer = bank.open_account(customer["customer"])
    assert bank.money(payer) == (0, 0)
    deposit = bank.deposit(payer, 10_000)
    assert (deposit["state"], deposit["moved_minor"], deposit["payee"]) == ("cleared", 10_000, payer)
    payee = bank.account()
    paid = bank.pay(payer, payee, 1_200)
    assert (paid["state"], paid["moved_minor"], paid["held_minor"], paid["fee_minor"]) == ("cleared", 1_200, 0, 0)
    assert bank.money(payer) == (8_800, 0)
    assert bank.money(payee) == (1_200, 0)


def test_fees_are_paid_on_top_and_are_money_of_the_fee_account(bank: Bank) -> None:
    payer, payee = bank.account(10_000), bank.account()
    assert bank.pay(payer, payee, 1_000, type="purchase")["fee_minor"] == purchase_fee(1_000) == 16
    assert bank.pay(payer, payee, 5_000, type="purchase")["fee_minor"] == purchase_fee(5_000) == 40
    assert bank.withdraw(payer, 100)["fee_minor"] == 7
    assert bank.money(payer) == (10_000 - 1_000 - 16 - 5_000 - 40 - 100 - 7, 0)


def test_the_last_cent_can_be_paid_and_not_one_more(bank: Bank) -> None:
    payer, payee = bank.account(500 + purchase_fee(500)), bank.account()
    assert bank.pay(payer, payee, 501, type="purchase")["reason"] == "insufficient_funds"
    assert bank.pay(payer, payee, 500, type="purchase")["state"] == "cleared"
    assert bank.money(payer) == (0, 0)
    assert bank.pay(payer, payee, 1)["reason"] == "insufficient_funds"


def test_accounts_of_one_customer_may_have_other_currencies(bank: Bank) -> None:
    customer = bank.open_customer()
    yuan, dollars = bank.open_account(customer, 1_000), bank.open_account(customer, 1_000, "USD")
    payee = bank.account(currency="USD")
    assert bank.pay(yuan, payee, 10)["reason"] == "currency_mismatch"
    assert bank.pay(dollars, payee, 10, currency="USD")["state"] == "cleared"
    assert (bank.money(yuan), bank.money(dollars)) == ((1_000, 0), (990, 0))


def test_all_money_is_somewhere(bank: Bank) -> None:
    """Verify sums every account, the system's own included, to zero."""
    payer, payee = bank.account(9_000), bank.account()
    bank.pay(payer, payee, 77, type="purchase")
    bank.withdraw(payee, 50)
    verified = bank.installation.run("verify", "--json")
    assert verified.returncode == 0, verified.stdout + verified.stderr
