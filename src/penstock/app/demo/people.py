"""The people of the demonstration: a few thousand customers with money, and some with a purpose.

They are opened once and remembered in ``PENSTOCK_HOME/demo.json``; the next demonstration goes on with them.
"""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from penstock.kit.client import Client, Command, Outcome

BATCH: Final = 1_000
#: Popularity falls with the rank to the power of this, as it does among real payers.
_ZIPF: Final = 0.8
#: The most popular pay most; with these tiers the day's limits are rarely theirs.
_TIERS: Final = ((0.05, "merchant"), (0.25, "verified"), (1.0, "basic"))
_FIRST_MONEY_MINOR: Final = {"merchant": 1_000_000_00, "verified": 100_000_00, "basic": 50_000_00}
#: Those with a purpose: name → tier, currency, first money in minor units.
_SPECIAL: Final = {
    "poor": ("verified", "CNY", 0),  # pays without money
    "spender": ("basic", "CNY", 50_000_00),  # has used up the day's amount
    "busy": ("basic", "CNY", 1_000_00),  # has used up the day's number of payments
    "holder": ("merchant", "EUR", 1_000_00),  # has as many open holds as one may have
    "vault": ("merchant", "JPY", 0),  # is full
    "shop": ("merchant", "CNY", 1_000_00),  # is paid by the others
    "bakery": ("merchant", "EUR", 0),
    "frozen": ("verified", "CNY", 1_000_00),  # by a court's order
    "thrifty": ("verified", "CNY", 1_000_00),  # all of whose money is frozen
    "closed": ("verified", "CNY", 0),  # has moved away
}

NewId = Callable[[], str]
Progress = Callable[[str, int, int], None]


class Person(NamedTuple):
    """A customer with one account."""

    customer: str
    account: str
    tier: str
    currency: str = "CNY"


class _Remembered(msgspec.Struct):
    people: list[Person]
    special: dict[str, Person]


class Town:
    """Everybody, chosen by popularity."""

    def __init__(self, people: Sequence[Person], special: dict[str, Person], chance: random.Random) -> None:
        self.people = people
        self.special = special
        self._chance = chance
        self._weights = list(itertools.accumulate((rank + 1) ** -_ZIPF for rank in range(len(people))))

    def someone(self) -> Person:
        """A person, the popular ones more often."""
        return self.people[bisect.bisect_left(self._weights, self._chance.random() * self._weights[-1])]

    def two(self) -> tuple[Person, Person]:
        """Two different persons."""
        first = second = self.someone()
        while second.account == first.account:
            second = self.someone()
        return first, second


def settle(api: Client, home: Path, customers: int, new_id: NewId, chance: random.Random, progress: Progress) -> Town:
    """The town of this home; opens whoever is missing.

    :param customers: how many there shall be at least.
    """
    path = home / "demo.json"
    known = msgspec.json.decode(path.read_bytes(), type=_Remembered) if path.exists() else _Remembered([], {})
    special = {name: kind for name, kind in _SPECIAL.items() if name not in known.special}
    wanted = [(_tier(rank / customers), "CNY") for rank in range(len(known.people), customers)]
    wanted += [(tier, currency) for tier, currency, _ in special.values()]
    opened = _open(api, wanted, new_id, progress)
    ordinary = len(opened) - len(special)
    money = [_FIRST_MONEY_MINOR[p.tier] for p in opened[:ordinary]] + [amount for _, _, amount in special.values()]
    _fund(api, opened, money, new_id, progress)
    known.people += opened[:ordinary]
    known.special |= dict(zip(special, opened[ordinary:], strict=True))
    path.write_bytes(msgspec.json.encode(known))
    return Town(known.people, known.special, chance)


def _tier(place: float) -> str:
    return next(tier for until, tier in _TIERS if place < until)


def _open(api: Client, wanted: Sequence[tuple[str, str]], new_id: NewId, progress: Progress) -> list[Person]:
    bodies: list[Command] = [{"command": "open_customer", "id": new_id(), "tier": tier} for tier, _ in wanted]
    customers = [o["customer"] for o in send_all(api, bodies, "customers", progress)]
    bodies = [
        {"command": "open_account", "id": new_id(), "customer": customer, "currency": currency}
        for customer, (_, currency) in zip(customers, wanted, strict=True)
    ]
    accounts = [o["account"] for o in send_all(api, bodies, "accounts", progress)]
    return [Person(c, a, tier, currency) for c, a, (tier, currency) in zip(customers, accounts, wanted, strict=True)]


def _fund(api: Client, people: Sequence[Person], money: Sequence[int], new_id: NewId, progress: Progress) -> None:
    bodies: list[Command] = [
        {"command": "deposit", "id": new_id(), "account": p.account, "amount_minor": amount, "currency": p.currency}
        for p, amount in zip(people, money, strict=True)
        if amount
    ]
    send_all(api, bodies, "deposits", progress)


def send_all(api: Client, bodies: Sequence[Command], step: str, progress: Progress) -> list[Outcome]:
    """Send commands in batches, in order, and return all outcomes."""
    outcomes: list[Outcome] = []
    for first in range(0, len(bodies), BATCH):
        outcomes += api.batch(bodies[first : first + BATCH])
        progress(step, len(outcomes), len(bodies))
    return outcomes
