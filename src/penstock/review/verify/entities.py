"""Customers, accounts and purses: numbered as documented, and named only when they exist."""

from __future__ import annotations

from typing import Final

import numpy as np

from penstock.contracts.commands import Kind
from penstock.contracts.money import CURRENCIES
from penstock.contracts.states import State
from penstock.review.verify.columns import BoolArray, IntArray, Rows
from penstock.review.verify.findings import Findings
from penstock.review.verify.groups import grown

#: The system's own accounts: settlement, fees and suspense of each currency.
SYSTEM_ACCOUNTS: Final = 3 * len(CURRENCIES)
#: The kind of a suspense account, and that of a customer's.
SUSPENSE, CUSTOMERS = 4, 1
_ACCOUNT: Final = ("available", "held", "last_seq", "customer", "purse", "slot", "kind", "opened_seq", "open_holds")
_CUSTOMER: Final = ("tier", "client", "last_seq", "opened_seq", "accounts")
_PURSE: Final = ("customer", "slot", "last_seq", "overridden")
_SLOT_OF: Final = np.full(1000, -1, dtype=np.int64)
for _currency in CURRENCIES:
    _SLOT_OF[_currency.numeric] = _currency.slot
#: How far a wrong number may be ahead of the right one and still be taken for the entity's own.
_LEAP: Final = 1_000_000


def slots_of(currencies: IntArray) -> IntArray:
    """The slot of each ISO numeric currency code (n,), -1 = none."""
    known = (currencies >= 0) & (currencies < 1000)
    return np.where(known, _SLOT_OF[np.where(known, currencies, 0)], -1)


