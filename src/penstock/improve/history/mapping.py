"""The mapping of a history: which column of a file means what. See docs/mapping.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from penstock.contracts.commands import PaymentType
from penstock.contracts.features import EXTRAS
from penstock.contracts.mapping import IMPORT_ONLY, BadMapping, parse, read_text
from penstock.contracts.money import BY_CODE

__all__ = ["BadMapping", "HistoryMapping", "load_mapping", "parse_mapping"]

#: The payment types to which a file's words may be mapped.
TYPES: Final = {t.name.lower(): int(t) for t in PaymentType if t is not PaymentType.ANY}
#: Maturity where the mapping gives neither it nor a delay of the labels.
DEFAULT_MATURITY_DAYS: Final = 30.0
SECONDS_PER_DAY: Final = 86_400
_MOST_DAYS: Final = 3_650.0
_PAGE: Final = "docs/mapping.md"
_WHOLE: Final = re.compile(r"^(-?\d+)\.0+$")

#: One column, or several that make one value together.
Columns = str | list[str]
Value = str | bool | int | float


class Unit(StrEnum):
    """What the numbers of the amount column count."""

    MAJOR = "major"  # yuan, dollars
    MINOR = "minor"  # fen, cents


class Negative(StrEnum):
    """What a negative amount is."""

    BAD = "bad"  # a bad row
    ABSOLUTE = "absolute"  # its amount without the sign


class Rounding(StrEnum):
    """What happens to digits finer than a minor unit; the same words as an import's."""

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    EXACT = "exact"  # such a row is bad


class TimeUnit(StrEnum):
    """What the time column holds."""

    TIMESTAMP = "timestamp"  # text or timestamps
    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"
    STEP = "step"  # ordinal numbers


class OnBadRow(StrEnum):
    """What happens to a row that cannot be read."""

    STOP = "stop"  # nothing is read; the error names the first
    SKIP = "skip"  # it is left out and counted


