"""Money is held first, and cleared, released, cancelled or left to run out later."""

from __future__ import annotations

from support.bank import Bank, until
from support.policies import purchase_fee


def test_a_hold_is_cleared_in_full(bank: Bank) -> None:
    payer, payee = bank.account(10_000), bank.account()
    payment = bank.hold(payer, payee, 4_000)
    assert (bank.money(payer), bank.money(payee)) == ((6_000, 4_000), (0, 0))
    cleared = bank.follow(payment, "clear")
    assert (cleared["state"], cleared["moved_minor"], cleared["held_minor"]) == ("cleared", 4_000, -4_000)
    assert (bank.money(payer), bank.money(payee)) == ((6_000, 0), (4_000, 0))


def test_a_part_is_cleared_and_the_rest_given_back_at_once(bank: Bank) -> None:
    payer, payee = bank.account(10_000), bank.account()
    payment = bank.hold(payer, payee, 4_000)
    last = bank.follow(payment, "clear", amount_minor=1_500, release_rest=True)
    assert (last["state"], last["moved_minor"], last["held_minor"]) == ("cleared", 1_500, -4_000)
    assert (bank.money(payer), bank.money(payee)) == ((8_500, 0), (1_500, 0))
    view = bank.get(f"/v1/payments/{payment}")
    assert (view["cleared_minor"], view["released_minor"], view["remaining_minor"]) == (1_500, 2_500, 0)


def test_many_parts_add_up_to_the_whole_and_its_fee(bank: Bank) -> None:
    payer, payee = bank.account(10_000), bank.account()
    fee = purchase_fee(1_000)
    payment = bank.hold(payer, payee, 1_000, type="purchase")
    assert bank.money(payer) == (9_000 - fee, 1_000 + fee)
    parts = [1, 99, 333, 7, 260, 300]
    outcomes = [bank.follow(payment, "clear", amount_minor=part) for part in parts]
    assert [outcome["state"] for outcome in outcomes] == ["held"] * 5 + ["cleared"]
    taken = [fee * sum(parts[: number + 1]) // 1_000 for number in range(len(parts))]
    assert [sum(o["fee_minor"] for o in outcomes[: number + 1]) for number in range(len(parts))] == taken
    assert (bank.money(payer), bank.money(payee)) == ((9_000 - fee, 0), (1_000, 0))
    events = bank.get(f"/v1/payments/{payment}")["events"]
    assert [event["moved_minor"] for event in events] == [0, *parts]


def test_parts_are_released_until_nothing_is_held(bank: Bank) -> None:
    payer, payee = bank.account(1_000), bank.account()
    payment = bank.hold(payer, payee, 900)
    assert bank.follow(payment, "release", amount_minor=400)["state"] == "held"
    assert bank.money(payer) == (500, 500)
    assert bank.follow(payment, "release")["state"] == "released"
    assert (bank.money(payer), bank.money(payee)) == ((1_000, 0), (0, 0))
    assert bank.follow(payment, "clear")["reason"] == "payment_released"


def test_a_cancel_ends_what_is_held(bank: Bank) -> None:
    payer, payee = bank.account(1_000), bank.account()
    payment = bank.hold(payer, payee, 900)
    bank.follow(payment, "clear", amount_minor=100)
    assert bank.follow(payment, "cancel")["state"] == "cleared", "a part was cleared, so the payment ends cleared"
    assert (bank.money(payer), bank.money(payee)) == ((900, 0), (100, 0))
    whole = bank.hold(payer, payee, 900)
    assert bank.follow(whole, "cancel")["state"] == "cancelled"
    assert bank.money(payer) == (900, 0)


def test_holds_run_out_by_themselves(bank: Bank) -> None:
    payer, payee = bank.account(1_000), bank.account()
    short = bank.hold(payer, payee, 300, hold_lifetime_s=1)
    long = bank.hold(payer, payee, 200)
    until(lambda: bank.get(f"/v1/payments/{short}")["state"] == "expired")
    assert bank.money(payer) == (800, 200)
    assert bank.follow(short, "clear")["reason"] == "payment_expired"
    assert bank.follow(long, "clear")["state"] == "cleared"
    events = [event["command"] for event in bank.get(f"/v1/payments/{short}")["events"]]
    assert events == ["pay", "expire"]