class Table:
    """Records by number from 1: named int64 columns that grow together."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.count = 0
        self._columns: dict[str, IntArray] = {name: np.zeros(1024, dtype=np.int64) for name in names}

    def __getitem__(self, name: str) -> IntArray:
        return self._columns[name]

    def grow(self, count: int) -> None:
        """Have records up to number ``count``."""
        self.count = max(self.count, count)
        for name, column in self._columns.items():
            self._columns[name] = grown(column, self.count + 1)

    def exists(self, numbers: IntArray, before: IntArray) -> BoolArray:
        """Whether each number names a record that was opened before a sequence."""
        known = (numbers > 0) & (numbers <= self.count)
        opened = self["opened_seq"][np.where(known, numbers, 0)]
        return known & (opened > 0) & (opened < before)


class Entities:
    """Everything that was opened. ``purse_of`` int64 (customers, currency slots), 0 = none yet."""

    def __init__(self, findings: Findings) -> None:
        self.accounts = Table(_ACCOUNT)
        self.customers = Table(_CUSTOMER)
        self.purses = Table(_PURSE)
        self.purse_of: IntArray = np.zeros((1024, len(CURRENCIES)), dtype=np.int64)
        self._findings = findings

    def feed(self, rows: Rows, tiers: IntArray) -> None:
        """Open what these rows open; ``tiers`` (n,) is the number of tiers of the policy in force."""
        done = rows["state"] != State.DECLINED
        self._open_customers(rows, np.flatnonzero(done & (rows["kind"] == Kind.OPEN_CUSTOMER)), tiers)
        self._open_accounts(rows, np.flatnonzero(done & (rows["kind"] == Kind.OPEN_ACCOUNT)))

    def _open_customers(self, rows: Rows, places: IntArray, tiers: IntArray) -> None:
        seqs, tier = rows["seq"][places], rows["tier"][places]
        numbers = self._number("customer", rows["customer"][places], seqs, self.customers.count)
        self._findings.mark(
            "numbering", (tier < 0) | (tier >= tiers[places]), seqs,
            "Row {seq} opens a customer of tier {found}; the policy has {expected} tiers.",
            expected=tiers[places], found=tier,
        )  # fmt: skip
        self.customers.grow(int(numbers.max(initial=0)))
        self.purse_of = grown(self.purse_of, self.customers.count + 1)
        self.customers["tier"][numbers] = tier
        self.customers["client"][numbers] = rows["client"][places]
        self.customers["opened_seq"][numbers] = seqs
        self.customers["last_seq"][numbers] = seqs

    def _open_accounts(self, rows: Rows, places: IntArray) -> None:
        seqs, customer = rows["seq"][places], rows["customer"][places]
        numbers = self._number("account", rows["payee_account"][places], seqs, self.accounts.count)
        self.accounts.grow(int(numbers.max(initial=0)))
        slot = slots_of(rows["currency"][places])
        self._check_owner(seqs, customer, numbers, slot, rows["client"][places])
        own = self.customers.exists(customer, seqs) & (slot >= 0)
        purse = self._open_purses(seqs, customer, np.maximum(slot, 0), rows["purse"][places], own)
        accounts = self.accounts
        accounts["customer"][numbers] = np.where(own, customer, 0)
        accounts["purse"][numbers] = purse
        accounts["slot"][numbers] = slot
        accounts["kind"][numbers] = np.where(numbers > SYSTEM_ACCOUNTS, CUSTOMERS, 2 + (numbers - 1) % 3)
        accounts["opened_seq"][numbers] = seqs
        accounts["last_seq"][numbers] = seqs  # the row that opens it is the first of its history
        np.add.at(self.customers["accounts"], customer[own], 1)
        np.maximum.at(self.customers["last_seq"], customer[own], seqs[own])

    def _number(self, what: str, found: IntArray, seqs: IntArray, count: int) -> IntArray:
        """Check that ``found`` counts on from ``count``; after a wrong number counting goes on from there."""
        expected = count + 1 + np.arange(len(found))
        if np.array_equal(found, expected):
            return expected
        numbers = found.copy()
        for place in np.flatnonzero(found != expected):  # counting on from the right number where it fits again
            numbers[place] = found[place] if 0 < found[place] <= count + len(found) + _LEAP else expected[place]
        before = np.concatenate(([count], numbers[:-1]))
        self._findings.mark(
            "numbering", found != before + 1, seqs, f"Row {{seq}} opens {what} {{found}}; the next number is {{expected}}.",
            expected=before + 1, found=found, account=found if what == "account" else None,
        )  # fmt: skip
        return numbers

    def _check_owner(
        self, seqs: IntArray, customer: IntArray, numbers: IntArray, slot: IntArray, client: IntArray
    ) -> None:
        system = numbers <= SYSTEM_ACCOUNTS
        own_slot = np.where(system, (numbers - 1) // 3, slot)
        self._findings.mark(
            "numbering", (slot < 0) | (slot != own_slot), seqs,
            "Row {seq} opens account {account} in a currency that it cannot have (slot {found}).",
            expected=own_slot, found=slot, account=numbers,
        )  # fmt: skip
        known = self.customers.exists(customer, seqs)
        owner = np.where(system, customer == 0, known)
        self._findings.mark(
            "ownership", ~owner, seqs, "Row {seq} opens account {account} for customer {found}, which "
            "is not open (the first fifteen accounts are the system's own, of customer 0).", found=customer,
            account=numbers,
        )  # fmt: skip
        holder = self.customers["client"][np.where(known, customer, 0)]
        self._findings.mark(
            "ownership", known & (holder != client), seqs,
            "Row {seq} opens account {account} for client {found}; its customer belongs to client {expected}.",
            expected=holder, found=client, account=numbers,
        )  # fmt: skip

    def _open_purses(
        self, seqs: IntArray, customer: IntArray, slot: IntArray, found: IntArray, own: BoolArray
    ) -> IntArray:
        """The purse of each new account, checked; one is opened when a customer first has a currency."""
        expected = np.zeros(len(seqs), dtype=np.int64)
        places = np.flatnonzero(own)
        known = self.purse_of[customer[places], slot[places]]
        expected[places] = known
        fresh = places[known == 0]
        keys = customer[fresh] * len(CURRENCIES) + slot[fresh]
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        rank = np.empty(len(first), dtype=np.int64)
        rank[np.argsort(first)] = np.arange(len(first))  # purses are numbered by first appearance
        expected[fresh] = self.purses.count + 1 + rank[inverse]
        self._findings.mark(
            "numbering", found != expected, seqs, "Row {seq} opens an account with purse {found}; it should be {expected}.",
            expected=expected, found=found,
        )  # fmt: skip
        opening = fresh[np.sort(first)]
        self.purses.grow(self.purses.count + len(first))
        self.purse_of[customer[opening], slot[opening]] = expected[opening]
        self.purses["customer"][expected[opening]] = customer[opening]
        self.purses["slot"][expected[opening]] = slot[opening]
        self.purses["last_seq"][expected[opening]] = seqs[opening]
        return expected
