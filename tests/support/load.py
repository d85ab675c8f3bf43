"""Load that survives anything: threads that send commands until each has its answer, and remember all of them."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from penstock.app.local import new_id
from penstock.kit.client import Client
from support.bank import Bank, same, wish

Command = dict[str, Any]
Outcome = dict[str, Any]
_TYPES = ("transfer", "purchase", "bill")
_MONEY = 10**7
#: Follow-ups that a payment which is held may get, and how often.
_FOLLOW_UPS = ("clear", "clear", "release", "cancel")


class Told(NamedTuple):
    """One command and the first answer that was certain."""

    command: Command
    outcome: Outcome


class Load:
    """Threads with a connection each, on accounts that they share.

    The product's client repeats what got no certain answer, with the same ids, until it gets one: so in the end
    every command that was ever sent has one outcome here.
    """

    def __init__(self, bank: Bank, accounts: int = 12) -> None:
        self.bank = bank
        self.accounts = [bank.account(_MONEY) for _ in range(accounts)]
        self.told: list[Told] = []
        self._errors: list[BaseException] = []
        self._stop = threading.Event()

    @property
    def answered(self) -> int:
        """Commands that have an outcome."""
        if self._errors:
            raise self._errors[0]
        return len(self.told)

    @contextmanager
    def running(self, seed: int, threads: int = 3) -> Iterator[None]:
        """Send from some threads while the block runs; leaving it waits for the last answers."""
        self._stop.clear()
        runners = [threading.Thread(target=self._run, args=(random.Random(f"{seed} {n}"),)) for n in range(threads)]
        for runner in runners:
            runner.start()
        try:
            yield
        finally:
            self._stop.set()
            for runner in runners:
                runner.join()
        if self._errors:
            raise self._errors[0]

    def _run(self, chance: random.Random) -> None:
        held: list[str] = []
        client = self.bank.client()
        try:
            while not self._stop.is_set():
                commands = [self._make(chance, held) for _ in range(chance.choice((1, 1, 1, 5, 20)))]
                outcomes = self._send(client, commands)
                self.told += [Told(*pair) for pair in zip(commands, outcomes, strict=True)]
                held += [o["payment"] for o in outcomes if o["command"] == "pay" and o["state"] == "held"]
        except BaseException as error:
            self._errors.append(error)
            raise

    def _make(self, chance: random.Random, held: list[str]) -> Command:
        what = chance.random()
        payer, payee = chance.sample(self.accounts, 2)
        amount = chance.randint(1, 2_000)
        if held and what < 0.35:
            return self._follow(chance, held)
        if what < 0.4:
            return {"id": new_id(), "command": "deposit", "account": payee, "amount_minor": amount, "currency": "CNY"}
        if what < 0.45:
            return {"id": new_id(), "command": "withdraw", "account": payer, "amount_minor": amount, "currency": "CNY"}
        if what < 0.5:
            amount = 10 * _MONEY  # declined
        more = {"reference": f"load {amount}"} if chance.random() < 0.2 else {}
        hold = {"hold_only": True} if chance.random() < 0.5 else {}
        return {**wish(payer, payee, amount, type=chance.choice(_TYPES), **hold, **more), "command": "pay"}

    def _follow(self, chance: random.Random, held: list[str]) -> Command:
        what = chance.choice(_FOLLOW_UPS)
        payment = held.pop(chance.randrange(len(held))) if chance.random() < 0.7 else chance.choice(held)
        body = {"id": new_id(), "command": what, "payment": payment}
        part = {"amount_minor": chance.randint(1, 300)} if what != "cancel" and chance.random() < 0.5 else {}
        return {**body, **part}

    @staticmethod
    def _send(client: Client, commands: list[Command]) -> list[Outcome]:
        if len(commands) > 1:
            return client.batch(commands)
        body = dict(commands[0])
        what = body.pop("command")
        if what in ("clear", "release", "cancel"):
            return [client.command(f"/v1/payments/{body.pop('payment')}/{what}", body)]
        path = {"pay": "payments", "deposit": "deposits", "withdraw": "withdrawals"}[what]
        return [client.command(f"/v1/{path}", body)]

    # --- what must be so afterwards

    def check(self) -> None:
        """Every outcome stands, none exists twice, and the balances are those that the outcomes make."""
        self._check_each_stands()
        sequences = Counter(told.outcome["seq"] for told in self.told)
        assert max(sequences.values()) == 1, "two commands have one row"
        assert {account: self.bank.money(account) for account in self.accounts} == self._predicted()

    def _check_each_stands(self) -> None:
        for first in range(0, len(self.told), 500):
            some = self.told[first : first + 500]
            again = self.bank.batch([told.command for told in some])
            for told, outcome in zip(some, again, strict=True):
                before = {key: value for key, value in told.outcome.items() if key != "status"}
                now = {key: value for key, value in outcome.items() if key != "status"}
                assert same(before, now), (told, outcome)

    def _predicted(self) -> dict[str, tuple[int, int]]:
        available, held = Counter[str](dict.fromkeys(self.accounts, _MONEY)), Counter[str]()
        for command, outcome in self.told:
            if outcome["reason"] == "ok":
                assert {"payer", "payee"} <= set(outcome), (command, outcome)
            moved, change, fee = (outcome[name] for name in ("moved_minor", "held_minor", "fee_minor"))
            if outcome["reason"] == "ok":
                available[outcome["payer"]] -= moved + change + fee
                held[outcome["payer"]] += change
                available[outcome["payee"]] += moved
        return {account: (available[account], held[account]) for account in self.accounts}
