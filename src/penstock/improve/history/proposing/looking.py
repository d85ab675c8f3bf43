"""What a column holds: its kind, how many values, how many are missing, judged from rows spread over the file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import polars as pl

from penstock.improve.history.opening import names_of, open_file

#: How many rows, spread evenly over the file, columns are judged by.
SAMPLE_ROWS: Final = 100_000
#: Of a kind is a column of which so large a share of the values is.
_SHARE: Final = 0.999
#: Texts that mean: not known.
MISSING_WORDS: Final = (
    "null",
    "none",
    "nan",
    "na",
    "n/a",
    "\\n",
    "unknown",
    "undefined",
    "-",
    "--",
    "?",
    "未知",
    "无",
    "空",
)
#: Ways of writing times, after ISO 8601; the first that reads all values is taken.
FORMATS: Final = (
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y",
    "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y", "%d/%m/%Y",
    "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%m/%d/%y %H:%M", "%m/%d/%y",
    "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d-%m-%Y", "%d-%b-%Y %H:%M:%S", "%d-%b-%Y", "%d-%b-%y",
    "%Y%m%d%H%M%S", "%Y%m%d %H:%M:%S", "%Y%m%d", "%Y年%m月%d日 %H:%M:%S", "%Y年%m月%d日 %H时%M分%S秒", "%Y年%m月%d日",
)  # fmt: skip
_ISO: Final = r"^\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?)?$"
_IP: Final = r"^(\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F]{0,4}(:[0-9a-fA-F]{0,4}){3,7})$"
_HOUR: Final = r"^\d{1,2}:\d{2}(:\d{2})?$"
_SIGNS: Final = r"[$€£¥￥,\s]"


class Look(StrEnum):
    """The kind of a column's values."""

    EMPTY = "empty"
    TIME = "time"
    HOUR = "time of day"
    NETWORK = "network address"
    BOOLEAN = "yes or no"
    WHOLE = "whole number"
    NUMBER = "number"
    MONEY = "amount with signs"
    TEXT = "text"


@dataclass(frozen=True)
class Column:
    """What is known of one column, from the sample."""

    name: str
    look: Look
    rows: int
    filled: int  # values that are neither null nor empty
    distinct: int
    low: float | None = None
    high: float | None = None
    rising: bool = False  # numbers never fall from row to row
    format: str | None = None  # of times; None = ISO 8601 or a timestamp
    day_only: bool = False  # times without an hour
    values: tuple[str, ...] = ()  # all texts, the most frequent first, if there are no more than 50
    missing: tuple[str, ...] = ()  # texts that seem to mean: not known

    @property
    def is_constant(self) -> bool:
        """Whether it tells nothing."""
        return self.distinct == 0 or (self.distinct == 1 and self.filled == self.rows)

    @property
    def is_unique(self) -> bool:
        """Whether each row has a value of its own."""
        return self.filled > 20 and self.distinct == self.filled


