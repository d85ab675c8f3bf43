"""`kill -9` of lane, office, bank and database while money is on its way: nothing is paid twice, nothing is lost."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from typing import Any

import pytest
from support import breaking
from support.bank import Bank, until
from support.banked import MANNERS, Banked, withdraw_to
from support.breaking import say

MONEY = 10_000_000


def kill_office(system: Banked) -> None:
    pid = system.installation.pid("office")
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


def kill_lane(system: Banked) -> None:
    breaking.kill_lane(system.installation, random.Random(0))


def kill_database(system: Banked) -> None:
    breaking.kill_postmaster(system.installation, random.Random(0))


def kill_bank(system: Banked) -> None:
    system.simulator.kill()
    time.sleep(0.3)
    system.simulator.start()


DEEDS = (kill_office, kill_lane, kill_bank, kill_database)


def play(system: Banked, bank: Bank, account: str, chance: random.Random, rounds: int) -> tuple[list[dict[str, Any]], int]:
    """Withdraw to accounts at the bank of every manner, and pay in; the withdrawals, and what was paid in."""
    sent, paid_in = [], 0
    for _ in range(rounds):
        sent.append(withdraw_to(bank, account, chance.randint(1, 500), chance.choice(MANNERS)))
        if chance.random() < 0.5:
            minor = chance.randint(1, 500)
            system.simulator.pay_in(account, minor)
            paid_in += minor
        time.sleep(chance.uniform(0, 0.1))
    return sent, paid_in


def check(system: Banked, bank: Bank, account: str, sent: list[dict[str, Any]], paid_in: int) -> None:
    """Everything that must be so when all has ended."""
    system.wait_until_settled(90)
    states = {one["payment"]: bank.get(f"/v1/payments/{one['payment']}")["state"] for one in sent}
    assert set(states.values()) <= {"cleared", "released"}, Counter(states.values())
    left = sum(one["amount_minor"] + 7 for one in sent if states[one["payment"]] == "cleared")
    assert bank.money(account) == (MONEY + paid_in - left, 0)
    check_books(system)
    verified = system.installation.run("verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def check_books(system: Banked) -> None:
    """What the bank really paid is what the lane says has left, each transfer once."""
    paid = system.simulator.paid()
    assert set(paid.values()) <= {1}, "the bank paid a transfer twice"
    ours, states = system.cleared_by_lane(), system.transfers()
    assert set(ours) == set(paid) == {name for name, state in states.items() if state == "cleared"}
    assert set(states.values()) <= {"cleared", "released"}, Counter(states.values())
    twice = system.rows("SELECT reference FROM rail_booking GROUP BY reference HAVING count(*) > 1")
    assert twice == []


def test_each_dies_once_while_money_is_on_its_way(system: Banked, bank: Bank) -> None:
    chance = random.Random(7)
    account = bank.account(MONEY)
    system.simulator.behave("duplicating", 0.2)
    sent, paid_in = [], 0
    for deed in chance.sample(DEEDS, len(DEEDS)):
        told, credited = play(system, bank, account, chance, 6)
        deed(system)
        sent, paid_in = sent + told, paid_in + credited
    until(lambda: system.installation.pid("office") is not None)
    check(system, bank, account, sent, paid_in)


@pytest.mark.chaos
@pytest.mark.timeout(0)
def test_deaths_for_some_minutes(system: Banked, bank: Bank) -> None:
    seed = int(os.environ.get("PENSTOCK_CHAOS_SEED") or random.SystemRandom().randrange(10**9))
    say(f"\nPENSTOCK_CHAOS_SEED={seed}")
    chance = random.Random(seed)
    ends = time.monotonic() + 60 * float(os.environ.get("PENSTOCK_CHAOS_MINUTES") or 10)
    while time.monotonic() < ends:
        account = bank.account(MONEY)
        system.simulator.behave(chance.choice(["good", "duplicating", "mixed", "slow"]), 0.3)
        sent, paid_in = [], 0
        for _ in range(5):
            deed = chance.choice(DEEDS)
            told, credited = play(system, bank, account, chance, 10)
            deed(system)
            say(f"{deed.__name__}; {max(ends - time.monotonic(), 0):.0f} s left")
            sent, paid_in = sent + told, paid_in + credited
        system.simulator.behave("good")
        check_round(system, bank, account, sent, paid_in)


def check_round(system: Banked, bank: Bank, account: str, sent: list[dict[str, Any]], paid_in: int) -> None:
    """As ``check``; a bank of mixed manners also sends money back."""
    system.wait_until_settled(120)
    states = {one["payment"]: bank.get(f"/v1/payments/{one['payment']}")["state"] for one in sent}
    assert set(states.values()) <= {"cleared", "released", "returned"}, Counter(states.values())
    fees = 7 * sum(state != "released" for state in states.values())
    left = sum(one["amount_minor"] for one in sent if states[one["payment"]] == "cleared")
    assert bank.money(account) == (MONEY + paid_in - left - fees, 0)
    check_books(system)
