"""The tables of a checkpoint, folded from a made journal's rows in plain Python."""

from __future__ import annotations

import datetime as dt
from typing import Any

from review.journal_maker import JournalMaker, Row

from penstock.contracts.commands import Kind, PaymentType
from penstock.contracts.money import BY_NUMERIC, CURRENCIES
from penstock.contracts.states import State

_WINDOWS = ("day", "month", "year")
COUNTERS = [
    f"{window}_{what}_{kind.name.lower()}"
    for kind in PaymentType
    for window in _WINDOWS
    for what in ("amount", "count")
]
ACCOUNTS = [
    "available_minor", "held_minor", "last_seq", "customer", "purse", "currency_slot", "kind", "opened_seq", "open_holds",
]  # fmt: skip
CUSTOMERS = ["tier", "client", "last_seq", "opened_seq", "accounts", *(f"purse_{c.code}" for c in CURRENCIES)]
PURSES = ["customer", "currency_slot", "last_seq", "day", "month", *COUNTERS]
HOLDS = [
    "origin_seq", "payer", "payee", "purse", "client", "payment_type", "currency_slot", "limit_day", "amount_minor",
    "fee_minor", "cleared_minor", "fee_taken_minor", "released_minor", "expires_us", "last_seq",
]  # fmt: skip
SCALARS = ["last_seq", "accounts", "customers", "purses", "holds_open"]
Record = dict[str, int]
Tables = dict[str, tuple[list[str], list[list[int]]]]


def make_tables(journal: JournalMaker) -> Tables:
    """Fold all rows; table → columns and records."""
    accounts: dict[int, Record] = {}
    customers: dict[int, Record] = {}
    purses: dict[int, Record] = {}
    holds: dict[int, Record] = {}
    for row in journal.rows:
        if row["state"] == State.DECLINED:
            _touch(accounts, row)
            continue
        _open(row, accounts, customers, purses)
        _move(row, accounts)
        _count(row, purses)
        _follow(row, accounts, holds)
    scalars = dict(
        zip(SCALARS, (len(journal.rows), len(accounts), len(customers), len(purses), len(holds)), strict=True)
    )
    return {
        "accounts": (ACCOUNTS, _records(ACCOUNTS, accounts)),
        "customers": (CUSTOMERS, _records(CUSTOMERS, customers)),
        "purses": (PURSES, _records(PURSES, purses)),
        "holds": (HOLDS, _records(HOLDS, dict(enumerate(holds.values(), 1)))),
        "scalars": (SCALARS, [[scalars[name] for name in SCALARS]]),
        "ids": (["id_hi", "id_lo"], [[1, 2], [3, 4]]),
    }


def month_of(day: int) -> int:
    """12 x year + month - 1."""
    date = dt.date(1970, 1, 1) + dt.timedelta(days=day)
    return 12 * date.year + date.month - 1


def _records(columns: list[str], table: dict[int, Record]) -> list[list[int]]:
    return [[0] * len(columns), *([int(table[n].get(name, 0)) for name in columns] for n in range(1, len(table) + 1))]


def _touch(accounts: dict[int, Record], row: Row) -> None:
    if row["payer_account"] > 0:
        accounts[row["payer_account"]]["last_seq"] = row["seq"]


def _open(row: Row, accounts: dict[int, Record], customers: dict[int, Record], purses: dict[int, Record]) -> None:
    seq, customer = row["seq"], row["customer"]
    if row["kind"] == Kind.OPEN_CUSTOMER:
        customers[customer] = {
            "tier": row["tier"],
            "client": row["client"],
            "last_seq": seq,
            "opened_seq": seq,
            "accounts": 0,
        }
    if row["kind"] != Kind.OPEN_ACCOUNT:
        return
    number, currency = row["payee_account"], BY_NUMERIC[row["currency"]]
    accounts[number] = {
        "available_minor": 0, "held_minor": 0, "last_seq": seq, "customer": customer, "purse": row["purse"],
        "currency_slot": currency.slot, "kind": 1 if customer else 2 + (number - 1) % 3, "opened_seq": seq, "open_holds": 0,
    }  # fmt: skip
    if customer:
        customers[customer]["accounts"] += 1
        customers[customer]["last_seq"] = seq
        customers[customer][f"purse_{currency.code}"] = row["purse"]
        purses.setdefault(row["purse"], {"customer": customer, "currency_slot": currency.slot, "last_seq": seq})


def _move(row: Row, accounts: dict[int, Record]) -> None:
    held, moved, fee = row["held_minor"], row["moved_minor"], row["fee_minor"]
    _touch(accounts, row)
    if row["payer_account"]:
        accounts[row["payer_account"]]["held_minor"] += held
        accounts[row["payer_account"]]["available_minor"] -= held + moved + fee
    legs = ((row["payee_account"], moved), (3 * BY_NUMERIC[row["currency"]].slot + 2 if fee else 0, fee))
    for account, amount in legs:
        if amount > 0:
            accounts[account]["available_minor"] += amount
            accounts[account]["last_seq"] = row["seq"]


def _count(row: Row, purses: dict[int, Record]) -> None:
    if row["limit_minor"] == 0 and row["limit_count"] == 0:
        return
    purse, day = purses[row["purse"]], row["business_day"]
    _roll(purse, day)
    now, used = (day, month_of(day), month_of(day) // 12), row["limit_day"]
    then = (used, month_of(used), month_of(used) // 12)
    for kind in (PaymentType.ANY, PaymentType(row["payment_type"])):
        for window, mine, theirs in zip(_WINDOWS, now, then, strict=True):
            if mine == theirs:
                name = kind.name.lower()
                purse[f"{window}_amount_{name}"] = purse.get(f"{window}_amount_{name}", 0) + row["limit_minor"]
                purse[f"{window}_count_{name}"] = purse.get(f"{window}_count_{name}", 0) + row["limit_count"]
    purse["last_seq"] = row["seq"]


def _roll(purse: Record, day: int) -> None:
    month, before = month_of(day), purse.get("month", 0)
    over = {"day": day != purse.get("day", 0), "month": month != before, "year": month // 12 != before // 12}
    for name in COUNTERS:
        if over[name.split("_")[0]]:
            purse[name] = 0
    purse["day"], purse["month"] = day, month


def _follow(row: Row, accounts: dict[int, Record], holds: dict[int, Any]) -> None:
    if row["kind"] == Kind.PAY and row["state"] == State.HELD:
        accounts[row["payer_account"]]["open_holds"] += 1
        values = (
            row["seq"], row["payer_account"], row["payee_account"], row["purse"], row["client"], row["payment_type"],
            BY_NUMERIC[row["currency"]].slot, row["limit_day"], row["amount_minor"], row["held_minor"] - row["amount_minor"],
            0, 0, 0, row["expires_us"], row["seq"],
        )  # fmt: skip
        holds[row["seq"]] = dict(zip(HOLDS, values, strict=True))
    elif row["ref_prev_seq"] > 0:
        hold = holds[row["ref_seq"]]
        hold["cleared_minor"] += row["moved_minor"]
        hold["fee_taken_minor"] += row["fee_minor"]
        hold["released_minor"] -= row["limit_minor"]
        hold["last_seq"] = row["seq"]
        if row["state"] != State.HELD:
            accounts[row["payer_account"]]["open_holds"] -= 1
            del holds[row["ref_seq"]]
