"""From payments to payment intents: the unit that is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.improve.history.columns import FRAUD, GENUINE, UNLABELLED, History

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]


@dataclass(frozen=True)
class Intents:
    """Payment intents in the order of their first payment; all arrays (n,).

    A challenge, its completion and every retry are one intent: the highest score and the strongest verdict count, it is
    fraud if any of its payments is, and its amount is the largest of them.
    """

    time_us: Int64  # of the first payment
    second_of_day: Int64
    payer: Int64
    payee: Int64
    payment_type: Int64
    fraud_type: Int64  # 0 = not said
    amount_minor: Int64
    score: NDArray[np.float32]
    verdict: NDArray[np.int8]  # Verdict
    label: NDArray[np.int8]
    mature: Bool  # the label is known, and the payment is older than the maturity
    failed: Bool  # history itself refused every payment of it: there is nothing left to intercept
    payments: Int64  # how many
    earlier: Int64  # intents of the payer before it, in the whole history

    def __len__(self) -> int:
        return len(self.time_us)

    @property
    def fraud(self) -> Bool:
        """Whether it is fraud."""
        fraud: Bool = self.label == FRAUD
        return fraud

    def select(self, places: NDArray[Any]) -> Intents:
        """The intents at some places (indices or a mask), in order."""
        return Intents(**{name: value[places] for name, value in vars(self).items()})


def starts(history: History) -> Int64:
    """When the intent of each payment began, (n,) µs: it belongs to the part of the history in which that lies."""
    _, first, inverse = np.unique(history.intent, return_index=True, return_inverse=True)
    begun: Int64 = history.time_us[first][inverse]
    return begun


def earlier_of_payer(history: History) -> Int64:
    """How many intents of the same payer began before that of each payment, (n,); 0 where the payer is not known."""
    _, first, inverse = np.unique(history.intent, return_index=True, return_inverse=True)
    by_time = np.argsort(first, kind="stable")
    payer = history.payer[first][by_time]
    groups = np.argsort(payer, kind="stable")
    ordered = payer[groups]
    new_group = np.r_[True, ordered[1:] != ordered[:-1]] if len(ordered) else np.empty(0, np.bool_)
    begins = np.flatnonzero(new_group)
    counts = np.empty(len(payer), np.int64)
    counts[by_time[groups]] = np.arange(len(payer)) - begins[np.cumsum(new_group) - 1]
    counts[history.payer[first] == 0] = 0
    earlier: Int64 = counts[inverse]
    return earlier


@dataclass(frozen=True)
class Grouping:
    """Which payments make which intent, intents in the order of their first payment."""

    order: Int64  # (n,) places of the payments, by intent and time
    begins: Int64  # (intents,) where each intent begins in that order
    by_time: Int64  # (intents,) the intents in the order of their first payment

    def most(self, values: NDArray[Any]) -> NDArray[Any]:
        """The largest value of each intent, of values (n,) of the payments."""
        return np.maximum.reduceat(values[self.order], self.begins)[self.by_time] if len(self.begins) else values[:0]

    def of_first(self, values: NDArray[Any]) -> NDArray[Any]:
        """The value of the first payment of each intent."""
        return values[self.order[self.begins[self.by_time]]]

    @property
    def sizes(self) -> Int64:
        """Payments of each intent."""
        sizes: Int64 = np.diff(np.r_[self.begins, len(self.order)])[self.by_time]
        return sizes


def group_payments(intent: Int64) -> Grouping:
    """Group payments (n,), in the order of their time, by the number of their intent."""
    order = np.argsort(intent, kind="stable")
    number = intent[order]
    begins = np.flatnonzero(np.r_[True, number[1:] != number[:-1]]) if len(number) else np.empty(0, np.int64)
    return Grouping(order, begins, np.argsort(order[begins], kind="stable"))


def gather_intents(
    history: History, score: NDArray[np.float32], verdict: NDArray[np.int8], as_of_us: int, earlier: Int64 | None = None
) -> Intents:
    """Make one intent of all payments that share one.

    Args:
        history: the payments, n of them.
        score: (n,), 0 where nothing scored them.
        verdict: (n,), ``Verdict``.
        as_of_us: when the labels were last looked at; younger ones than the maturity are not mature then.
        earlier: (n,) of ``earlier_of_payer``, where ``history`` is a part of a longer one.
    """
    groups = group_payments(history.intent)
    label = groups.most(history.label)
    return Intents(
        time_us=groups.of_first(history.time_us),
        second_of_day=groups.of_first(history.second_of_day),
        payer=groups.of_first(history.payer),
        payee=groups.of_first(history.payee),
        payment_type=groups.of_first(history.payment_type),
        fraud_type=groups.most(np.where(history.label == FRAUD, history.fraud_type, 0)),
        amount_minor=groups.most(history.amount_minor),
        score=groups.most(score),
        verdict=groups.most(verdict),
        label=label,
        mature=(label != UNLABELLED) & groups.most(_mature(history, as_of_us)),
        failed=~groups.most(~history.failed),
        payments=groups.sizes,
        earlier=groups.of_first(earlier_of_payer(history) if earlier is None else earlier),
    )


def _mature(history: History, as_of_us: int) -> Bool:
    """Whether enough time has passed, also for frauds known early: else the last days would be frauds only."""
    known = (history.label >= GENUINE) & (history.known_us <= as_of_us)
    mature: Bool = known & (history.time_us + history.maturity_us <= as_of_us)
    return mature
