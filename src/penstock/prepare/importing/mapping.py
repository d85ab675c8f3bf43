"""The mapping: a small TOML that says which column of a file means what. See docs/import.md."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from penstock.contracts.commands import PaymentType
from penstock.contracts.mapping import HISTORY_ONLY, BadMapping, parse, read_text
from penstock.contracts.money import BY_CODE, MAX_AMOUNT_MINOR

#: The fields of a payment that say by what it came.
ENTITIES: Final = ("instrument", "device", "network", "place", "category")
#: The payment types that a file may hold.
TYPES: Final = tuple(t.name.lower() for t in (PaymentType.TRANSFER, PaymentType.PURCHASE, PaymentType.BILL))


class Unit(StrEnum):
    """What the numbers of the amount column count."""

    MAJOR = "major"  # yuan, dollars
    MINOR = "minor"  # fen, cents


class Rounding(StrEnum):
    """What happens to digits finer than a minor unit."""

    HALF_UP = "half_up"  # to the nearest minor unit, halves away from zero
    HALF_EVEN = "half_even"  # to the nearest minor unit, halves to the even one
    EXACT = "exact"  # such a row is bad


class Funding(StrEnum):
    """How payers get the money that they will pay."""

    COVER = "cover"  # a deposit of exactly the sum of their payments in the file
    FIXED = "fixed"  # a deposit of `amount_minor` each
    NONE = "none"  # they have it already


class OnBadRow(StrEnum):
    """What happens when a row cannot be a payment."""

    STOP = "stop"  # nothing is sent
    SKIP = "skip"  # it is left out and counted


class Party(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The column that names a payer or payee.

    Equal texts under equal prefixes are the same customer, in both columns.
    """

    column: str
    tier: str = "basic"
    prefix: str = ""


class Amount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The amount column, its unit and rounding."""

    column: str
    unit: Unit = Unit.MAJOR
    rounding: Rounding = Rounding.HALF_UP


class Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A word that is the same in all rows, or is read from a column, translated by ``map`` if given."""

    constant: str | None = None
    column: str | None = None
    map: dict[str, str] = {}


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One column."""

    column: str


class Entity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By what the payments came: one column, or several that make one text together. Equal texts are the same thing."""

    column: str | list[str] | None = None

    @property
    def columns(self) -> list[str]:
        """The columns that make the text."""
        return [self.column] if isinstance(self.column, str) else self.column or []


class Time(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The time column. ``format`` (strftime) is needed only to sort texts that are not ISO 8601."""

    column: str
    format: str | None = None


class Money(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The funding of the payers."""

    mode: Funding = Funding.COVER
    amount_minor: int = 0


class Rows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which rows are taken, and in which order they are sent."""

    on_bad_row: OnBadRow = OnBadRow.STOP
    not_null: tuple[str, ...] = ()
    order: str = "file"  # file | time


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole mapping."""

    payer: Party
    payee: Party
    amount: Amount
    currency: Word = Word(constant="CNY")
    type: Word = Word(constant="transfer")
    time: Time | None = None
    instrument: Entity | None = None
    device: Entity | None = None
    network: Entity | None = None
    place: Entity | None = None
    category: Entity | None = None
    #: Texts of these five that mean: not known, besides the empty one.
    missing: list[str] = []
    reference: Column | None = None
    metadata: dict[str, str] = {}
    funding: Money = Money()
    rows: Rows = Rows()

    def canonical(self) -> bytes:
        """The same bytes for the same mapping, however its TOML is written."""
        return msgspec.json.encode(self, order="sorted")

    def entities(self) -> Iterator[tuple[str, Entity]]:
        """By what the payments came, as far as the file says: slot and columns."""
        for slot in ENTITIES:
            entity: Entity | None = getattr(self, slot)
            if entity is not None and entity.columns:
                yield slot, entity

    def columns(self) -> Iterator[tuple[str, str]]:
        """Each place of the mapping that names a column, and the column's name."""
        yield "payer.column", self.payer.column
        yield "payee.column", self.payee.column
        yield "amount.column", self.amount.column
        for place, word in (("currency.column", self.currency), ("type.column", self.type)):
            if word.column is not None:
                yield place, word.column
        if self.time is not None:
            yield "time.column", self.time.column
        if self.reference is not None:
            yield "reference.column", self.reference.column
        yield from ((f"{slot}.column", column) for slot, entity in self.entities() for column in entity.columns)
        yield from ((f"metadata.{name}", column) for name, column in self.metadata.items())
        yield from (("rows.not_null", column) for column in self.rows.not_null)


def read_mapping(path: Path) -> Mapping:
    """Read and check a mapping file.

    :raises BadMapping: with the place and the fix.
    """
    return load_mapping(read_text(path))


def load_mapping(text: str) -> Mapping:
    """Read and check a mapping written in TOML.

    :raises BadMapping: with the place and the fix.
    """
    mapping = parse(text, Mapping, HISTORY_ONLY, "docs/import.md")
    _check_word("currency", mapping.currency, tuple(BY_CODE))
    _check_word("type", mapping.type, TYPES)
    _check_funding(mapping.funding)
    if mapping.rows.order not in ("file", "time"):
        raise BadMapping(f"rows.order: {mapping.rows.order!r} is neither 'file' nor 'time'")
    if mapping.rows.order == "time" and mapping.time is None:
        raise BadMapping("rows.order: 'time' needs a time column; add a table [time] with column = \"…\"")
    for slot in ENTITIES:
        entity: Entity | None = getattr(mapping, slot)
        if slot != "place" and entity is not None and not entity.columns:  # a place may be coordinates alone
            raise BadMapping(f"{slot}.column: name the column, or leave the table out")
    for name in ("row", "time"):
        if name in mapping.metadata:
            raise BadMapping(f"metadata.{name}: the import writes this name itself; choose another name for the column")
    return mapping


def _check_word(place: str, word: Word, choices: tuple[str, ...]) -> None:
    if (word.constant is None) == (word.column is None):
        raise BadMapping(f"{place}: give either `constant` or `column`")
    if word.map and word.column is None:
        raise BadMapping(f"{place}.map: a map needs `column`")
    named = list(word.map.values()) if word.constant is None else [word.constant]
    for value in named:
        if value not in choices:
            raise BadMapping(f"{place}: {value!r} is not one of {', '.join(choices)}")


def _check_funding(funding: Money) -> None:
    if funding.mode is Funding.FIXED and not 0 < funding.amount_minor <= MAX_AMOUNT_MINOR:
        raise BadMapping(f"funding.amount_minor: mode 'fixed' needs an amount of 1 to {MAX_AMOUNT_MINOR} minor units")
    if funding.mode is not Funding.FIXED and funding.amount_minor:
        raise BadMapping(f'funding.amount_minor: mode {funding.mode.value!r} takes no amount; use mode = "fixed"')
