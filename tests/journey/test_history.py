"""What was done can be read again, page by page, by whom it concerns."""

from __future__ import annotations

from support.bank import Bank, wish


def test_pages_walk_the_whole_history_of_both_accounts(bank: Bank) -> None:
    payer, payee = bank.account(100_000), bank.account()
    bodies = [wish(payer, payee, 10 + place, reference=f"till {place}") for place in range(150)]
    outcomes = bank.batch([{**body, "command": "pay"} for body in bodies])
    entries, received = bank.history(payer, limit=7), bank.history(payee, limit=31)
    paid = list(reversed(entries))[2:]  # after the opening and the deposit
    assert [entry["seq"] for entry in paid] == [outcome["seq"] for outcome in outcomes]
    assert [entry["change_minor"] for entry in paid] == [-body["amount_minor"] for body in bodies]
    assert [entry["reference"] for entry in paid] == [body["reference"] for body in bodies]
    assert [entry["payment"] for entry in paid] == [outcome["payment"] for outcome in outcomes]
    assert {entry["counterparty"] for entry in paid} == {payee}
    assert [entry["seq"] for entry in received[:-1]] == [entry["seq"] for entry in entries[:-2]]
    assert {entry["counterparty"] for entry in received[:-1]} == {payer}
    assert sum(entry["change_minor"] for entry in entries) == bank.money(payer)[0]
    assert sum(entry["change_minor"] for entry in received) == bank.money(payee)[0]


def test_every_kind_of_row_is_in_the_history(bank: Bank) -> None:
    payer, payee = bank.account(1_000), bank.account()
    payment = bank.hold(payer, payee, 500)
    bank.follow(payment, "clear", amount_minor=200)
    bank.follow(payment, "release", amount_minor=100)
    bank.follow(payment, "cancel")
    bank.withdraw(payer, 50)
    bank.pay(payer, payee, 100_000)
    entries = list(reversed(bank.history(payer)))
    told = [(entry["command"], entry["change_minor"], entry["held_minor"], entry["reason"]) for entry in entries]
    assert told == [
        ("open_account", 0, 0, "ok"), ("deposit", 1_000, 0, "ok"), ("pay", -500, 500, "ok"), ("clear", 0, -200, "ok"),
        ("release", 100, -100, "ok"), ("cancel", 200, -200, "ok"), ("withdraw", -57, 0, "ok"),
        ("pay", 0, 0, "insufficient_funds"),
    ]  # fmt: skip
    assert [entry["command"] for entry in bank.history(payee)] == ["clear", "open_account"]


def test_a_cursor_is_of_one_account_and_a_page_has_a_bound(bank: Bank) -> None:
    payer, payee = bank.account(1_000), bank.account(1_000)
    cursor = bank.get(f"/v1/accounts/{payer}/entries?limit=1")["next_cursor"]
    wrong = bank.once("GET", f"/v1/accounts/{payee}/entries?cursor={cursor}")
    assert (wrong.status, wrong.body["errors"][0]["field"]) == (422, "cursor")
    for limit in (0, 201):
        refused = bank.once("GET", f"/v1/accounts/{payer}/entries?limit={limit}")
        assert (refused.status, refused.body["errors"][0]["field"]) == (422, "limit")


def test_others_cannot_read_what_does_not_concern_them(bank: Bank, other: Bank) -> None:
    payer, payee, theirs = bank.account(1_000), bank.account(), other.account()
    between_us = bank.pay(payer, payee, 10)["payment"]
    to_them = bank.pay(payer, theirs, 10)["payment"]
    for path in (f"/v1/accounts/{payer}", f"/v1/accounts/{payer}/entries", f"/v1/customers/{bank.customers[payer]}"):
        assert other.once("GET", path).status == 404
    assert other.once("GET", f"/v1/payments/{between_us}").status == 404
    assert other.get(f"/v1/payments/{to_them}")["cleared_minor"] == 10
    assert other.pay(payer, theirs, 10)["reason"] == "payer_unknown"
    assert other.follow(between_us, "cancel")["reason"] == "payment_unknown"
    assert bank.money(payer) == (980, 0)
