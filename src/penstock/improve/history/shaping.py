"""Bring a file to one shape, whatever its columns are called: numbers, times and labels checked, names still texts."""

from __future__ import annotations

from typing import Final

import polars as pl

from penstock.contracts.money import BY_CODE, CURRENCIES, MAX_AMOUNT_MINOR
from penstock.improve.history import times
from penstock.improve.history.columns import FRAUD, GENUINE, NEVER_KNOWN, NO_PLACE, UNLABELLED
from penstock.improve.history.mapping import (
    Columns,
    ExtraKind,
    HistoryMapping,
    Negative,
    Rounding,
    TimeUnit,
    Unit,
    canonical,
)
from penstock.improve.history.problems import Problem

#: Binary noise of a float amount (13.74 x 100 = 1374.0000000000002) vanishes when rounded to so many digits.
_NOISE_DIGITS: Final = 6
#: Slots whose names are numbered by their first payment.
ENTITIES: Final = ("payer", "payee", "instrument", "device", "network", "place", "category", "intent")
#: Slots whose words keep their number from file to file.
WORDS: Final = ("type", "channel", "fraud_type")


def shape(raw: pl.DataFrame, mapping: HistoryMapping) -> pl.DataFrame:
    """One row for each of the file's, in its order.

    Columns: ``row`` from 0; ``time_us``, ``second_of_day``, ``weekday``, ``amount_minor``, ``label``, ``known_us``,
    ``latitude_e4``, ``longitude_e4`` and ``failed`` as in a history; ``ENTITIES`` and ``WORDS`` as texts, null where
    missing; ``extra 1`` … as float32 or text; ``problem``, null where the row can be read.
    """
    schema = raw.schema
    when = raw.select(_joined(mapping.time.column)).to_series()
    first = raw.select(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("row"),
        times.moments_us(when, mapping).alias("time_us"),
        times.are_days(when, mapping).alias("day only"),
        _amount(mapping, schema).alias("amount"),
        _label(mapping).alias("label"),
        _known(raw, mapping).alias("known"),
        *_texts(mapping, schema),
        *_place(mapping, schema),
        *_extras(mapping, schema),
        _failed(mapping).alias("failed"),
        *_given(mapping, schema),
    )
    found = first.with_columns(_problem(mapping).alias("problem"))
    return found.with_columns(
        times.second_of_day(pl.col("time_us"), mapping, pl.col("day only")).alias("second_of_day"),
        times.weekday(pl.col("time_us"), mapping).alias("weekday"),
        _rounded(pl.col("amount"), mapping).cast(pl.Int64, strict=False).alias("amount_minor"),
        _known_us(mapping).alias("known_us"),
        *(
            pl.when(pl.col("latitude").is_null() | pl.col("longitude").is_null()).then(NO_PLACE).otherwise((pl.col(name) * 10_000).round()).cast(pl.Int64, strict=False).alias(f"{name}_e4")
            for name in ("latitude", "longitude")
        ),
    )  # fmt: skip


def text_of(column: str, kind: pl.DataType, missing: list[str]) -> pl.Expr:
    """The trimmed text of a column, null where it is empty or one of ``missing``; whole floats are written whole."""
    text = pl.col(column).cast(pl.String).str.strip_chars()
    if kind.is_float():
        text = text.str.replace(r"\.0$", "")
        missing = ["NaN", *missing]
    return pl.when(~text.is_in(["", *missing])).then(text)


def label_text(column: str) -> pl.Expr:
    """The text by which values are compared, as ``mapping.canonical`` makes it; empty where it is null."""
    text = pl.col(column).cast(pl.String).str.strip_chars().str.to_lowercase()
    return text.str.replace(r"^(-?\d+)\.0+$", "${1}").fill_null("")


def _columns(column: Columns) -> list[str]:
    return [column] if isinstance(column, str) else column


def _kind(column: Columns, schema: pl.Schema) -> pl.DataType:
    return schema[column] if isinstance(column, str) else pl.String()


def _joined(column: Columns) -> pl.Expr:
    return pl.col(column) if isinstance(column, str) else pl.concat_str(*column, separator=" ")


def _text(column: Columns, schema: pl.Schema, missing: list[str]) -> pl.Expr:
    texts = [text_of(name, schema[name], missing) for name in _columns(column)]
    return texts[0] if len(texts) == 1 else pl.concat_str(*texts, separator="|")


def _texts(mapping: HistoryMapping, schema: pl.Schema) -> list[pl.Expr]:
    exprs = []
    for slot in (*ENTITIES, *WORDS):
        table = getattr(mapping, slot)
        column = None if table is None else table.column
        text = pl.lit(None, pl.String) if column is None else _text(column, schema, mapping.missing)
        prefix = getattr(table, "prefix", "")
        exprs.append((pl.concat_str(pl.lit(f"{prefix}:"), text) if prefix else text).alias(slot))
    return exprs


