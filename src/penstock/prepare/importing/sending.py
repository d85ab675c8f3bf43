"""Send a normalised file through the running system: open, fund, pay, in this order.

Payments go out in the order of the rows, one batch after the other, so that the outcome does not
depend on the network. All commands carry derived ids; repeating an import repeats nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple

import polars as pl

from penstock.contracts.money import MAX_AMOUNT_MINOR
from penstock.kit.client import Client, Command, Outcome
from penstock.prepare.importing.derived import Import
from penstock.prepare.importing.mapping import Funding, Mapping
from penstock.prepare.importing.summary import Summary

BATCH: Final = 1_000

#: Called with the step's name, how much is done and how much there is.
Progress = Callable[[str, int, int], None]


class ImportStopped(RuntimeError):
    """The system would not open what the payments need; the message says why and how to go on."""


class Wish(NamedTuple):
    """A command without its id: what it is for, and its body."""

    purpose: str
    body: Command


class AccountKey(NamedTuple):
    """Which account a row means: the party's text and the currency."""

    party: str
    currency: str


@dataclass
class Sender:
    """One run of one import. ``clock_s`` measures, ``now_ms`` is the time of new generations of ids."""

    api: Client
    job: Import
    mapping: Mapping
    now_ms: Callable[[], int]
    clock_s: Callable[[], float]
    progress: Progress

    def run(self, rows: pl.LazyFrame, summary: Summary, limit: int | None = None) -> Summary:
        """Send the good rows (the first ``limit`` of them) and count what came of it.

        :raises ImportStopped: when customers or accounts cannot be opened.
        """
        started_s = self.clock_s()
        good = rows.filter(pl.col("problem").is_null())
        wanted = good if limit is None else good.head(limit)
        accounts = self._open(wanted, summary)
        self._fund(good, accounts, summary)
        self._pay(wanted, accounts, summary)
        summary.seconds = self.clock_s() - started_s
        return summary

    def _open(self, rows: pl.LazyFrame, summary: Summary) -> dict[AccountKey, str]:
        wanted = _accounts(rows)
        tiers = _tiers(rows, self.mapping)
        wishes = (Wish(f"customer {p}", {"command": "open_customer", "tier": t}) for p, t in tiers.items())
        customers = dict(zip(tiers, self._opened("customers", "customer", wishes, len(tiers), summary), strict=True))
        summary.customers = len(customers)
        openings = (
            Wish(f"account {k.currency} {k.party}", {"command": "open_account", "customer": customers[k.party], "currency": k.currency})
            for k in wanted
        )
        accounts = dict(zip(wanted, self._opened("accounts", "account", openings, len(wanted), summary), strict=True))
        summary.accounts = len(accounts)
        return accounts

    def _opened(self, step: str, name: str, wishes: Iterable[Wish], total: int, summary: Summary) -> list[str]:
        public_ids = []
        for wish, outcome in self._sent(step, wishes, total, summary):
            if outcome.get("reason") != "ok":
                raise ImportStopped(f"{wish.purpose}: {_because(outcome)}. Correct this and run the import again; it continues here")
            public_ids.append(outcome[name])
        return public_ids

    def _fund(self, rows: pl.LazyFrame, accounts: dict[AccountKey, str], summary: Summary) -> None:
        wishes = [wish for wish in _deposits(rows, self.mapping) if wish.key in accounts]
        bodies = (
            Wish(f"deposit {w.part} {w.key.currency} {w.key.party}", {
                "command": "deposit", "account": accounts[w.key], "amount_minor": w.amount_minor, "currency": w.key.currency,
            })
            for w in wishes
        )  # fmt: skip
        for wish, outcome in self._sent("deposits", bodies, len(wishes), summary):
            if outcome.get("reason") == "ok":
                summary.deposits += 1
                summary.deposited_minor[wish.body["currency"]] += wish.body["amount_minor"]
            else:
                summary.refused_deposits[_reason(outcome)] += 1

    def _pay(self, rows: pl.LazyFrame, accounts: dict[AccountKey, str], summary: Summary) -> None:
        total = rows.select(pl.len()).collect(engine="streaming").item()
        started_s = self.clock_s()
        for wish, outcome in self._sent("payments", _payments(rows, accounts), total, summary):
            state = outcome.get("state", "refused")
            summary.payments[state, _reason(outcome)] += 1
            summary.amounts_minor[wish.body["currency"], state] += wish.body["amount_minor"]
        summary.payment_seconds = self.clock_s() - started_s

    def _sent(self, step: str, wishes: Iterable[Wish], total: int, summary: Summary) -> Iterator[tuple[Wish, Outcome]]:
        done = 0
        self.progress(step, 0, total)
        remaining = iter(wishes)
        while batch := list(islice(remaining, BATCH)):
            for wish, outcome in zip(batch, self._decide(batch), strict=True):
                summary.replayed += bool(outcome.get("replayed"))
                yield wish, outcome
            done += len(batch)
            self.progress(step, done, total)

    def _decide(self, batch: list[Wish]) -> list[Outcome]:
        """Send one batch; what was not done under an id that is now too old goes out under a new one."""
        outcomes: list[Outcome] = [{}] * len(batch)
        places = list(range(len(batch)))
        generations = self.job.generations_ms(self.now_ms())
        while places:
            for generation_ms in generations:
                bodies = [{"id": str(self.job.derive(generation_ms, batch[i].purpose)), **batch[i].body} for i in places]
                for place, outcome in zip(places, self.api.batch(bodies) if bodies else [], strict=True):
                    outcomes[place] = outcome
                places = [i for i in places if outcomes[i].get("reason") == "id_expired"]
            if places:
                generations = self.job.start_generation(self.now_ms())[-1:]
        return outcomes


