"""The tables of a checkpoint, folded from a made journal's rows in plain Python."""

from __future__ import annotations

import datetime as dt
from typing import Any

from review.journal_maker import JournalMaker
from review.journal_rows import Row

from penstock.contracts.commands import Kind, Operation, Option, PaymentType
from penstock.contracts.money import BY_NUMERIC, CURRENCIES
from penstock.contracts.states import OPEN, State

_WINDOWS = ("day", "month", "year")
COUNTERS = [
    f"{window}_{what}_{kind.name.lower()}"
    for kind in PaymentType
    for window in _WINDOWS
    for what in ("amount", "count")
]
ACCOUNTS = [
    "available_minor", "held_minor", "last_seq", "customer", "purse", "currency_slot", "kind", "opened_seq", "open_holds",
    "debit_from_us", "debit_until_us", "credit_from_us", "credit_until_us", "frozen_minor", "frozen_from_us",
    "frozen_until_us",
]  # fmt: skip
CUSTOMERS = ["tier", "client", "last_seq", "opened_seq", "accounts", *(f"purse_{c.code}" for c in CURRENCIES)]
PURSES = ["customer", "currency_slot", "last_seq", "day", "month", *COUNTERS, "overridden"]
OVERRIDES = ["key", "value", "until_us", "seq"]
TOTALS = ["held", "cleared", "deposited", "withdrawn", "fees", "given_back"]
HOLDS = [
    "origin_seq", "payer", "payee", "purse", "client", "payment_type", "currency_slot", "limit_day", "amount_minor",
    "fee_minor", "cleared_minor", "fee_taken_minor", "released_minor", "expires_us", "last_seq", "state", "flags", "kind",
    "left_minor",
]  # fmt: skip
APPROVERS = [f"approvers_{operation.name.lower()}" for operation in Operation]
LABELS = ["origin_seq", "option", "seq"]
SCALARS = [
    "last_seq", "accounts", "customers", "purses", "holds_open", "overrides", "review_hour", "reviews_in_hour",
    "maturity_us", *APPROVERS, "model_version", "model_seq", "models", "labels",
]  # fmt: skip
_HOUR_US = 3_600_000_000
Record = dict[str, int]
Tables = dict[str, tuple[list[str], list[list[int]]]]


