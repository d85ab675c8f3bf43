"""Limits, counted under the name of their window, so that a window that is over is simply another name."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from penstock.contracts.reasons import Reason
from support.oracle.book import Book, Payment, require

Window = tuple[int, ...]


def windows(book: Book, time_us: int) -> dict[str, Window]:
    """The names of the day, the month and the year of a time."""
    day = datetime.fromtimestamp(time_us // 1_000_000, ZoneInfo(book.policy.time_zone)).date()
    return {"day": (day.year, day.month, day.day), "month": (day.year, day.month), "year": (day.year,)}


def use(book: Book, account: int, kind: str, opened_us: int, now_us: int, amount: int, count: int) -> None:
    """Count an amount, or give it back, in each window of the authorisation that is not over."""
    record = book.accounts[account]
    opened, now = windows(book, opened_us), windows(book, now_us)
    for window, name in opened.items():
        if now[window] == name:
            for scope in ("any", kind):
                book.used[record.customer, record.currency, scope, name, "amount"] += amount
                book.used[record.customer, record.currency, scope, name, "count"] += count


def check_limits(book: Book, account: int, kind: str, amount: int, now_us: int) -> None:
    """The limits leave room for one more payment of an amount."""
    _check(book, account, kind, amount, now_us, now_us, step_amount=amount, step_count=1)


def check_limits_again(book: Book, payment: Payment, now_us: int) -> None:
    """A payment that the counters contain already is within the limits of now, where its windows are not over."""
    _check(book, payment.payer, payment.type, payment.amount, payment.opened_us, now_us, step_amount=0, step_count=0)


def _check(
    book: Book, account: int, kind: str, amount: int, opened_us: int, now_us: int, step_amount: int, step_count: int
) -> None:
    record = book.accounts[account]
    tier = book.policy.tiers[book.customers[record.customer].tier]
    rules = {r.type: r for r in book.policy.limits if (r.tier, r.currency) == (tier, record.currency)}
    require(kind in rules, Reason.TYPE_NOT_OFFERED)
    for scope in (kind, "any"):
        single = _limit(book, account, rules.get(scope), scope, "single", now_us)
        require(single is None or amount <= single, Reason.LIMIT_SINGLE)
    opened, now = windows(book, opened_us), windows(book, now_us)
    for window, name in opened.items():
        if now[window] != name:
            continue
        for what, step in (("amount", step_amount), ("count", step_count)):
            for scope in (kind, "any"):
                limit = _limit(book, account, rules.get(scope), scope, f"{window}_{what}", now_us)
                used = book.used[record.customer, record.currency, scope, name, what]
                require(limit is None or used + step <= limit, Reason[f"LIMIT_{window}_{what}".upper()])


def _limit(book: Book, account: int, rule: Any, scope: str, field: str, now_us: int) -> int | None:
    """The customer's own limit while it lasts, else the tier's; None = no limit."""
    record = book.accounts[account]
    value, until_us = book.customers[record.customer].own.get((record.currency, scope, field), (0, 0))
    if now_us < until_us:
        return value
    tiers: int | None = getattr(rule, field) if rule is not None else None
    return tiers
