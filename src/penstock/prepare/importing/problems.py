"""Why a row cannot be a payment: the closed table, each with its fix."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Problem(StrEnum):
    """What is wrong with a row. When several things are, the first in this order is reported."""

    PAYER_MISSING = "payer_missing"
    PAYEE_MISSING = "payee_missing"
    AMOUNT_MISSING = "amount_missing"
    AMOUNT_NOT_A_NUMBER = "amount_not_a_number"
    AMOUNT_NOT_FINITE = "amount_not_finite"
    AMOUNT_NEGATIVE = "amount_negative"
    AMOUNT_TOO_FINE = "amount_too_fine"
    AMOUNT_ZERO = "amount_zero"
    AMOUNT_TOO_LARGE = "amount_too_large"
    CURRENCY_UNKNOWN = "currency_unknown"
    TYPE_UNKNOWN = "type_unknown"
    TIME_MISSING = "time_missing"
    TEXT_TOO_LONG = "text_too_long"
    ORIGIN_TOO_LONG = "origin_too_long"
    NULL_VALUE = "null_value"


class Explanation(NamedTuple):
    """The places of the mapping whose columns are at fault, what is wrong, and the fix."""

    place: str
    wrong: str
    fix: str


EXPLANATIONS: Final[dict[Problem, Explanation]] = {
    Problem.PAYER_MISSING: Explanation("payer.column", "the payer is missing", "fill it in"),
    Problem.PAYEE_MISSING: Explanation("payee.column", "the payee is missing", "fill it in"),
    Problem.AMOUNT_MISSING: Explanation("amount.column", "the amount is missing", "fill it in"),
    Problem.AMOUNT_NOT_A_NUMBER: Explanation(
        "amount.column", "the amount is not a number", "write it like 1234.50, without separators or currency signs"
    ),
    Problem.AMOUNT_NOT_FINITE: Explanation("amount.column", "the amount is infinite or NaN", "write a finite number"),
    Problem.AMOUNT_NEGATIVE: Explanation(
        "amount.column", "the amount is negative", "swap payer and payee, or leave the row out"
    ),
    Problem.AMOUNT_ZERO: Explanation("amount.column", "the amount is zero in minor units", "leave the row out"),
    Problem.AMOUNT_TOO_FINE: Explanation(
        "amount.column", "the amount has more digits than the currency", 'round it, or set amount.rounding = "half_up"'
    ),
    Problem.AMOUNT_TOO_LARGE: Explanation(
        "amount.column", "the amount is above the largest of one payment", "check amount.unit, or split the payment"
    ),
    Problem.CURRENCY_UNKNOWN: Explanation(
        "currency.column", "the currency is not one of the system's", "translate it in the table [currency.map]"
    ),
    Problem.TYPE_UNKNOWN: Explanation(
        "type.column", "the payment type is not one of the system's", "translate it in the table [type.map]"
    ),
    Problem.TIME_MISSING: Explanation(
        "time.column", "the time is missing or cannot be read", 'set time.format (such as "%d.%m.%Y %H:%M"), or rows.order = "file"'
    ),
    Problem.TEXT_TOO_LONG: Explanation(
        "reference.column", "reference and metadata are too long together", "map fewer or shorter columns"
    ),
    Problem.ORIGIN_TOO_LONG: Explanation(
        "instrument.column device.column network.column place.column category.column",
        "an instrument, device, network, place or category has more than 200 characters",
        "map another column",
    ),
    Problem.NULL_VALUE: Explanation("rows.not_null", "a column of rows.not_null is empty", "fill it in"),
}