class ExtraKind(StrEnum):
    """What an extra column holds."""

    NUMBER = "number"
    WORD = "word"  # becomes a stable number


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the mapping: a word that it does not know is an error."""


class Entity(_Table, frozen=True):
    """Who or what took part: equal texts in the column are the same one."""

    column: Columns


class Party(Entity, frozen=True):
    """Payer or payee. Equal texts under equal prefixes are the same party, in both columns."""

    prefix: str = ""


class Place(_Table, frozen=True):
    """Where: a terminal or location, and its coordinates in degrees."""

    column: Columns | None = None
    latitude: str | None = None
    longitude: str | None = None


class Time(_Table, frozen=True):
    """When. ``step_seconds`` and ``clock`` are for ``unit = "step"``."""

    column: Columns
    unit: TimeUnit = TimeUnit.TIMESTAMP
    format: str | None = None  # strftime; ISO 8601 without it
    zone: str | None = None  # of times without an offset, and of hour and weekday; UTC without it
    step_seconds: float | None = None
    clock: bool | None = None  # hours and weekdays mean something; without it: all but steps


class Amount(_Table, frozen=True):
    """The amount."""

    column: str
    unit: Unit = Unit.MAJOR
    rounding: Rounding = Rounding.HALF_UP
    negative: Negative = Negative.BAD
    strip: str = ""  # characters that are no part of the number, such as "$,"


class Currency(_Table, frozen=True):
    """The currency, which says how many digits a minor unit has; CNY without it."""

    constant: str | None = None
    column: str | None = None
    map: dict[str, str] = {}


class Kind(_Table, frozen=True):
    """The payment type. Words become types by ``map``, others numbers of their own, in the order of ``words``."""

    constant: str | None = None
    column: str | None = None
    map: dict[str, str] = {}
    words: list[str] = []


class Words(_Table, frozen=True):
    """A column of words, numbered in the order of ``words``."""

    column: str
    words: list[str] = []


class Outcome(_Table, frozen=True):
    """Which values say that history declined the payment."""

    column: str
    declined: list[Value]


class Label(_Table, frozen=True):
    """Which values say fraud, genuine and unlabelled, and when it is known.

    At most one of ``delay_*``; ``known`` is a column with the time, read as the time column is.
    """

    column: str
    fraud: list[Value]
    genuine: list[Value]
    unlabelled: list[Value] = []
    known: str | None = None
    known_format: str | None = None
    delay_days: float | None = None
    delay_hours: float | None = None
    delay_steps: float | None = None
    maturity_days: float | None = None
    maturity_hours: float | None = None
    maturity_steps: float | None = None


class Extra(_Table, frozen=True):
    """One more column for the model."""

    column: str
    kind: ExtraKind = ExtraKind.NUMBER
    name: str | None = None  # the column's without it


class Rows(_Table, frozen=True):
    """Which rows are taken."""

    on_bad_row: OnBadRow = OnBadRow.STOP
    not_null: list[str] = []


class HistoryMapping(_Table, frozen=True):
    """The whole mapping of a history."""

    time: Time
    payer: Party
    amount: Amount
    payee: Party | None = None
    instrument: Entity | None = None
    device: Entity | None = None
    network: Entity | None = None
    place: Place | None = None
    channel: Words | None = None
    type: Kind | None = None
    category: Entity | None = None
    currency: Currency = Currency(constant="CNY")
    outcome: Outcome | None = None
    label: Label | None = None
    fraud_type: Words | None = None
    intent: Entity | None = None
    extra: list[Extra] = []
    missing: list[str] = []  # texts that mean: not known, besides the empty one
    rows: Rows = Rows()

    @property
    def step_us(self) -> int:
        """How long a step is, in µs; of a day where there are no steps."""
        seconds = self.time.step_seconds if self.time.step_seconds is not None else float(SECONDS_PER_DAY)
        return round(seconds * 1_000_000)

    @property
    def has_clock(self) -> bool:
        """Whether hours and weekdays mean something."""
        return self.time.unit is not TimeUnit.STEP if self.time.clock is None else self.time.clock

    @property
    def delay_us(self) -> int | None:
        """How long after a payment its label is known, in µs; None = the mapping gives no delay."""
        return None if self.label is None else self._span_us("delay", self.label)

    @property
    def maturity_us(self) -> int:
        """How long after a payment without a fraud label it is known to be genuine, in µs."""
        given = None if self.label is None else self._span_us("maturity", self.label)
        if given is None:
            given = self.delay_us
        return round(DEFAULT_MATURITY_DAYS * SECONDS_PER_DAY * 1_000_000) if given is None else given

    def _span_us(self, name: str, label: Label) -> int | None:
        lengths = {"days": SECONDS_PER_DAY * 1_000_000, "hours": 3_600_000_000, "steps": self.step_us}
        given = {unit: getattr(label, f"{name}_{unit}") for unit in lengths}
        return next((round(value * lengths[unit]) for unit, value in given.items() if value is not None), None)

    def columns(self) -> Iterator[tuple[str, str]]:
        """Each place of the mapping that names a column, and the column's name."""
        for slot in self.__struct_fields__:
            table = getattr(self, slot)
            if isinstance(table, _Table):
                yield from _columns_of(slot, table)
        for number, extra in enumerate(self.extra, 1):
            yield f"extra {number}", extra.column
        yield from (("rows.not_null", column) for column in self.rows.not_null)


def _columns_of(slot: str, table: _Table) -> Iterator[tuple[str, str]]:
    for key in ("column", "latitude", "longitude", "known"):
        value = getattr(table, key, None)
        for column in [value] if isinstance(value, str) else value or ():
            yield f"{slot}.{key}", column


def load_mapping(path: Path) -> HistoryMapping:
    """Read and check a mapping file.

    :raises BadMapping: with the place and the fix.
    """
    return parse_mapping(read_text(path))


def parse_mapping(text: str) -> HistoryMapping:
    """Read and check a mapping written in TOML.

    :raises BadMapping: with the place and the fix.
    """
    mapping = parse(text, HistoryMapping, IMPORT_ONLY, _PAGE)
    for check in (_check_time, _check_words, _check_place, _check_label, _check_extras):
        check(mapping)
    return mapping


