"""When labels seem to be known: by a column, or by a delay that the file's span can bear."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

from penstock.improve.history import times
from penstock.improve.history.mapping import HistoryMapping
from penstock.improve.history.proposing.choosing import Choice
from penstock.improve.history.proposing.looking import Column

#: The delay that is assumed where a file says nothing, if the file spans at least four times as much.
_DELAY_DAYS: Final = 7.0
_SPAN_PER_DELAY: Final = 4.0
#: The share of frauds reported before the maturity, where reports have times, and the span that it may take.
_REPORTED: Final = 0.95
_SPAN_PER_MATURITY: Final = 4.0
_DEFAULT_DAYS: Final = 30.0


def label_spans(
    known: Choice | None, mapping: HistoryMapping, data: pl.DataFrame, span_days: float
) -> tuple[dict[str, Any], str, str | None]:
    """The keys of a label's time or delay and maturity, why, and what is doubtful about them.

    :param known: the column with the labels' time, if there is one.
    :param mapping: what is proposed so far, time included.
    :param span_days: of the file; 0 = its times tell.
    """
    days = span_days or _span_days(data, mapping)
    if known is None:
        delay = _shortened(_DELAY_DAYS, days, _SPAN_PER_DELAY)
        why = "Frauds are known so many days after the payment, and a payment is genuine if it is no fraud by then."
        return (
            {"delay_days": delay},
            why,
            f"label: the file does not say when frauds became known; {delay:g} days after the payment are assumed",
        )
    column = known.column
    maturity = _maturity_days(data, mapping, column, days)
    keys: dict[str, Any] = {"known": column.name} | ({"known_format": column.format} if column.format else {})
    why = f"{column.name}: {known.why}\nMost frauds are known within the maturity; after it, a payment that is no fraud is genuine."
    return keys | {"maturity_days": maturity}, why, None


def _span_days(data: pl.DataFrame, mapping: HistoryMapping) -> float:
    column = mapping.time.column
    if not isinstance(column, str):
        return 0.0
    moments = times.moments_us(data[column], mapping).drop_nulls()
    return float(np.ptp(moments.to_numpy())) / times.DAY_US if len(moments) else 0.0


def _maturity_days(data: pl.DataFrame, mapping: HistoryMapping, known: Column, days: float) -> float:
    column = mapping.time.column
    usual = _DEFAULT_DAYS
    if isinstance(column, str):
        late = (
            times.moments_us(data[known.name], mapping, known.format) - times.moments_us(data[column], mapping)
        ).drop_nulls()
        usual = (late.quantile(_REPORTED) or 0.0) / times.DAY_US if len(late) else _DEFAULT_DAYS
    return _shortened(max(usual, 1.0), days, _SPAN_PER_MATURITY)


def _shortened(wanted: float, span_days: float, part: float) -> float:
    """The days wanted, or a part of the span if that is less; two digits."""
    return float(f"{min(wanted, span_days / part) if span_days > 0 else wanted:.2g}")
