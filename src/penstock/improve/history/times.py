"""Moments: timestamps, epochs and steps become microseconds since 1970 UTC, and an hour and weekday on the spot."""

from __future__ import annotations

from typing import Final

import polars as pl

from penstock.improve.history.mapping import HistoryMapping, Time, TimeUnit

#: Moments outside of 1970 … 2199 are a wrong unit or format rather than a payment.
LATEST_US: Final = 7_258_118_400_000_000
DAY_US: Final = 86_400_000_000
_PER_UNIT_US: Final = {TimeUnit.SECONDS: 1_000_000, TimeUnit.MILLISECONDS: 1_000, TimeUnit.MICROSECONDS: 1}
_ISO: Final = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_WITH_OFFSET: Final = ("%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M%#z")
_HOURS: Final = ("%H", "%I", "%T", "%R", "%X", "%c", "%s", "%+", "%k", "%l", "%r")


def moments_us(values: pl.Series, mapping: HistoryMapping, format_: str | None = None) -> pl.Series:
    """Microseconds since 1970 UTC as int64 (n,); null where a value is no moment.

    A local time that a clock shows twice is the earlier one; one that it skips is as long after the change as it says.

    :param format_: instead of the time column's own.
    """
    time = mapping.time
    zone, kind = time.zone or "UTC", values.dtype
    if time.unit is not TimeUnit.TIMESTAMP:
        return _within(_select(values, _counted(pl.col("value"), mapping)))
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        return _within(values.dt.epoch("us"))
    if isinstance(kind, pl.Datetime | pl.Date):
        return _within(_in_zone(values.cast(pl.Datetime("us")), zone))
    return _within(_parsed(values.cast(pl.String).str.strip_chars(), format_ or time.format, zone))


def are_days(values: pl.Series, mapping: HistoryMapping, format_: str | None = None) -> pl.Series:
    """Whether each value names a day without an hour, (n,)."""
    time, kind = mapping.time, values.dtype
    chosen = format_ or time.format
    if time.unit is TimeUnit.TIMESTAMP and chosen is None and isinstance(kind, pl.String):
        return values.str.strip_chars().str.contains(r"^\d{4}-\d{2}-\d{2}$").fill_null(False)
    by_format = chosen is not None and not any(hour in chosen for hour in _HOURS)
    day = (
        time.unit is TimeUnit.TIMESTAMP
        and not isinstance(kind, pl.Datetime)
        and (isinstance(kind, pl.Date) or by_format)
    )
    return pl.repeat(day, len(values), dtype=pl.Boolean, eager=True)


def ends_of_days(moments: pl.Series, zone: str | None) -> pl.Series:
    """The end of each day that begins at a moment, on the spot; µs (n,)."""
    local = pl.from_epoch(moments, "us").dt.replace_time_zone("UTC").dt.convert_time_zone(zone or "UTC")
    return local.dt.offset_by("1d").dt.epoch("us")


def second_of_day(moment: pl.Expr, mapping: HistoryMapping, day_only: pl.Expr) -> pl.Expr:
    """Seconds since local midnight; -1 where there is no clock or only a day."""
    local = _local(moment, mapping.time)
    seconds = local.dt.hour().cast(pl.Int64) * 3_600 + local.dt.minute().cast(pl.Int64) * 60 + local.dt.second()
    return pl.when(day_only).then(-1).otherwise(seconds) if mapping.has_clock else pl.lit(-1, pl.Int64)


def weekday(moment: pl.Expr, mapping: HistoryMapping) -> pl.Expr:
    """Local day of the week, 0 = Monday; -1 where there is no clock."""
    return _local(moment, mapping.time).dt.weekday().cast(pl.Int64) - 1 if mapping.has_clock else pl.lit(-1, pl.Int64)


def _local(moment: pl.Expr, time: Time) -> pl.Expr:
    return pl.from_epoch(moment, "us").dt.replace_time_zone("UTC").dt.convert_time_zone(time.zone or "UTC")


def _counted(value: pl.Expr, mapping: HistoryMapping) -> pl.Expr:
    """Numbers: whole ones exactly, others as float64."""
    whole, broken = value.cast(pl.Int64, strict=False), value.cast(pl.Float64, strict=False)
    unit = mapping.time.unit
    if unit is TimeUnit.NANOSECONDS:
        return pl.coalesce(whole // 1_000, (broken / 1_000).round().cast(pl.Int64, strict=False))
    length = mapping.step_us if unit is TimeUnit.STEP else _PER_UNIT_US[unit]
    is_whole = broken == broken.floor()
    # Whole numbers too large to multiply would wrap; they are out of range as floats.
    exact = pl.when(is_whole & (broken.abs() * length < 2.0**62)).then(whole * length)
    return pl.coalesce(exact, (broken * length).round().cast(pl.Int64, strict=False))


def _within(moments: pl.Series) -> pl.Series:
    return moments.set((moments < 0) | (moments >= LATEST_US), None)


def _in_zone(moments: pl.Series, zone: str) -> pl.Series:
    """Local times as microseconds."""
    if zone == "UTC":
        return moments.dt.epoch("us")
    plain = moments.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    if plain.null_count() > moments.null_count():
        # Clocks skip half an hour or an hour; an hour before, the old offset is in force.
        early = moments.dt.offset_by("-1h").dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        plain = _filled(plain, early.dt.offset_by("1h"))
    return plain.dt.epoch("us")


def _parsed(text: pl.Series, format_: str | None, zone: str) -> pl.Series:
    if format_ is not None:
        return _in_format(text, format_, zone)
    plain = text.str.replace("T", " ", literal=True)
    found = pl.repeat(None, len(text), dtype=pl.Int64, eager=True)
    for iso in (*_ISO, *_WITH_OFFSET):
        if found.null_count() == text.null_count():
            break
        if iso in _WITH_OFFSET:
            plain = plain.str.replace("Z$", "+00:00").str.replace(r"\s+([+-]\d\d:?\d\d)$", "${1}")
        found = _filled(found, _in_format(plain, iso, zone))
    return found


def _in_format(text: pl.Series, format_: str, zone: str) -> pl.Series:
    if any(offset in format_ for offset in ("%z", "%:z", "%#z", "%+")):
        return text.str.to_datetime(format_, time_unit="us", time_zone="UTC", strict=False).dt.epoch("us")
    if not any(hour in format_ for hour in _HOURS):
        return _in_zone(text.str.to_date(format_, strict=False).cast(pl.Datetime("us")), zone)
    return _in_zone(text.str.to_datetime(format_, time_unit="us", strict=False), zone)


def _filled(first: pl.Series, second: pl.Series) -> pl.Series:
    return pl.select(pl.coalesce(first, second)).to_series()


def _select(values: pl.Series, expression: pl.Expr) -> pl.Series:
    return values.alias("value").to_frame().select(expression).to_series()