def _check_time(mapping: HistoryMapping) -> None:
    time = mapping.time
    stepping = time.unit is TimeUnit.STEP
    if stepping and not (time.step_seconds and 0 < time.step_seconds <= 366 * SECONDS_PER_DAY):
        raise BadMapping(
            'time.step_seconds: unit "step" needs the length of a step in seconds, such as step_seconds = 3600'
        )
    if not stepping and time.step_seconds is not None:
        raise BadMapping('time.step_seconds: only unit = "step" has steps; leave it out or set the unit')
    if time.format is not None and time.unit is not TimeUnit.TIMESTAMP:
        raise BadMapping(f'time.format: unit "{time.unit}" is a number and has no format; leave it out')
    if time.zone is not None:
        try:
            ZoneInfo(time.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise BadMapping(f"time.zone: {time.zone!r} is no time zone; use a name such as Asia/Shanghai") from error


def _check_words(mapping: HistoryMapping) -> None:
    currency, kind = mapping.currency, mapping.type
    for place, word in (("currency", currency), ("type", kind)):
        if word is not None and (word.constant is None) == (word.column is None):
            raise BadMapping(f"{place}: give either `constant` or `column`")
    named = [*currency.map.values(), *([currency.constant] if currency.constant else [])]
    for value in named:
        if value not in BY_CODE:
            raise BadMapping(f"currency: {value!r} is not one of {', '.join(BY_CODE)}; map words to them")
    for value in () if kind is None else [*kind.map.values(), *([kind.constant] if kind.constant else [])]:
        if value not in TYPES:
            raise BadMapping(f"type: {value!r} is not one of {', '.join(TYPES)}; leave a word out to keep it as it is")
    for place, words in (("type", kind), ("channel", mapping.channel), ("fraud_type", mapping.fraud_type)):
        if words is not None and (len(words.words) != len(set(words.words)) or len(words.words) > 900):
            raise BadMapping(f"{place}.words: words are numbered by their place; give each once, and at most 900")


def _check_place(mapping: HistoryMapping) -> None:
    place = mapping.place
    if place is None:
        return
    if (place.latitude is None) != (place.longitude is None):
        raise BadMapping("place: latitude and longitude go together; give both columns or none")
    if place.column is None and place.latitude is None:
        raise BadMapping("place: give `column`, or `latitude` and `longitude`, or leave the table out")


def _check_label(mapping: HistoryMapping) -> None:
    label = mapping.label
    if label is None:
        return
    for name in ("delay", "maturity"):
        given = {f"{name}_{unit}": getattr(label, f"{name}_{unit}") for unit in ("days", "hours", "steps")}
        chosen = {key: value for key, value in given.items() if value is not None}
        if len(chosen) > 1:
            raise BadMapping(f"label: {' and '.join(chosen)} say the same; keep one")
        if f"{name}_steps" in chosen and mapping.time.unit is not TimeUnit.STEP:
            raise BadMapping(f'label.{name}_steps: the time has no steps; use {name}_days, or set time.unit = "step"')
        _check_span(name, chosen, mapping)
    meanings = [canonical(value) for value in (*label.fraud, *label.genuine, *label.unlabelled)]
    twice = sorted({value for value in meanings if meanings.count(value) > 1})
    if twice:
        raise BadMapping(f"label: {twice[0]!r} is given twice; a value is fraud, genuine or unlabelled")
    if not label.fraud:
        raise BadMapping("label.fraud: name at least one value that means fraud, or leave the table out")


def _check_span(name: str, chosen: dict[str, float], mapping: HistoryMapping) -> None:
    lengths = {"days": 1.0, "hours": 1 / 24, "steps": mapping.step_us / 1e6 / SECONDS_PER_DAY}
    for key, value in chosen.items():
        if not 0 <= value * lengths[key.removeprefix(f"{name}_")] <= _MOST_DAYS:
            raise BadMapping(f"label.{key}: {value} is not between 0 and {_MOST_DAYS:,.0f} days")


def _check_extras(mapping: HistoryMapping) -> None:
    if len(mapping.extra) > EXTRAS:
        raise BadMapping(
            f"extra: a payment has room for {EXTRAS} extra columns; leave {len(mapping.extra) - EXTRAS} out"
        )


def canonical(value: Value) -> str:
    """The text by which values of labels and outcomes are compared: ``1``, ``1.0`` and ``"1"`` are the same."""
    text = str(value).strip().lower()
    return _WHOLE.sub(r"\1", text)
