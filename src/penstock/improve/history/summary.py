"""What a history holds, in a few lines: to see at once whether a mapping took the file as it was meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from penstock.improve.history.columns import FRAUD, GENUINE, UNLABELLED, History

DAY_US: Final = 86_400_000_000
_ENTITIES: Final = ("payer", "payee", "instrument", "device", "network", "place", "category")


def summarise(history: History) -> list[tuple[str, str]]:
    """Name and value of each line: rows, span, entities, labels."""
    lines = [("payments", f"{len(history):,}")]
    if history.bad_rows:
        lines.append(("rows left out", ", ".join(f"{problem} {rows:,}" for problem, rows in history.bad_rows.items())))
    lines += [("time", _span(history)), ("amount, minor units", _amounts(history))]
    lines += [(slot, _entity(history, slot)) for slot in _ENTITIES if getattr(history, slot).any()]
    if history.failed.any():
        lines.append(("declined by history", _share(int(history.failed.sum()), len(history))))
    return lines + _labels(history)


def _span(history: History) -> str:
    first, last = (int(moment) for moment in history.time_us[[0, -1]])
    days = (last - first) / DAY_US
    if (history.weekday < 0).all():
        return f"{days:,.1f} days by the length of a step; no clock"
    moments = (
        f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment):%Y-%m-%d %H:%M}"
        for moment in (first, last)
    )
    return f"{' … '.join(moments)} UTC, {days:,.1f} days"


def _amounts(history: History) -> str:
    low, middle, high = np.quantile(history.amount_minor, (0.0, 0.5, 1.0), method="lower")
    zeros = int((history.amount_minor == 0).sum())
    return f"{low:,} … {high:,}, median {middle:,}" + (f"; {_share(zeros, len(history))} are 0" if zeros else "")


def _entity(history: History, slot: str) -> str:
    numbers = getattr(history, slot)
    known = numbers[numbers > 0]
    missing = len(numbers) - len(known)
    said = f"{len(np.unique(known)):,} different, {len(known) / len(np.unique(known)):,.1f} payments each"
    return said + (f"; not known in {_share(missing, len(numbers))}" if missing else "")


def _labels(history: History) -> list[tuple[str, str]]:
    frauds = history.label == FRAUD
    labelled = int((history.label != UNLABELLED).sum())
    lines = [
        ("fraud", _share(int(frauds.sum()), labelled) + " of what is labelled"),
        ("genuine", f"{int((history.label == GENUINE).sum()):,}"),
        ("unlabelled", _share(len(history) - labelled, len(history))),
    ]
    if frauds.any():
        delay = np.median(history.known_us[frauds] - history.time_us[frauds]) / DAY_US
        lines.append(("frauds known after", f"{delay:,.1f} days (median)"))
        said = history.fraud_type[frauds]
        names = history.names.get("fraud_type", [])
        kinds = [
            f"{name} {int((said == number).sum()):,}" for number, name in enumerate(names, 1) if (said == number).any()
        ]
        lines += [("fraud types", ", ".join(kinds))] if kinds else []
    lines.append(("genuine known after", f"{history.maturity_us / DAY_US:,.1f} days (maturity)"))
    return lines


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({part / whole:.2%})" if whole else "0"