def _amount(mapping: HistoryMapping, schema: pl.Schema) -> pl.Expr:
    """The amount in minor units, unrounded, as float64; null where it is no number."""
    amount = mapping.amount
    value = pl.col(amount.column)
    if amount.strip and isinstance(schema[amount.column], pl.String):
        value = value.str.replace_many(list(amount.strip), [""] * len(amount.strip)).str.strip_chars()
    number = value.cast(pl.Float64, strict=False)
    number = pl.when(number.is_finite()).then(number.abs() if amount.negative is Negative.ABSOLUTE else number)
    if amount.unit is Unit.MINOR:
        return number
    factors = {currency.code: 10.0**currency.digits for currency in CURRENCIES}
    factor = _currency(mapping).replace_strict(factors, default=None, return_dtype=pl.Float64)
    return (number * factor).round(_NOISE_DIGITS)


def _rounded(amount: pl.Expr, mapping: HistoryMapping) -> pl.Expr:
    even = mapping.amount.rounding is Rounding.HALF_EVEN
    return amount.round(0, mode="half_to_even" if even else "half_away_from_zero")


def _currency(mapping: HistoryMapping) -> pl.Expr:
    currency = mapping.currency
    if currency.column is None:
        return pl.lit(currency.constant, pl.String)
    word = pl.col(currency.column).cast(pl.String).str.strip_chars()
    return word.replace(currency.map) if currency.map else word


def _label(mapping: HistoryMapping) -> pl.Expr:
    label = mapping.label
    if label is None:
        return pl.lit(UNLABELLED, pl.Int8)
    meanings = {canonical(value): meaning for meaning, values in
                ((FRAUD, label.fraud), (GENUINE, label.genuine), (UNLABELLED, label.unlabelled)) for value in values}  # fmt: skip
    return label_text(label.column).replace_strict(meanings, default=None, return_dtype=pl.Int8)


def _known(raw: pl.DataFrame, mapping: HistoryMapping) -> pl.Series:
    """When a label is known by its own column, in µs; of a day without an hour, the day's end."""
    if mapping.label is None or mapping.label.known is None:
        return pl.repeat(None, raw.height, dtype=pl.Int64, eager=True)
    column, format_ = mapping.label.known, mapping.label.known_format
    values = raw.select(_present(column, raw.schema[column], mapping)).to_series()
    moments = times.moments_us(values, mapping, format_)
    days = times.are_days(values, mapping, format_)
    return moments.zip_with(~days, times.ends_of_days(moments, mapping.time.zone))


def _present(column: str, kind: pl.DataType, mapping: HistoryMapping) -> pl.Expr:
    """The column, null where it says *missing*."""
    return pl.when(text_of(column, kind, mapping.missing).is_not_null()).then(pl.col(column))


def _known_us(mapping: HistoryMapping) -> pl.Expr:
    """When the label is known: by its column, else by the delay or the maturity, never before the payment."""
    delay = mapping.maturity_us if mapping.delay_us is None else mapping.delay_us
    after = pl.when(pl.col("label") == FRAUD).then(delay).otherwise(mapping.maturity_us)
    known = pl.max_horizontal(pl.coalesce(pl.col("known"), pl.col("time_us") + after), pl.col("time_us"))
    return pl.when(pl.col("label") == UNLABELLED).then(NEVER_KNOWN).otherwise(known)


def _failed(mapping: HistoryMapping) -> pl.Expr:
    if mapping.outcome is None:
        return pl.lit(False)
    return label_text(mapping.outcome.column).is_in([canonical(value) for value in mapping.outcome.declined])


def _place(mapping: HistoryMapping, schema: pl.Schema) -> list[pl.Expr]:
    place = mapping.place
    if place is None or place.latitude is None or place.longitude is None:
        return [pl.lit(None, pl.Float64).alias("latitude"), pl.lit(None, pl.Float64).alias("longitude")]
    return [
        _number(column, schema[column], mapping).alias(name)
        for name, column in (("latitude", place.latitude), ("longitude", place.longitude))
    ]


def _number(column: str, kind: pl.DataType, mapping: HistoryMapping) -> pl.Expr:
    return _present(column, kind, mapping).cast(pl.Float64, strict=False)


def _extras(mapping: HistoryMapping, schema: pl.Schema) -> list[pl.Expr]:
    return [
        (text_of(extra.column, schema[extra.column], mapping.missing) if extra.kind is ExtraKind.WORD
         else _number(extra.column, schema[extra.column], mapping)).alias(f"extra {number}")
        for number, extra in enumerate(mapping.extra, 1)
    ]  # fmt: skip


