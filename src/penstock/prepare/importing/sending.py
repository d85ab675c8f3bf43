"""Send a normalised file through the running system: open, fund, pay, in this order.

Payments go out in the order of the rows, one batch after the other, so that the outcome does not
depend on the network. The log makes sure that nothing is done twice (see ``log``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import polars as pl

from penstock.kit.client import Client, Command, Outcome
from penstock.prepare.importing.log import ImportLog
from penstock.prepare.importing.mapping import Mapping
from penstock.prepare.importing.summary import Summary
from penstock.prepare.importing.wishes import (
    AccountKey,
    Wish,
    account_wishes,
    customer_wishes,
    deposit_wishes,
    needed_accounts,
    needed_tiers,
    payment_wishes,
)

BATCH: Final = 1_000
#: Ids older than some minutes are slow to look up, so the edge takes only few of them at once.
_OLD_MS: Final = 5 * 60 * 1000
_OLD_BATCH: Final = 100

#: Called with the step's name, how much is done and how much there is.
Progress = Callable[[str, int, int], None]


class ImportStopped(RuntimeError):
    """The system would not open what the payments need; the message says why and how to go on."""


@dataclass
class Sender:
    """One run of one import. ``clock_s`` measures durations; ``now_ms`` is the time of day for new ids."""

    api: Client
    log: ImportLog
    mapping: Mapping
    now_ms: Callable[[], int]
    clock_s: Callable[[], float]
    progress: Progress

    def run(self, rows: pl.LazyFrame, summary: Summary) -> None:
        """Send the good rows and count what came of them.

        :raises ImportStopped: when customers or accounts cannot be opened.
        """
        started_s = self.clock_s()
        accounts = self._open(rows, summary)
        self._fund(rows, accounts, summary)
        self._pay(rows, accounts, summary)
        summary.seconds = self.clock_s() - started_s

    def _open(self, rows: pl.LazyFrame, summary: Summary) -> dict[AccountKey, str]:
        tiers, keys = needed_tiers(rows, self.mapping), needed_accounts(rows)
        customers = dict(zip(tiers, self._opened("customers", "customer", customer_wishes(tiers), len(tiers), summary), strict=True))
        summary.customers = len(customers)
        openings = account_wishes(keys, customers)
        accounts = dict(zip(keys, self._opened("accounts", "account", openings, len(keys), summary), strict=True))
        summary.accounts = len(accounts)
        return accounts

    def _opened(self, step: str, name: str, wishes: Iterable[Wish], total: int, summary: Summary) -> list[str]:
        def digest(batch: list[Wish], outcomes: list[Outcome]) -> list[str]:
            for wish, outcome in zip(batch, outcomes, strict=True):
                if outcome["reason"] != "ok":
                    advice = "Correct this and run the import again; it continues here"
                    raise ImportStopped(f"{wish.purpose}: {outcome['reason']}. {outcome['message']['en']} {advice}")
            return [outcome[name] for outcome in outcomes]

        results = self._results(step, wishes, total, summary, digest)
        return [public_id for public_ids in results for public_id in public_ids]

    def _fund(self, rows: pl.LazyFrame, accounts: dict[AccountKey, str], summary: Summary) -> None:
        wishes = deposit_wishes(rows, self.mapping, accounts)
        for counted in self._results("deposits", wishes, len(wishes), summary, _count):
            for currency, _, reason, number, amount in counted:
                if reason == "ok":
                    summary.deposits += number
                    summary.deposited_minor[currency] += amount
                else:
                    summary.refused_deposits[reason] += number

    def _pay(self, rows: pl.LazyFrame, accounts: dict[AccountKey, str], summary: Summary) -> None:
        total = rows.select(pl.len()).collect(engine="streaming").item()
        started_s = self.clock_s()
        for counted in self._results("payments", payment_wishes(rows, accounts), total, summary, _count):
            for currency, state, reason, number, amount in counted:
                summary.payments[state, reason] += number
                summary.amounts_minor[currency, state] += amount
        summary.payment_seconds = self.clock_s() - started_s

    def _results(
        self, step: str, wishes: Iterable[Wish], total: int, summary: Summary,
        digest: Callable[[list[Wish], list[Outcome]], list[Any]],
    ) -> Iterator[list[Any]]:  # fmt: skip
        """Carry out a step batch by batch; what the log knows is not sent again."""
        done = 0
        self.progress(step, 0, total)
        remaining = iter(wishes)
        while batch := list(islice(remaining, BATCH)):
            name = f"{step} {done // BATCH}"
            result: list[Any] | None = self.log.result(name)
            if result is None:
                outcomes = self._decide(name, batch)
                result = digest(batch, outcomes)
                self.log.finish(name, result)
                summary.replayed += sum(outcome["replayed"] for outcome in outcomes)
            else:
                summary.replayed += len(batch)
            yield result
            done += len(batch)
            self.progress(step, done, total)

    def _decide(self, name: str, batch: list[Wish]) -> list[Outcome]:
        """Send one batch: first under the ids of earlier tries, then, where those did nothing, under new ones."""
        outcomes: list[Outcome] = [{}] * len(batch)
        places = list(range(len(batch)))
        for sent_ms in self.log.sent_ms(name):
            old = self.now_ms() - sent_ms > _OLD_MS
            self._send(sent_ms, batch, places, outcomes, _OLD_BATCH if old else BATCH)
            places = [i for i in places if _did_nothing(outcomes[i])]
        if places:
            self._send(self.log.send(name, self.now_ms()), batch, places, outcomes, BATCH)
        return outcomes

    def _send(self, sent_ms: int, batch: list[Wish], places: list[int], outcomes: list[Outcome], at_once: int) -> None:
        for first in range(0, len(places), at_once):
            part = places[first : first + at_once]
            answers = self.api.batch([_command(self.log, sent_ms, batch[i]) for i in part])
            for place, outcome in zip(part, answers, strict=True):
                outcomes[place] = outcome


def _command(log: ImportLog, sent_ms: int, wish: Wish) -> Command:
    return {"id": str(log.derive(sent_ms, wish.purpose)), **wish.body}


def _did_nothing(outcome: Outcome) -> bool:
    """Whether an earlier try left the wish open: its id is too old, or an opening was declined."""
    declined_opening = outcome["command"].startswith("open_") and outcome["reason"] != "ok"
    return bool(outcome["reason"] == "id_expired" or declined_opening)


def _count(batch: list[Wish], outcomes: list[Outcome]) -> list[tuple[str, str, str, int, int]]:
    """(currency, state, reason, commands, amount in minor units), summed over a batch."""
    numbers: Counter[tuple[str, str, str]] = Counter()
    amounts: Counter[tuple[str, str, str]] = Counter()
    for wish, outcome in zip(batch, outcomes, strict=True):
        key = (wish.body["currency"], outcome["state"], outcome["reason"])
        numbers[key] += 1
        amounts[key] += wish.body["amount_minor"]
    return [(*key, number, amounts[key]) for key, number in numbers.items()]
