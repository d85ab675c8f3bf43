"""What a file of payments asks for: customers, accounts, deposits and payments, as commands without ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as AnyMapping
from typing import Any, Final, NamedTuple

import polars as pl

from penstock.contracts.money import MAX_AMOUNT_MINOR
from penstock.kit.client import Command
from penstock.prepare.importing.mapping import Funding, Mapping

_CHUNK_ROWS: Final = 10_000


class Wish(NamedTuple):
    """A command without its id: what it is for (unique in an import), and its body."""

    purpose: str
    body: Command


class AccountKey(NamedTuple):
    """Which account a row means: the party's text and the currency."""

    party: str
    currency: str


def needed_tiers(rows: pl.LazyFrame, mapping: Mapping) -> dict[str, str]:
    """Each party's tier. Who pays and is paid has the payer's: limits are the payer's."""
    payers, payees = (
        rows.select(side).unique(maintain_order=True).collect(engine="streaming")[side] for side in ("payer", "payee")
    )
    tiers = dict.fromkeys(payers.to_list(), mapping.payer.tier)
    return tiers | {payee: mapping.payee.tier for payee in payees.to_list() if payee not in tiers}


def needed_accounts(rows: pl.LazyFrame) -> list[AccountKey]:
    """Each account once, payers first, in the order of the rows."""
    sides = [rows.select(pl.col(side).alias("party"), "currency") for side in ("payer", "payee")]
    keys = pl.concat(sides).unique(maintain_order=True).collect(engine="streaming")
    return [AccountKey(*key) for key in keys.iter_rows()]


def customer_wishes(tiers: AnyMapping[str, str]) -> Iterator[Wish]:
    """Open each party as a customer."""
    return (Wish(f"customer {party}", {"command": "open_customer", "tier": tier}) for party, tier in tiers.items())


def account_wishes(keys: Sequence[AccountKey], customers: AnyMapping[str, str]) -> Iterator[Wish]:
    """Open each account; ``customers`` maps parties to public ids."""
    for key in keys:
        body = {"command": "open_account", "customer": customers[key.party], "currency": key.currency}
        yield Wish(f"account {key.currency} {key.party}", body)


def deposit_wishes(rows: pl.LazyFrame, mapping: Mapping, accounts: AnyMapping[AccountKey, str]) -> list[Wish]:
    """What payers get before they pay, in deposits of at most the largest amount of one command."""
    if mapping.funding.mode is Funding.NONE:
        return []
    totals = rows.group_by("payer", "currency").agg(pl.col("amount_minor").sum()).sort("payer", "currency")
    fixed = mapping.funding.amount_minor if mapping.funding.mode is Funding.FIXED else None
    return [
        _deposit(AccountKey(payer, currency), part, amount, accounts)
        for payer, currency, total in totals.collect(engine="streaming").iter_rows()
        for part, amount in enumerate(_split(fixed or total))
    ]


def payment_wishes(rows: pl.LazyFrame, accounts: AnyMapping[AccountKey, str]) -> Iterator[Wish]:
    """Pay each row, in the order of the rows; only a chunk of them is in memory."""
    for chunk in rows.collect_batches(chunk_size=_CHUNK_ROWS, maintain_order=True, engine="streaming"):
        for row in chunk.iter_rows(named=True):
            yield Wish(f"payment {row['row']}", _payment(row, accounts))


def _deposit(key: AccountKey, part: int, amount_minor: int, accounts: AnyMapping[AccountKey, str]) -> Wish:
    body = {"command": "deposit", "account": accounts[key], "amount_minor": amount_minor, "currency": key.currency}
    return Wish(f"deposit {part} {key.currency} {key.party}", body)


def _split(total_minor: int) -> list[int]:
    whole, rest = divmod(total_minor, MAX_AMOUNT_MINOR)
    return [MAX_AMOUNT_MINOR] * whole + ([rest] if rest else [])


def _payment(row: dict[str, Any], accounts: AnyMapping[AccountKey, str]) -> Command:
    body = {
        "command": "pay", "payer": accounts[AccountKey(row["payer"], row["currency"])],
        "payee": accounts[AccountKey(row["payee"], row["currency"])], "amount_minor": row["amount_minor"],
        "currency": row["currency"], "type": row["type"],
        "metadata": {name: text for name, text in row["metadata"].items() if text is not None},
        **{name: text for name, text in row["origin"].items() if text is not None},
    }  # fmt: skip
    return body | ({"reference": row["reference"]} if row["reference"] else {})