class _Deposit(NamedTuple):
    key: AccountKey
    part: int
    amount_minor: int


def _accounts(rows: pl.LazyFrame) -> list[AccountKey]:
    """Each account once, payers first, in the order of the rows."""
    sides = [rows.select(pl.col(side).alias("party"), "currency") for side in ("payer", "payee")]
    keys = pl.concat(sides).unique(maintain_order=True).collect(engine="streaming")
    return [AccountKey(*key) for key in keys.iter_rows()]


def _tiers(rows: pl.LazyFrame, mapping: Mapping) -> dict[str, str]:
    """Each party's tier. Who pays and is paid has the payer's: limits are the payer's."""
    payers = rows.select("payer").unique(maintain_order=True).collect(engine="streaming")["payer"]
    payees = rows.select("payee").unique(maintain_order=True).collect(engine="streaming")["payee"]
    tiers = dict.fromkeys(payers.to_list(), mapping.payer.tier)
    return tiers | {payee: mapping.payee.tier for payee in payees.to_list() if payee not in tiers}


def _deposits(rows: pl.LazyFrame, mapping: Mapping) -> list[_Deposit]:
    """What payers get before they pay. It depends on the whole file, so that ``--limit`` changes no deposit."""
    if mapping.funding.mode is Funding.NONE:
        return []
    totals = rows.group_by("payer", "currency").agg(pl.col("amount_minor").sum()).sort("payer", "currency")
    fixed = mapping.funding.amount_minor if mapping.funding.mode is Funding.FIXED else None
    return [
        _Deposit(AccountKey(payer, currency), part, amount)
        for payer, currency, total in totals.collect(engine="streaming").iter_rows()
        for part, amount in enumerate(_split(fixed or total))
    ]


def _split(total_minor: int) -> list[int]:
    """A total as deposits of at most the largest amount of one command."""
    whole, rest = divmod(total_minor, MAX_AMOUNT_MINOR)
    return [MAX_AMOUNT_MINOR] * whole + ([rest] if rest else [])


def _payments(rows: pl.LazyFrame, accounts: dict[AccountKey, str]) -> Iterator[Wish]:
    for chunk in rows.collect_batches(chunk_size=BATCH * 10, maintain_order=True, engine="streaming"):
        for row in chunk.iter_rows(named=True):
            yield Wish(f"payment {row['row']}", _payment(row, accounts))


def _payment(row: dict[str, Any], accounts: dict[AccountKey, str]) -> Command:
    body = {
        "command": "pay", "payer": accounts[AccountKey(row["payer"], row["currency"])],
        "payee": accounts[AccountKey(row["payee"], row["currency"])], "amount_minor": row["amount_minor"],
        "currency": row["currency"], "type": row["type"],
        "metadata": {name: text for name, text in row["metadata"].items() if text is not None},
    }  # fmt: skip
    return body | ({"reference": row["reference"]} if row["reference"] else {})


def _reason(outcome: Outcome) -> str:
    """The reason of an outcome, or the title of a problem."""
    return str(outcome.get("reason") or outcome.get("title") or f"HTTP {outcome.get('status')}")


def _because(outcome: Outcome) -> str:
    message = outcome.get("message") or {}
    return f"{_reason(outcome)}; {message.get('en') or outcome.get('detail') or ''}".rstrip("; ")
