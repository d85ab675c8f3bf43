"""Opening customers and accounts."""

from __future__ import annotations

from penstock.contracts.commands import Status
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from support.oracle.book import Account, Book, Command, Customer, Outcome, currency_of, require


def open_customer(book: Book, c: Command, _now_us: int) -> Outcome:
    require(0 <= c.tier < len(book.policy.tiers), Reason.TIER_UNKNOWN)
    require(len(book.customers) <= book.customers_max, Reason.CUSTOMERS_FULL)
    book.customers.append(Customer(c.client, c.tier))
    return Outcome(Status.DONE, State.DONE)


def open_account(book: Book, c: Command, _now_us: int) -> Outcome:
    known = 0 < c.customer < len(book.customers) and book.customers[c.customer].client == c.client
    require(known, Reason.CUSTOMER_UNKNOWN)
    require(currency_of(c) != "?", Reason.CURRENCY_MISMATCH)
    require(len(book.accounts) <= book.accounts_max, Reason.ACCOUNTS_FULL)
    book.accounts.append(Account(c.customer, currency_of(c)))
    return Outcome(Status.DONE, State.DONE)