def make_tables(journal: JournalMaker) -> Tables:
    """Fold all rows; table → columns and records."""
    accounts: dict[int, Record] = {}
    customers: dict[int, Record] = {}
    purses: dict[int, Record] = {}
    holds: dict[int, Record] = {}
    overrides: dict[int, Record] = {}
    totals: dict[int, Record] = {currency.slot: {} for currency in CURRENCIES}
    labels: dict[int, Record] = {}
    scalars: Record = {"maturity_us": journal.policy.label_maturity_s * 1_000_000}
    for row in journal.rows:
        if row["state"] in {State.DECLINED, State.CHALLENGE}:
            _touch(accounts, row)
            continue
        _open(row, accounts, customers, purses)
        _move(row, accounts)
        _count(row, purses)
        _follow(row, accounts, holds)
        _set(row, accounts, customers, purses, overrides, scalars)
        _judge(row, labels, scalars)
        _add_up(row, totals)
    tables = {"accounts": accounts, "customers": customers, "purses": purses, "overrides": overrides, "holds_open": holds}
    scalars |= {name: len(table) for name, table in tables.items()} | {"last_seq": len(journal.rows), "labels": len(labels)}
    return {
        "accounts": (ACCOUNTS, _records(ACCOUNTS, accounts)),
        "customers": (CUSTOMERS, _records(CUSTOMERS, customers)),
        "purses": (PURSES, _records(PURSES, purses)),
        "overrides": (OVERRIDES, _records(OVERRIDES, dict(enumerate(overrides.values(), 1)))),
        "holds": (HOLDS, _records(HOLDS, dict(enumerate(holds.values(), 1)))),
        "labels": (LABELS, _records(LABELS, dict(enumerate(reversed(labels.values()), 1)))),
        "totals": (TOTALS, [[totals[slot].get(name, 0) for name in TOTALS] for slot in sorted(totals)]),
        "scalars": (SCALARS, [[scalars.get(name, 0) for name in SCALARS]]),
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
    if row["kind"] in {Kind.PAY, Kind.WITHDRAW, Kind.REFUND} and row["state"] in OPEN:
        accounts[row["payer_account"]]["open_holds"] += 1
        origin = row["ref_seq"] or row["seq"]
        amount = row["amount_minor"] if row["kind"] != Kind.REFUND else row["held_minor"]
        values = (
            origin, row["payer_account"], row["payee_account"], row["purse"], row["client"], row["payment_type"],
            BY_NUMERIC[row["currency"]].slot, row["limit_day"], amount, row["held_minor"] - amount,
            0, 0, 0, row["expires_us"], row["seq"], row["state"], row["flags"], row["kind"], row["left_minor"],
        )  # fmt: skip
        holds[origin] = dict(zip(HOLDS, values, strict=True))
    elif row["ref_prev_seq"] > 0 and row["ref_seq"] in holds:
        hold = holds[row["ref_seq"]]
        hold["cleared_minor"] += row["moved_minor"]
        hold["fee_taken_minor"] += row["fee_minor"]
        hold["released_minor"] -= row["limit_minor"]
        hold |= {"last_seq": row["seq"], "state": row["state"], "expires_us": row["expires_us"] or hold["expires_us"]}
        if row["state"] not in OPEN:
            accounts[row["payer_account"]]["open_holds"] -= 1
            del holds[row["ref_seq"]]


def _set(
    row: Row, accounts: dict[int, Record], customers: dict[int, Record], purses: dict[int, Record],
    overrides: dict[int, Record], scalars: Record,
) -> None:  # fmt: skip
    option, seq = row["option"], row["seq"]
    if row["kind"] == Kind.SET_ACCOUNT:
        _set_account(accounts[row["payer_account"]], row)
    elif row["kind"] == Kind.SET_CUSTOMER and option == Option.TIER:
        customers[row["customer"]] |= {"tier": row["tier"], "last_seq": seq}
    elif row["kind"] == Kind.SET_CUSTOMER:
        purses[row["purse"]] |= {"overridden": 1, "last_seq": seq}
        key = row["purse"] << 16 | row["payment_type"] << 8 | option - Option.LIMIT_SINGLE
        values = (key, row["amount_minor"], row["expires_us"], seq)
        overrides[key] = dict(zip(OVERRIDES, values, strict=True))
    elif row["kind"] == Kind.SET_APPROVALS:
        scalars[APPROVERS[option - Option.APPROVALS]] = row["amount_minor"] + 1
    elif row["state"] == State.REVIEW:
        hour = row["time_us"] // _HOUR_US
        begun = scalars.get("reviews_in_hour", 0) if scalars.get("review_hour") == hour else 0
        scalars |= {"review_hour": hour, "reviews_in_hour": begun + 1}


def _judge(row: Row, labels: dict[int, Record], scalars: Record) -> None:
    if row["kind"] == Kind.LABEL:
        labels[row["ref_seq"]] = {"origin_seq": row["ref_seq"], "option": row["option"], "seq": row["seq"]}
    elif row["kind"] == Kind.PUBLISH_MODEL:
        version = row["model_version"]
        scalars |= {"model_version": version, "model_seq": row["seq"], "models": max(version, scalars.get("models", 0))}


def _set_account(account: Record, row: Row) -> None:
    option = Option(row["option"])
    if option == Option.CLOSE:
        account["kind"] = 5
    if option.name.endswith(("DEBIT", "ALL")):
        account |= {"debit_from_us": row["from_us"], "debit_until_us": row["expires_us"]}
    if option.name.endswith(("CREDIT", "ALL")):
        account |= {"credit_from_us": row["from_us"], "credit_until_us": row["expires_us"]}
    if option.name.endswith("AMOUNT"):
        account |= {"frozen_minor": row["amount_minor"], "frozen_from_us": row["from_us"]}
        account["frozen_until_us"] = row["expires_us"]


def _add_up(row: Row, totals: dict[int, Record]) -> None:
    if row["currency"] not in BY_NUMERIC:
        return
    slot = BY_NUMERIC[row["currency"]].slot
    gives_back = row["kind"] in {Kind.REFUND, Kind.RETURN, Kind.CHARGEBACK} or row["option"] == Option.REVERSE
    moved = "withdrawn" if row["payee_account"] == 3 * slot + 1 else "cleared"
    moved = "deposited" if row["kind"] == Kind.DEPOSIT else "given_back" if gives_back else moved
    for name, column in (("held", "held_minor"), ("fees", "fee_minor"), (moved, "moved_minor")):
        totals[slot][name] = totals[slot].get(name, 0) + row[column]
