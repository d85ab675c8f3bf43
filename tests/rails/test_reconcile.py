"""The bank's statement against our books: what agrees is silent, what differs is found, kept and resolved."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from support.bank import Bank, until
from support.banked import Banked, stopped, withdraw_to
from support.simulator import Simulator


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def reconcile(system: Banked) -> tuple[int, dict[str, Any]]:
    """`penstock reconcile` of today: exit status and what it printed."""
    done = system.installation.run("reconcile", "--date", today(), "--json")
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def differences(clerk: Bank, of_state: str = "open") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = clerk.get(f"/v1/differences?state={of_state}")["differences"]
    return found


def test_both_sides_agree_until_the_bank_lies_and_what_differs_is_resolved_once(system: Banked, bank: Bank, clerk: Bank) -> None:
    account = bank.account(100_000)
    before = reconcile(system)[1]
    for to in ("CN777", "SIM500A", "SIMREJECT1"):
        withdraw_to(bank, account, 1_000, to)
    system.simulator.pay_in(account, 500)
    system.simulator.pay_in("nobody", 300)
    system.wait_until_settled()
    status, shown = reconcile(system)
    assert (status, shown["differences"]) == (0, 0)
    assert [shown[side] - before[side] for side in ("bank_entries", "our_bookings")] == [4, 4]

    lie = withdraw_to(bank, account, 777, "SIMLIE1")["payment"]
    until(lambda: bank.get(f"/v1/payments/{lie}")["state"] == "released")
    assert reconcile(system)[0] == 1
    [found] = differences(clerk)
    assert (found["kind"], found["bank_minor"], found["our_minor"], found["payment"]) == ("rejected_but_paid", 777, None, lie)
    assert set(found["meaning"]) == {"en", "zh"}

    path = f"/v1/differences/{found['difference']}"
    assert bank.once("POST", f"{path}/resolve", {"note": "recalled"}).status == 403
    assert clerk.once("POST", f"{path}/resolve", {"note": ""}).status == 422
    assert clerk.once("POST", f"{path}/resolve", {"note": "recalled"}).body["state"] == "resolved"
    assert clerk.once("POST", f"{path}/resolve", {"note": "recalled"}).status == 200, "a repetition"
    assert clerk.once("POST", f"{path}/resolve", {"note": "other"}).status == 409
    assert reconcile(system)[0] == 0, "what somebody resolved stays resolved"
    assert differences(clerk) == []
    assert [one["date"] for one in clerk.get("/v1/reconciliations")] == [today()]


def test_what_is_booked_later_settles_by_itself(system: Banked, bank: Bank, clerk: Bank) -> None:
    account = bank.account(10_000)
    system.wait_until_settled()
    office = system.installation.pid("office")
    assert office is not None
    with stopped(office):
        system.simulator.pay_in(account, 444)
        assert reconcile(system)[0] == 1
        assert [(one["kind"], one["bank_minor"]) for one in differences(clerk)] == [("missing_here", 444)]
    until(lambda: bank.money(account) == (10_444, 0))
    system.wait_until_settled()
    assert reconcile(system)[0] == 0
    settled = [one for one in differences(clerk, "resolved") if one["kind"] == "missing_here"]
    assert [one["resolved_by"] for one in settled] == [0]


def test_the_comparison_is_told_apart_from_a_bank_that_is_away(system: Banked) -> None:
    system.simulator.behave("dead")
    try:
        done = system.installation.run("reconcile", "--date", today())
    finally:
        system.simulator.behave("good")
    assert done.returncode == 2
    assert "BankAway" in done.stderr


def test_a_booking_that_no_statement_has_is_found(system: Banked, clerk: Bank) -> None:
    """Planted in the office's table: the bank's books cannot be made to forget."""
    insert = (
        "INSERT INTO rail_booking (lane, seq, time_us, kind, reference, currency, amount_minor)"
        " VALUES (0, 1, (extract(epoch FROM now()) * 1e6)::bigint, 'debit', 'planted', 156, 5) RETURNING seq"
    )
    system.rows(insert)
    assert reconcile(system)[0] == 1
    [found] = differences(clerk)
    assert (found["kind"], found["reference"], found["our_minor"]) == ("missing_at_bank", "planted", 5)
    answer = clerk.once("POST", f"/v1/differences/{found['difference']}/resolve", {"note": "planted by a test"})
    assert (answer.status, reconcile(system)[0]) == (200, 0)


def test_the_simulator_is_a_bank_whose_statements_add_up(system: Banked) -> None:
    simulator: Simulator = system.simulator
    signs = {"credit": 1, "debit": -1, "return": 1}
    found = simulator.statement(today())
    change = sum(signs[entry["kind"]] * entry["amount"]["minor_units"] for entry in found["entries"])
    assert found["opening_minor_units"] + change == found["closing_minor_units"]