def look_at(path: Path) -> tuple[list[Column], int]:
    """The columns of a file, and its number of rows.

    :raises BadFile: where it cannot be read.
    """
    frame = open_file(path)
    schema = names_of(frame, path)
    rows = int(frame.select(pl.len()).collect().item())
    sample = frame.gather_every(max(1, -(-rows // SAMPLE_ROWS))).collect(engine="streaming")
    return [_look(sample[name]) for name in schema.names()], rows


def _look(values: pl.Series) -> Column:
    if values.dtype.is_nested() or isinstance(values.dtype, pl.Binary | pl.Object):
        return Column(values.name, Look.EMPTY, len(values), 0, 0)
    texts = _trimmed(values)
    missing = _missing(texts)
    texts = texts.set(texts.str.to_lowercase().is_in([word.lower() for word in missing]), None) if missing else texts
    filled = texts.drop_nulls()
    counted = filled.value_counts(sort=True)
    known: dict[str, Any] = {"rows": len(values), "filled": len(filled), "distinct": counted.height, "missing": missing}
    if counted.height <= 50:
        known["values"] = tuple(counted.to_series(0).to_list())
    return _judge(values.name, values.dtype, filled, known)


def _trimmed(values: pl.Series) -> pl.Series:
    texts = values.cast(pl.String).str.strip_chars()
    if values.dtype.is_float():
        texts = texts.str.replace(r"\.0$", "").set(values.is_nan().fill_null(False), None)
    return texts.set(texts == "", None)


def _missing(texts: pl.Series) -> tuple[str, ...]:
    """The texts that seem to mean *not known*, as the file writes them."""
    if not isinstance(texts.dtype, pl.String):
        return ()
    found = texts.filter(texts.str.to_lowercase().is_in(list(MISSING_WORDS))).unique().drop_nulls()
    return tuple(sorted(found.to_list()))


def _judge(name: str, kind: pl.DataType, filled: pl.Series, known: dict[str, Any]) -> Column:
    if not len(filled):
        return Column(name, Look.EMPTY, **known)
    if isinstance(kind, pl.Boolean):
        return Column(name, Look.BOOLEAN, **known)
    if isinstance(kind, pl.Datetime | pl.Date):
        return Column(name, Look.TIME, **known, day_only=isinstance(kind, pl.Date))
    if _mostly(filled, lambda texts: texts.str.contains(_IP)):
        return Column(name, Look.NETWORK, **known)
    numbers = filled.cast(pl.Float64, strict=False)
    if numbers.null_count() <= (1 - _SHARE) * len(filled):
        return _number(name, filled, numbers, known)
    return _written(name, filled, known)


def _number(name: str, texts: pl.Series, numbers: pl.Series, known: dict[str, Any]) -> Column:
    format_ = _format(texts) if texts.str.len_chars().is_in([8, 14]).all() else None
    if format_ is not None:
        return Column(name, Look.TIME, **known, format=format_, day_only="%H" not in format_ and "%I" not in format_)
    numbers = numbers.drop_nulls()
    look = Look.WHOLE if bool((numbers == numbers.floor()).all()) else Look.NUMBER
    low, high = float(numbers.min()), float(numbers.max())  # type: ignore[arg-type]  # polars says: any Python value
    return Column(name, look, **known, low=low, high=high, rising=numbers.is_sorted())


def _written(name: str, filled: pl.Series, known: dict[str, Any]) -> Column:
    if _mostly(filled, lambda texts: texts.str.contains(_ISO)) and _format(filled, ("%Y-%m-%d",), 10):
        return Column(name, Look.TIME, **known, day_only=bool((filled.str.len_chars() == 10).all()))
    if _mostly(filled, lambda texts: texts.str.contains(_HOUR)):
        seconds = filled.str.count_matches(":").max() == 2
        return Column(name, Look.HOUR, **known, format="%H:%M:%S" if seconds else "%H:%M")
    format_ = _format(filled)
    if format_ is not None:
        return Column(name, Look.TIME, **known, format=format_, day_only="%H" not in format_ and "%I" not in format_)
    plain = filled.str.replace_all(_SIGNS, "").cast(pl.Float64, strict=False)
    if plain.null_count() <= (1 - _SHARE) * len(filled):
        return Column(name, Look.MONEY, **known, low=float(plain.min()), high=float(plain.max()))  # type: ignore[arg-type]  # as above
    return Column(name, Look.TEXT, **known)


def _format(texts: pl.Series, formats: tuple[str, ...] = FORMATS, characters: int | None = None) -> str | None:
    """The first way of writing times that reads every text, between 1970 and 2199."""
    tried = texts.unique().head(5_000)
    tried = tried if characters is None else tried.str.slice(0, characters)
    for format_ in formats:
        if "%H" in format_ or "%I" in format_:
            read = tried.str.to_datetime(format_, strict=False).dt.year()
        else:
            read = tried.str.to_date(format_, strict=False).dt.year()
        if not read.null_count() and bool(read.is_between(1970, 2199).all()):
            return format_
    return None


def _mostly(texts: pl.Series, check: Callable[[pl.Series], pl.Series]) -> bool:
    return float(check(texts).mean() or 0.0) >= _SHARE  # type: ignore[arg-type]  # of booleans it is a number
