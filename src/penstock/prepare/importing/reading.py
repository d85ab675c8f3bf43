"""Read a file of payments lazily and bring it to one shape, whatever its columns are called.

The shape: ``row`` int64 (from 1, header not counted), ``payer`` and ``payee`` text with prefix,
``amount_minor`` int64, ``currency`` and ``type`` text, ``reference`` text or null, ``metadata``
and ``origin`` structs of texts or nulls, ``problem`` text (null = the row is a payment).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from penstock.contracts.money import CURRENCIES, MAX_AMOUNT_MINOR
from penstock.prepare.importing.mapping import ENTITIES, TYPES, Entity, Mapping, OnBadRow, Party, Rounding, Unit, Word
from penstock.prepare.importing.problems import EXPLANATIONS, Problem

_NUMBERS: Final = (pl.Decimal, pl.String)
_TIMES: Final = (pl.Datetime, pl.Date, pl.String)
#: Binary noise of a float amount (13.74 x 100 = 1374.0000000000002) vanishes when rounded to so many digits.
_NOISE_DIGITS: Final = 6
#: What the API takes by default: JSON bytes of reference and metadata, and characters of a reference.
_TEXT_BYTES: Final = 1_024
_REFERENCE_CHARACTERS: Final = 140
_ORIGIN_CHARACTERS: Final = 200


class BadFile(ValueError):
    """The file does not fit the mapping; the message names column, row where there is one, and fix."""


def scan(path: Path) -> pl.LazyFrame:
    """Open a CSV or Parquet file without reading it. CSV columns are text, so ids keep leading zeros.

    :raises BadFile: for a missing file or another ending.
    """
    if not path.is_file():
        raise BadFile(f"{path}: there is no such file; check the path")
    ending = path.suffix.lower()
    if ending == ".csv":
        return pl.scan_csv(path, infer_schema=False)
    if ending in (".parquet", ".pq"):
        return pl.scan_parquet(path)
    raise BadFile(f"{path}: the ending {ending!r} is not known; use .csv or .parquet")


def normalise(frame: pl.LazyFrame, mapping: Mapping) -> pl.LazyFrame:
    """Bring the file to the shape of this module, in the order in which rows are sent.

    :raises BadFile: when a mapped column is missing or of a type that cannot be used.
    """
    _check_columns(frame.collect_schema(), mapping)
    currency, kind = _word(mapping.currency), _word(mapping.type)
    numbered = frame.with_row_index("__row", offset=1)
    scaled = _scaled(mapping, currency)
    when = _when(mapping, frame.collect_schema())
    shaped = numbered.select(
        pl.col("__row").cast(pl.Int64).alias("row"),
        _party(mapping.payer).alias("payer"),
        _party(mapping.payee).alias("payee"),
        _rounded(scaled, mapping).cast(pl.Int64, strict=False).alias("amount_minor"),
        currency.alias("currency"),
        kind.alias("type"),
        _text(mapping.reference.column).alias("reference") if mapping.reference else pl.lit(None, pl.String).alias("reference"),
        _metadata(mapping).alias("metadata"),
        _origin(mapping).alias("origin"),
        when.alias("when"),
        _problem(mapping, scaled, currency, kind, when).alias("problem"),
    )
    return (shaped.sort("when", "row", nulls_last=True) if mapping.rows.order == "time" else shaped).drop("when")


def check_rows(rows: pl.LazyFrame, mapping: Mapping) -> dict[str, int]:
    """Count the rows that cannot be payments, by problem.

    :raises BadFile: for the first of them, if the mapping says to stop.
    """
    bad = rows.filter(pl.col("problem").is_not_null())
    counted = bad.group_by("problem").agg(pl.len().alias("rows"), pl.col("row").min()).sort("row").collect(engine="streaming")
    if counted.height and mapping.rows.on_bad_row is OnBadRow.STOP:
        raise BadFile(_describe(Problem(counted["problem"][0]), counted["row"][0], mapping))
    return dict(zip(counted["problem"].to_list(), counted["rows"].to_list(), strict=True))


def _describe(problem: Problem, row: int, mapping: Mapping) -> str:
    place, wrong, fix = EXPLANATIONS[problem]
    columns = ", ".join(repr(column) for at, column in mapping.columns() if at in place.split()) or "none"
    return f'row {row}, column {columns} ({place}): {wrong}; {fix}, or set rows.on_bad_row = "skip" to leave such rows out'


def _check_columns(schema: pl.Schema, mapping: Mapping) -> None:
    for place, column in mapping.columns():
        if column not in schema:
            raise BadFile(f"column {column!r} ({place}) is not in the file; it has {', '.join(map(repr, schema.names()))}")
    amount = schema[mapping.amount.column]
    if not (amount.is_numeric() or isinstance(amount, _NUMBERS)):
        raise BadFile(f"column {mapping.amount.column!r} (amount.column) is {amount}, not a number; map another column")
    if mapping.time and not (schema[mapping.time.column].is_numeric() or isinstance(schema[mapping.time.column], _TIMES)):
        raise BadFile(f"column {mapping.time.column!r} (time.column) is {schema[mapping.time.column]}, not a time; map another column")
    for place, column in mapping.columns():
        if schema[column].is_nested() or isinstance(schema[column], pl.Binary | pl.Object):
            raise BadFile(f"column {column!r} ({place}) is {schema[column]}, not a single value; map another column")


def _text(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String)


def _party(party: Party) -> pl.Expr:
    label = _text(party.column)
    filled = pl.when(label.str.strip_chars() != "").then(label)
    return pl.concat_str(pl.lit(f"{party.prefix}:"), filled) if party.prefix else filled


def _word(word: Word) -> pl.Expr:
    if word.column is None:
        return pl.lit(word.constant, pl.String)
    value = _text(word.column)
    return value.replace_strict(word.map, default=value, return_dtype=pl.String) if word.map else value


def _scaled(mapping: Mapping, currency: pl.Expr) -> pl.Expr:
    """The amount in minor units, unrounded, as float64; null where it is no number."""
    number = pl.col(mapping.amount.column).cast(pl.Float64, strict=False)
    if mapping.amount.unit is Unit.MINOR:
        return number
    factors = {c.code: 10.0**c.digits for c in CURRENCIES}
    return (number * currency.replace_strict(factors, default=1.0, return_dtype=pl.Float64)).round(_NOISE_DIGITS)


def _rounded(scaled: pl.Expr, mapping: Mapping) -> pl.Expr:
    even = mapping.amount.rounding is Rounding.HALF_EVEN
    return scaled.round(0, mode="half_to_even" if even else "half_away_from_zero")


def _when(mapping: Mapping, schema: pl.Schema) -> pl.Expr:
    """What rows are sorted by; null where the time cannot be read."""
    if mapping.rows.order != "time" or mapping.time is None:
        return pl.lit(0)
    column = pl.col(mapping.time.column)
    if not isinstance(schema[mapping.time.column], pl.String):
        return column.to_physical().cast(pl.Float64)
    if mapping.time.format:
        return _microseconds(column.str.to_datetime(mapping.time.format, strict=False))
    plain = column.str.replace("T", " ", literal=True)
    zoned = _microseconds(column.str.to_datetime("%+", strict=False))
    return pl.coalesce(
        column.cast(pl.Float64, strict=False), zoned,
        *(_microseconds(plain.str.to_datetime(f, strict=False)) for f in ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")),
    )  # fmt: skip


def _microseconds(time: pl.Expr) -> pl.Expr:
    return time.dt.epoch("us").cast(pl.Float64)


def _metadata(mapping: Mapping) -> pl.Expr:
    fields = {"row": _row_text(), **{name: _text(column) for name, column in mapping.metadata.items()}}
    if mapping.time:
        fields["time"] = _text(mapping.time.column)
    return pl.struct([text.alias(name) for name, text in fields.items()])


def _origin(mapping: Mapping) -> pl.Expr:
    """By what each payment came: a struct of the five texts, null where the file does not say."""
    known = {slot: _entity(entity, mapping.missing) for slot, entity in mapping.entities()}
    return pl.struct([known.get(slot, pl.lit(None, pl.String)).alias(slot) for slot in ENTITIES])


def _entity(entity: Entity, missing: list[str]) -> pl.Expr:
    """The text of an entity; a part that is missing makes all of it missing."""
    parts = [_text(column).str.strip_chars() for column in entity.columns]
    known = [pl.when(~part.is_in(["", *missing])).then(part) for part in parts]
    return known[0] if len(known) == 1 else pl.concat_str(*known, separator="|")


def _origin_characters(mapping: Mapping) -> pl.Expr:
    """The length of the longest of the five texts."""
    lengths = [_entity(entity, mapping.missing).str.len_chars().fill_null(0) for _, entity in mapping.entities()]
    return pl.max_horizontal(lengths) if lengths else pl.lit(0)


def _text_bytes(mapping: Mapping) -> pl.Expr:
    """The most that reference and metadata can take as JSON; a reference above 140 characters counts as too much."""
    columns = {**mapping.metadata, **({"time": mapping.time.column} if mapping.time else {})}
    total = pl.lit(len('{"metadata":{"row":""},"reference":""}') + 20 + sum(len(name.encode()) + 6 for name in columns))
    for column in columns.values():
        total = total + _text(column).str.len_bytes().fill_null(0)
    if mapping.reference:
        reference = _text(mapping.reference.column)
        too_long = reference.str.len_chars().fill_null(0) > _REFERENCE_CHARACTERS
        total = total + reference.str.len_bytes().fill_null(0) + pl.when(too_long).then(_TEXT_BYTES).otherwise(0)
    return total


def _row_text() -> pl.Expr:
    return pl.col("__row").cast(pl.String)


def _problem(mapping: Mapping, scaled: pl.Expr, currency: pl.Expr, kind: pl.Expr, when: pl.Expr) -> pl.Expr:
    raw, rounded = pl.col(mapping.amount.column), _rounded(scaled, mapping)
    too_fine = (scaled != rounded) if mapping.amount.rounding is Rounding.EXACT else pl.lit(False)
    empty = [pl.col(column).is_null() for column in mapping.rows.not_null]
    checks = {
        Problem.PAYER_MISSING: _party(mapping.payer).is_null(),
        Problem.PAYEE_MISSING: _party(mapping.payee).is_null(),
        Problem.AMOUNT_MISSING: raw.is_null(),
        Problem.AMOUNT_NOT_A_NUMBER: scaled.is_null(),
        Problem.AMOUNT_NOT_FINITE: ~scaled.is_finite(),
        Problem.AMOUNT_NEGATIVE: scaled < 0,
        Problem.AMOUNT_TOO_FINE: too_fine,
        Problem.AMOUNT_ZERO: rounded == 0,
        Problem.AMOUNT_TOO_LARGE: rounded > MAX_AMOUNT_MINOR,
        Problem.CURRENCY_UNKNOWN: currency.is_null() | ~currency.is_in([c.code for c in CURRENCIES]),
        Problem.TYPE_UNKNOWN: kind.is_null() | ~kind.is_in(list(TYPES)),
        Problem.TIME_MISSING: when.is_null(),
        Problem.TEXT_TOO_LONG: _text_bytes(mapping) > _TEXT_BYTES,
        Problem.ORIGIN_TOO_LONG: _origin_characters(mapping) > _ORIGIN_CHARACTERS,
        Problem.NULL_VALUE: pl.any_horizontal(empty) if empty else pl.lit(False),
    }
    found = pl.lit(None, pl.String)
    for problem, is_so in reversed(checks.items()):
        found = pl.when(is_so).then(pl.lit(problem.value)).otherwise(found)
    return found