def _given(mapping: HistoryMapping, schema: pl.Schema) -> list[pl.Expr]:
    """Whether the file says something at all, for what is judged bad only if it does."""
    raw_time = pl.any_horizontal(pl.col(name).is_null() for name in _columns(mapping.time.column))
    known = pl.lit(False)
    if mapping.label is not None and mapping.label.known is not None:
        known = text_of(mapping.label.known, schema[mapping.label.known], mapping.missing).is_not_null()
    amount = text_of(mapping.amount.column, schema[mapping.amount.column], mapping.missing).is_not_null()
    numbers = [extra.column for extra in mapping.extra if extra.kind is ExtraKind.NUMBER]
    place = mapping.place
    degrees = [place.latitude, place.longitude] if place is not None and place.latitude and place.longitude else []

    def broken(columns: list[str]) -> pl.Expr:
        checks = [
            text_of(c, schema[c], mapping.missing).is_not_null() & _number(c, schema[c], mapping).is_null()
            for c in columns
        ]
        return pl.any_horizontal(checks) if checks else pl.lit(False)

    return [
        (~raw_time).alias("time given"), known.alias("known given"), amount.alias("amount given"),
        broken(numbers).alias("extra broken"), broken([c for c in degrees if c]).alias("place broken"),
        _currency(mapping).alias("currency"),
        (pl.any_horizontal(pl.col(name).is_null() for name in mapping.rows.not_null) if mapping.rows.not_null else pl.lit(False)).alias("null found"),
    ]  # fmt: skip


def _problem(mapping: HistoryMapping) -> pl.Expr:
    """The first problem of a shaped row, or null."""
    amount, rounded = pl.col("amount"), _rounded(pl.col("amount"), mapping)
    too_fine = (amount != rounded) if mapping.amount.rounding is Rounding.EXACT else pl.lit(False)
    far = (pl.col("latitude").abs() > 90) | (pl.col("longitude").abs() > 180)
    checks = {
        Problem.NULL_VALUE: pl.col("null found"),
        Problem.TIME_MISSING: ~pl.col("time given"),
        Problem.TIME_UNREADABLE: pl.col("time_us").is_null(),
        Problem.AMOUNT_MISSING: ~pl.col("amount given"),
        Problem.CURRENCY_UNKNOWN: ~pl.col("currency").is_in(list(BY_CODE)).fill_null(False),
        Problem.AMOUNT_NOT_A_NUMBER: amount.is_null(),
        Problem.AMOUNT_NEGATIVE: amount < 0,
        Problem.AMOUNT_TOO_FINE: too_fine,
        Problem.AMOUNT_TOO_LARGE: rounded > MAX_AMOUNT_MINOR,
        Problem.LABEL_UNKNOWN: pl.col("label").is_null(),
        Problem.KNOWN_UNREADABLE: pl.col("known given") & pl.col("known").is_null(),
        Problem.PLACE_UNREADABLE: pl.col("place broken") | far,
        Problem.EXTRA_NOT_A_NUMBER: pl.col("extra broken"),
    }
    found = pl.lit(None, pl.String)
    for problem, is_so in reversed(checks.items()):
        found = pl.when(is_so).then(pl.lit(problem.value)).otherwise(found)
    return found


def check_columns(schema: pl.Schema, mapping: HistoryMapping) -> str | None:
    """What is wrong with the file's columns, as a sentence with the fix; None = nothing."""
    for place, column in mapping.columns():
        if column not in schema:
            return f"column {column!r} ({place}) is not in the file; it has {', '.join(map(repr, schema.names()))}"
        if schema[column].is_nested() or isinstance(schema[column], pl.Binary | pl.Object | pl.Time | pl.Duration):
            return f"column {column!r} ({place}) is {schema[column]}, not a single value; map another column"
    time, amount = mapping.time, schema[mapping.amount.column]
    kind = _kind(time.column, schema)
    if time.unit is TimeUnit.TIMESTAMP and kind.is_numeric() and time.format is None:
        return f'column {time.column!r} (time.column) is {kind}; set time.unit to "s", "ms", "us", "ns" or "step", or time.format'
    if time.unit is not TimeUnit.TIMESTAMP and kind.is_temporal():
        return f'column {time.column!r} (time.column) is {kind}, not a number; leave out time.unit = "{time.unit}"'
    if amount.is_temporal() or isinstance(amount, pl.Boolean):
        return f"column {mapping.amount.column!r} (amount.column) is {amount}, not a number; map another column"
    return None
