"""Freezes, closed accounts, tiers, own limits, and how many approvers an operation needs."""

from __future__ import annotations

from penstock.contracts.commands import MOST_APPROVERS, Flag, Operation, Option, PaymentType, Status
from penstock.contracts.policy import LIMIT_FIELDS
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from support.oracle import checks
from support.oracle.book import (
    NEVER_US,
    NO_FREEZE,
    Account,
    Book,
    Command,
    Freeze,
    Outcome,
    currency_of,
    operates,
    require,
)

_DONE = Outcome(Status.DONE, State.DONE)
#: Option → the sides that it freezes or unfreezes.
_SIDES = {
    "DEBIT": ("debit",), "CREDIT": ("credit",), "ALL": ("debit", "credit"), "AMOUNT": ("part",),
}  # fmt: skip


def set_account(book: Book, c: Command, now_us: int) -> Outcome:
    require(book.reachable(c.payer_account, c), Reason.ACCOUNT_UNKNOWN)
    account = book.accounts[c.payer_account]
    if c.option == Option.CLOSE:
        require(not account.closed, Reason.ACCOUNT_CLOSED)
        require((account.available, account.held) == (0, 0), Reason.ACCOUNT_NOT_EMPTY)
        account.closed = True
        return _DONE
    verb, side = Option(c.option).name.split("_")
    freeze = NO_FREEZE
    if verb == "FREEZE":
        freeze = Freeze(c.from_us or now_us, c.until_us or NEVER_US, c.amount_minor if side == "AMOUNT" else 0)
    if verb == "UNFREEZE" or any(_weaker(freeze, getattr(account, s), now_us) for s in _SIDES[side]):
        require(operates(c), Reason.APPROVALS_MISSING)
        checks.check_approvals(book, c, Operation.UNFREEZE)
    require(not account.closed, Reason.ACCOUNT_CLOSED)
    for name in _SIDES[side]:
        setattr(account, name, freeze)
    return _DONE


def _weaker(new: Freeze, old: Freeze, now_us: int) -> bool:
    """Whether a freeze lets go of something that the one before it keeps, now or later."""
    if old.until_us <= now_us:
        return False
    later = max(new.from_us, now_us) > max(old.from_us, now_us)
    return later or new.until_us < old.until_us or new.amount < old.amount


def set_customer(book: Book, c: Command, _now_us: int) -> Outcome:
    require(operates(c) and 0 < c.customer < len(book.customers), Reason.CUSTOMER_UNKNOWN)
    customer = book.customers[c.customer]
    if c.option == Option.TIER:
        require(0 <= c.tier < len(book.policy.tiers), Reason.TIER_UNKNOWN)
        checks.check_approvals(book, c, Operation.LIMITS)
        customer.tier = c.tier
        return _DONE
    currency = currency_of(c)
    require(_has_account(book.accounts, c.customer, currency), Reason.CURRENCY_MISMATCH)
    checks.check_approvals(book, c, Operation.LIMITS)
    place = (currency, PaymentType(c.payment_type).name.lower(), LIMIT_FIELDS[c.option - Option.LIMIT_SINGLE])
    if c.flags & Flag.REMOVE:
        customer.own.pop(place, None)
        return _DONE
    there = sum(len(one.own) for one in book.customers)
    require(place in customer.own or there < book.own_limits_max, Reason.OWN_LIMITS_FULL)
    customer.own[place] = (c.amount_minor, c.until_us or NEVER_US)
    return _DONE


def _has_account(accounts: list[Account], customer: int, currency: str) -> bool:
    return any((account.customer, account.currency) == (customer, currency) for account in accounts)


def set_approvals(book: Book, c: Command, _now_us: int) -> Outcome:
    operation = Operation(c.option - Option.APPROVALS)
    require(operates(c), Reason.APPROVALS_MISSING)
    if c.amount_minor < book.approvers[operation]:
        checks.check_approvals(book, c, Operation.APPROVALS)
    require(0 <= c.amount_minor <= MOST_APPROVERS, Reason.APPROVERS_OUT_OF_BOUNDS)
    book.approvers[operation] = c.amount_minor
    return _DONE
