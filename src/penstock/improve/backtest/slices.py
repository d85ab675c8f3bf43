"""Parts of the test that are looked at alone: kinds of fraud and payment, amounts, payers, hours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import PaymentType
from penstock.improve.backtest.assumptions import Assumptions
from penstock.improve.backtest.chances import Chances
from penstock.improve.backtest.intents import Bool, Intents
from penstock.improve.backtest.ratios import Float64, Int64, Ratios, stack, sum_by

#: Of each kind at most so many parts are shown, the largest.
_MOST: Final = 8


class Slice(NamedTuple):
    """A part: by what, which, and its intents (n,)."""

    by: str
    value: str
    members: Bool


def find_slices(intents: Intents, names: dict[str, list[str]], assumptions: Assumptions) -> list[Slice]:
    """The parts that hold a fraud or a genuine intent; a fraud type is held against all genuine intents."""
    kinds = (
        _fraud_types(intents, names.get("fraud_type", [])),
        _payment_types(intents, names.get("payment_type", [])),
        _amounts(intents),
        _payers(intents, assumptions.new_payer_intents),
        _hours(intents),
    )
    found = []
    for kind in kinds:
        largest = sorted(
            ((int(each.members.sum()), place, each) for place, each in enumerate(kind)), key=lambda part: -part[0]
        )[:_MOST]
        found += [each for size, _, each in sorted(largest, key=lambda part: part[1]) if size]
    return found


def _fraud_types(intents: Intents, words: list[str]) -> Iterator[Slice]:
    present = np.unique(intents.fraud_type[intents.fraud])
    if len(present) == 1 and not present[0]:
        return  # the file does not tell types apart
    for number in present:
        word = words[number - 1] if 0 < number <= len(words) else ("not said" if number == 0 else str(number))
        yield Slice("fraud_type", word, ~intents.fraud | (intents.fraud_type == number))


def payment_type_word(number: int, words: list[str]) -> str:
    """What a payment type is called: by us, by the file, or by its number; ``words`` are the history's names."""
    if number in list(PaymentType):
        return PaymentType(number).name.lower() if number else "not said"
    said = words[number - 1] if 0 < number <= len(words) else ""
    return said or str(number)


def _payment_types(intents: Intents, words: list[str]) -> Iterator[Slice]:
    present = np.unique(intents.payment_type)
    if len(present) > 1:
        for number in present:
            yield Slice("payment_type", payment_type_word(int(number), words), intents.payment_type == number)


def _amounts(intents: Intents) -> Iterator[Slice]:
    """Quarters of the intents, by amount: the file's own, because currencies differ."""
    amount = intents.amount_minor
    if not len(amount):
        return
    cuts = np.unique(np.quantile(amount, (0.25, 0.5, 0.75), method="lower"))
    band = np.searchsorted(cuts, amount, side="left")
    for number in range(len(cuts) + 1):
        low = f"> {cuts[number - 1] / 100:,.2f}" if number else ""
        high = f"<= {cuts[number] / 100:,.2f}" if number < len(cuts) else ""
        yield Slice("amount", " and ".join(part for part in (low, high) if part), band == number)


def _payers(intents: Intents, new: int) -> Iterator[Slice]:
    known = intents.payer > 0
    yield Slice("payer", "new", known & (intents.earlier < new))
    yield Slice("payer", "old", known & (intents.earlier >= new))
    yield Slice("payer", "not said", ~known)


def _hours(intents: Intents) -> Iterator[Slice]:
    clock = intents.second_of_day >= 0
    for begin in range(0, 24, 6):
        hour = intents.second_of_day // 3_600
        yield Slice("hour", f"{begin:02d}-{begin + 6:02d}", clock & (hour >= begin) & (hour < begin + 6))


#: What is told of each slice, as shares.
SLICE_SHARES: Final = ("recall", "false_positive_rate", "intercepted", "false_block")


def slice_ratios(members: Bool, intents: Intents, chances: Chances, alert: NDArray[np.bool_], payer: Int64) -> Ratios:
    """The shares of one slice: recall and false positives of ``alert`` (n,), interceptions and false blocks by count."""
    places = np.flatnonzero(members)
    payers, owner = np.unique(payer[places], return_inverse=True)
    fraud, flagged = intents.fraud[places], alert[places].astype(np.float64)
    at_stake = fraud & ~intents.failed[places]

    def sums(values: Float64, among: Bool) -> tuple[Float64, Float64]:
        count = len(payers)
        return sum_by(owner, np.where(among, values, 0.0), count), sum_by(owner, among.astype(np.float64), count)

    parts = (
        sums(flagged, fraud),
        sums(flagged, ~fraud),
        sums(chances.intercepted[places], at_stake),
        sums(chances.false_block[places], ~fraud),
    )
    return stack(dict(zip(SLICE_SHARES, parts, strict=True)), payers.astype(np.int64))
