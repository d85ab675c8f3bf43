"""The checks that commands share, each of which refuses with its reason."""

from __future__ import annotations

from penstock.contracts.commands import FORCE_REASON, Operation
from penstock.contracts.reasons import WITHOUT_TRACE, Reason
from support.oracle.book import MOST_BALANCE, Book, Command, Refused, require


def check_approvals(book: Book, c: Command, operation: Operation) -> None:
    """As many other people as the operation needs have approved what a known person asks for."""
    needed = book.approvers[operation]
    given = [person for person in (c.approval_1, c.approval_2, c.approval_3) if person]
    require(len(given) >= needed and (c.maker or not needed), Reason.APPROVALS_MISSING)
    require(len({c.maker, *given}) == 1 + len(given), Reason.APPROVAL_OWN)


def check_both(book: Book, payer: int, payee: int, now_us: int) -> None:
    """Neither account is closed or frozen on its side."""
    require(not book.accounts[payer].closed, Reason.PAYER_CLOSED)
    require(not book.accounts[payee].closed, Reason.PAYEE_CLOSED)
    require(not book.accounts[payer].debit.holds(now_us), Reason.PAYER_FROZEN)
    require(not book.accounts[payee].credit.holds(now_us), Reason.PAYEE_FROZEN)


def check_funds(book: Book, account: int, needed: int, now_us: int) -> None:
    """The account has so much, and so much of it is not frozen."""
    record = book.accounts[account]
    require(record.available >= needed, Reason.INSUFFICIENT_FUNDS)
    frozen = record.part.amount if record.part.holds(now_us) else 0
    require(record.available - frozen >= needed, Reason.FUNDS_FROZEN)


def check_room(book: Book, account: int, amount: int) -> None:
    """A customer's account does not hold more than the most."""
    record = book.accounts[account]
    require(
        not book.is_customers(account) or record.available + record.held + amount <= MOST_BALANCE,
        Reason.BALANCE_TOO_LARGE,
    )


def check_capacity(book: Book, account: int) -> None:
    """One more payment of the account can be held."""
    require(book.open_holds(account) < book.holds_per_account, Reason.TOO_MANY_HOLDS)
    require(book.open_holds() < book.holds_max, Reason.HOLDS_FULL)


def check_not_forced(book: Book, c: Command) -> None:
    """In the sandbox a caller may ask for a refusal."""
    code = c.option - FORCE_REASON
    forcible = set(Reason) - WITHOUT_TRACE - {Reason.OK}
    if book.sandbox and code in forcible:
        raise Refused(Reason(code))
