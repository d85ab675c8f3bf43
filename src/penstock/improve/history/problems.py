"""Why a row cannot be read: the closed table, each with its fix, and what then happens."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

import polars as pl

from penstock.contracts.money import MAX_AMOUNT_MINOR
from penstock.improve.history.mapping import HistoryMapping, OnBadRow
from penstock.improve.history.opening import BadFile


class Problem(StrEnum):
    """What is wrong with a row. When several things are, the first in this order is reported."""

    NULL_VALUE = "null_value"
    TIME_MISSING = "time_missing"
    TIME_UNREADABLE = "time_unreadable"
    AMOUNT_MISSING = "amount_missing"
    CURRENCY_UNKNOWN = "currency_unknown"
    AMOUNT_NOT_A_NUMBER = "amount_not_a_number"
    AMOUNT_NEGATIVE = "amount_negative"
    AMOUNT_TOO_FINE = "amount_too_fine"
    AMOUNT_TOO_LARGE = "amount_too_large"
    LABEL_UNKNOWN = "label_unknown"
    KNOWN_UNREADABLE = "known_unreadable"
    PLACE_UNREADABLE = "place_unreadable"
    EXTRA_NOT_A_NUMBER = "extra_not_a_number"


class Explanation(NamedTuple):
    """The place of the mapping whose column is at fault, what is wrong, and the fix."""

    place: str
    wrong: str
    fix: str


EXPLANATIONS: Final[dict[Problem, Explanation]] = {
    Problem.NULL_VALUE: Explanation("rows.not_null", "a value is missing", "fill it in, or take the column from rows.not_null"),
    Problem.TIME_MISSING: Explanation("time", "the time is missing", "fill it in"),
    Problem.TIME_UNREADABLE: Explanation(
        "time", "this is no time between 1970 and 2199", 'set time.format to how times are written, or time.unit for numbers ("s", "ms", "us", "ns", "step")'
    ),
    Problem.AMOUNT_MISSING: Explanation("amount", "the amount is missing", "fill it in"),
    Problem.CURRENCY_UNKNOWN: Explanation("currency", "this is no currency that Penstock knows", "map the word in currency.map"),
    Problem.AMOUNT_NOT_A_NUMBER: Explanation(
        "amount", "the amount is not a number", 'write it as 1234.50, or name the signs around it in amount.strip, such as "$,"'
    ),
    Problem.AMOUNT_NEGATIVE: Explanation(
        "amount", "the amount is negative", 'take out what is no payment, or set amount.negative = "absolute"'
    ),
    Problem.AMOUNT_TOO_FINE: Explanation(
        "amount", "the amount has more digits than its currency", 'set amount.rounding = "half_up" to round it'
    ),
    Problem.AMOUNT_TOO_LARGE: Explanation(
        "amount", f"the amount is above {MAX_AMOUNT_MINOR:,} minor units", 'correct it, or set amount.unit = "minor"'
    ),
    Problem.LABEL_UNKNOWN: Explanation(
        "label", "the mapping does not say what this label means", "add the value to label.fraud, label.genuine or label.unlabelled"
    ),
    Problem.KNOWN_UNREADABLE: Explanation(
        "label.known", "this is no time between 1970 and 2199", "set label.known_format to how these times are written"
    ),
    Problem.PLACE_UNREADABLE: Explanation(
        "place.latitude", "these are no degrees of latitude (-90 … 90) and longitude (-180 … 180)", "map the right columns, or leave them out"
    ),
    Problem.EXTRA_NOT_A_NUMBER: Explanation("extra", "the value is not a number", 'set kind = "word" for a column of words'),
}  # fmt: skip


def sift(shaped: pl.DataFrame, raw: pl.DataFrame, mapping: HistoryMapping) -> tuple[pl.DataFrame, dict[str, int]]:
    """The rows that can be read, and how many cannot, by problem.

    :param shaped: with ``row`` (from 0) and ``problem`` (null = none).
    :param raw: the file's columns, for the error's value.
    :raises BadFile: for the first bad row, where the mapping says to stop; and where no row is left.
    """
    bad = shaped.filter(pl.col("problem").is_not_null())
    if bad.height and mapping.rows.on_bad_row is OnBadRow.STOP:
        raise BadFile(_describe(Problem(bad["problem"][0]), bad["row"][0], raw, mapping, bad.height))
    if bad.height == shaped.height:
        raise BadFile("the file has no row that can be read; check that it is the right one, and its mapping")
    counted = bad.group_by("problem").agg(rows=pl.len(), first=pl.col("row").min()).sort("first")
    return shaped.filter(pl.col("problem").is_null()), dict(
        zip(counted["problem"].to_list(), counted["rows"].to_list(), strict=True)
    )


def _describe(problem: Problem, row: int, raw: pl.DataFrame, mapping: HistoryMapping, number: int) -> str:
    place, wrong, fix = EXPLANATIONS[problem]
    columns = [
        column
        for at, column in mapping.columns()
        if at == place or at.startswith(f"{place}.") or (place == "extra" and at.startswith("extra"))
    ]
    if problem is not Problem.KNOWN_UNREADABLE:
        columns = [column for column in columns if mapping.label is None or column != mapping.label.known]
    if place == "place.latitude" and mapping.place and mapping.place.longitude:
        columns.append(mapping.place.longitude)
    values = ", ".join(f"{column!r} = {raw[column][row]!r}" for column in dict.fromkeys(columns))
    return (
        f"row {row + 1:,}, column {values} ({place}): {wrong}; {fix}. "
        f'Bad rows: {number:,} of {raw.height:,}; rows.on_bad_row = "skip" leaves them out and counts them'
    )
