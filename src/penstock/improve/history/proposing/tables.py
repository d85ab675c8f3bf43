"""The tables of a proposed mapping, each from the chosen column and what its values mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

from penstock.contracts.money import BY_CODE
from penstock.improve.history.mapping import SECONDS_PER_DAY, TYPES, TimeUnit, parse_mapping
from penstock.improve.history.proposing.choosing import Choice
from penstock.improve.history.proposing.delays import label_spans
from penstock.improve.history.proposing.looking import Column, Look
from penstock.improve.history.proposing.meanings import count_values, declined_values, label_meaning
from penstock.improve.history.proposing.naming import words_of
from penstock.improve.history.proposing.timing import time_of_numbers
from penstock.improve.history.proposing.writing import toml_table, toml_value

#: Words of public and of our own files that are a Penstock type.
_TYPES: Final = {
    "transfer": "transfer", "purchase": "purchase", "payment": "purchase", "bill": "bill", "withdrawal": "withdrawal", "cash_out": "withdrawal",
    "pos": "purchase", "转账": "transfer", "消费": "purchase", "缴费": "bill", "提现": "withdrawal", "取现": "withdrawal",
}  # fmt: skip
_MOST_WORDS: Final = 900
_MOST_EXTRAS: Final = 4
#: From more words than this on, a type is a category: numbers in an order that means nothing mislead a model.
_MANY_TYPES: Final = 10
#: Words in names of columns that may tell what happened after the payment, or who somebody is.
_NO_EXTRA: Final = frozenset(
    ("fraud", "flag", "flagged", "label", "new", "after", "post", "balance", "id", "name", "first", "last", "score", "num", "number",
     "street", "scenario", "predicted", "index")
)  # fmt: skip
_ABSOLUTE_FROM: Final = 0.2


@dataclass
class Draft:
    """A mapping proposed for a file, and what it rests on."""

    columns: list[Column]
    chosen: dict[str, Choice]
    rows: int
    doubts: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)  # column → why
    also: dict[str, str] = field(default_factory=dict)  # column → slot, besides the chosen
    tables: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The mapping as TOML."""
        return "\n".join(self.tables)

    def verdicts(self) -> Iterator[tuple[str, str, str, str, bool]]:
        """For each column of the file: name, slot (empty = left out), why, some values, and whether it is certain."""
        chosen = {choice.column.name: choice for choice in self.chosen.values()}
        for column in self.columns:
            choice = chosen.get(column.name)
            some = ", ".join(column.values[:4]) + (" …" if len(column.values) > 4 else "")
            values = some or f"{column.distinct:,} different"
            values += "" if column.filled == column.rows else f"; {1 - column.filled / max(column.rows, 1):.1%} missing"
            if choice is not None:
                yield column.name, choice.slot, choice.why, values, choice.certain
            else:
                yield (
                    column.name,
                    self.also.get(column.name, ""),
                    self.left_out.get(column.name, _idle(column)),
                    values,
                    False,
                )


def _idle(column: Column) -> str:
    """Why a column stays unused."""
    if column.is_constant:
        return "the same in all rows"
    return "different in each row" if column.is_unique else f"{column.look}; no slot that it fits"


def write_tables(path: Path, proposal: Draft, data: pl.DataFrame, calendar: dict[str, Any] | None) -> None:
    """Fill the tables of the proposal, in the order of the documentation."""
    tables = proposal.tables
    tables.append(f"# Proposed by `penstock map {path.name}`. Read it through: docs/mapping.md explains each word.\n")
    missing = sorted(
        {
            text
            for choice in proposal.chosen.values()
            if choice.slot not in {"label", "outcome"}
            for text in choice.column.missing
        }
    )
    if missing:
        tables.append(f"# Texts that mean: not known. The empty text always does.\nmissing = {toml_value(missing)}\n")
    time, span_days = _time(proposal, data, calendar)
    tables.append(time)
    tables.extend(_parties(proposal))
    tables.extend(_where(proposal))
    tables.extend(_words(proposal, data))
    tables.append(_amount(proposal, data))
    tables.extend(_currency(proposal, data))
    tables.extend(_outcome(proposal, data))
    tables.extend(_label(proposal, data, span_days))
    tables.extend(_intent(proposal))
    tables.extend(_extras(proposal))


def calendar_of(columns: list[Column]) -> dict[str, Any] | None:
    """A time spread over columns year, month, day and perhaps an hour."""
    by_word = {
        words_of(column.name)[-1]: column.name
        for column in columns
        if words_of(column.name) and column.look is Look.WHOLE
    }
    if not {"year", "month", "day"} <= set(by_word):
        return None
    hour = next((column for column in columns if column.look is Look.HOUR), None)
    names = [by_word["year"], by_word["month"], by_word["day"], *([hour.name] if hour else [])]
    return {"column": names, "format": "%Y %m %d" + (f" {hour.format}" if hour else "")}


def _time(proposal: Draft, data: pl.DataFrame, calendar: dict[str, Any] | None) -> tuple[str, float]:
    """The time's table, and the file's span in days, 0 = its times tell."""
    zone = '\nHours are those of UTC unless you add a zone, such as zone = "Asia/Shanghai".'
    choice = proposal.chosen.get("time")
    if calendar is not None and (choice is None or choice.column.look is not Look.TIME):
        proposal.chosen.pop("time", None)
        proposal.also |= dict.fromkeys(calendar["column"], "time")
        return toml_table("time", calendar, "the columns of the calendar together" + zone), 0.0
    assert choice is not None, "NEEDED was checked"
    if choice.column.look is Look.TIME:
        return toml_table("time", _timestamp(proposal, choice.column), choice.why + zone), 0.0
    return _counted_time(proposal, choice, data)


def _timestamp(proposal: Draft, column: Column) -> dict[str, Any]:
    hour = next((other for other in proposal.columns if other.look is Look.HOUR), None)
    if column.day_only and hour is not None:
        proposal.also[hour.name] = "time"
        return {"column": [column.name, hour.name], "format": f"{column.format or '%Y-%m-%d'} {hour.format}"}
    if column.format is not None and ("%m/%d" in column.format or "%d/%m" in column.format):
        proposal.doubts.append(
            f"time: days and months read as {column.format}; check that it is not the other way round"
        )
    if column.day_only:
        proposal.doubts.append("time: only days, no hours; payments of one day are taken in the file's order")
    return {"column": column.name} | ({"format": column.format} if column.format else {})


def _counted_time(proposal: Draft, choice: Choice, data: pl.DataFrame) -> tuple[str, float]:
    payer = proposal.chosen["payer"].column.name
    column = choice.column
    timing = time_of_numbers(column.name, data[column.name], data[payer])
    values: dict[str, Any] = {"column": column.name, "unit": str(timing.unit)}
    seconds = {
        TimeUnit.SECONDS: 1.0,
        TimeUnit.MILLISECONDS: 1e-3,
        TimeUnit.MICROSECONDS: 1e-6,
        TimeUnit.NANOSECONDS: 1e-9,
    }
    if timing.step_seconds is not None:
        values |= {"step_seconds": timing.step_seconds, "clock": bool(timing.clock)}
    if not timing.certain:
        proposal.doubts.append(f"time: {timing.why}; set the unit or step_seconds if you know better")
    span = (column.high or 0.0) - (column.low or 0.0)
    days = span * seconds.get(timing.unit, timing.step_seconds or 0.0) / SECONDS_PER_DAY
    return toml_table("time", values, f"{choice.why}\n{timing.why}"), days


def _parties(proposal: Draft) -> Iterator[str]:
    payer, payee = proposal.chosen["payer"], proposal.chosen.get("payee")
    if not payer.certain:
        proposal.doubts.append(f"payer: {payer.column.name!r} by {payer.why}; check")
    if payer.column.filled > 1_000 and payer.column.distinct > 0.9 * payer.column.filled:
        proposal.doubts.append("payer: almost each payment has a payer of its own, whose history cannot help")
    yield toml_table("payer", {"column": payer.column.name}, payer.why)
    if payee is None:
        proposal.doubts.append("payee: no column names whom is paid")
        return
    if not payee.certain:
        proposal.doubts.append(f"payee: {payee.column.name!r} by {payee.why}; check")
    shop = {"merchant", "terminal", "shop", "store", "seller", "vendor", "商户", "商家", "终端"}
    apart = any(
        word in shop or any(not sign.isascii() and sign in word for sign in shop)
        for word in words_of(payee.column.name)
    )
    values = {"column": payee.column.name} | ({"prefix": "merchant"} if apart else {})
    why = payee.why + ("\nThe prefix keeps its numbers apart from payers'." if apart else "")
    yield toml_table("payee", values, why)


def _where(proposal: Draft) -> Iterator[str]:
    for slot in ("instrument", "device", "network"):
        choice = proposal.chosen.get(slot)
        if choice is not None:
            yield toml_table(slot, {"column": choice.column.name}, choice.why)
    place, latitude, longitude = (proposal.chosen.get(slot) for slot in ("place", "latitude", "longitude"))
    values = {"column": place.column.name} if place else {}
    if latitude and longitude:
        values |= {"latitude": latitude.column.name, "longitude": longitude.column.name}
    if values:
        yield toml_table("place", values, (place or latitude or longitude).why)  # type: ignore[union-attr]  # there is one


def _words(proposal: Draft, data: pl.DataFrame) -> Iterator[str]:
    category, kind = proposal.chosen.get("category"), proposal.chosen.get("type")
    many = category is None and kind is not None and kind.column.distinct > _MANY_TYPES
    for choice in (proposal.chosen.get("channel"), None if many else kind):
        if choice is not None:
            yield _numbered(choice, data)
    if category is not None:
        yield toml_table("category", {"column": category.column.name}, category.why)
    elif many and kind is not None:
        why = f"{kind.why}; so many types are categories, with amounts and frauds of their own"
        yield toml_table("category", {"column": kind.column.name}, why)


def _numbered(choice: Choice, data: pl.DataFrame) -> str:
    """A table of words, which are numbered by their place."""
    words = _texts(data[choice.column.name], choice.column)
    ours = {word: _TYPES[word.lower()] for word in words if choice.slot == "type" and word.lower() in _TYPES}
    mapped = {word: kind for word, kind in ours.items() if word not in TYPES}
    own = [word for word in words if word not in ours][:_MOST_WORDS]
    values: dict[str, Any] = {"column": choice.column.name} | ({"map": mapped} if mapped else {})
    why = f"{choice.why}\nThe place of a word is its number: add new ones at the end." if own else choice.why
    return toml_table(choice.slot, values | ({"words": own} if own else {}), why)


def _texts(values: pl.Series, column: Column) -> list[str]:
    """The texts of a column as reading trims them, by the alphabet."""
    texts = values.cast(pl.String).str.strip_chars()
    texts = texts.str.replace(r"\.0$", "") if values.dtype.is_float() else texts
    return sorted(set(texts.drop_nulls().to_list()) - {"", "NaN", *column.missing})


def _amount(proposal: Draft, data: pl.DataFrame) -> str:
    choice = proposal.chosen["amount"]
    column = choice.column
    values: dict[str, Any] = {"column": column.name}
    minor = {"minor", "cent", "cents", "fen", "pence"} & set(words_of(column.name))
    values["unit"] = "minor" if minor or "分" in column.name else "major"
    if column.look is Look.MONEY:
        found = data[column.name].cast(pl.String).str.extract_all(r"[$€£¥￥,]").explode().drop_nulls().unique()
        values["strip"] = "".join(sorted(found.to_list()))
        proposal.doubts.append(
            f"amount: the signs {values['strip']!r} are taken away; check that none of them is the decimal point"
        )
    numbers = data[column.name].cast(pl.Float64, strict=False)
    share = float((numbers < 0).mean() or 0.0)  # type: ignore[arg-type]  # of booleans it is a number
    if share or (column.low or 0.0) < 0:
        absolute = share >= _ABSOLUTE_FROM
        values["negative"] = "absolute" if absolute else "bad"
        proposal.doubts.append(
            f"amount: {share:.1%} are negative; " + ("they lose their sign" if absolute else "such rows are left out")
        )
    if not choice.certain:
        proposal.doubts.append(f"amount: {column.name!r} by {choice.why}; check")
    return toml_table("amount", values, choice.why)


def _currency(proposal: Draft, data: pl.DataFrame) -> Iterator[str]:
    choice = proposal.chosen.get("currency")
    if choice is None:
        return
    strange = sorted(set(_texts(data[choice.column.name], choice.column)) - set(BY_CODE))
    if strange:
        del proposal.chosen["currency"]
        why = f"holds {', '.join(strange[:5])}, which are not among {', '.join(BY_CODE)}"
        proposal.left_out[choice.column.name] = why
        proposal.doubts.append(f"currency: {why}; all amounts are taken as they stand")
        return
    yield toml_table("currency", {"column": choice.column.name}, choice.why)


def _outcome(proposal: Draft, data: pl.DataFrame) -> Iterator[str]:
    choice = proposal.chosen.get("outcome")
    if choice is None:
        return
    declined = declined_values(count_values(data[choice.column.name]), choice.column.name)
    if not declined:
        del proposal.chosen["outcome"]
        proposal.left_out[choice.column.name] = "an outcome, perhaps, but no value says declined"
        return
    yield toml_table(
        "outcome",
        {"column": choice.column.name, "declined": declined},
        f"{choice.why}\nOther values mean that the payment was made.",
    )


def _label(proposal: Draft, data: pl.DataFrame, span_days: float) -> Iterator[str]:
    choice = proposal.chosen.get("label")
    if choice is None:
        proposal.doubts.append("label: no column tells frauds; features can be computed, but nothing can be learned")
        return
    meaning = label_meaning(count_values(data[choice.column.name]))
    proposal.doubts.extend(meaning.doubts)
    values: dict[str, Any] = {"column": choice.column.name, "fraud": meaning.fraud, "genuine": meaning.genuine}
    values |= {"unlabelled": meaning.unlabelled} if meaning.unlabelled else {}
    spans, why, doubt = label_spans(proposal.chosen.get("known"), parse_mapping(proposal.text()), data, span_days)
    proposal.doubts.extend([doubt] if doubt else [])
    yield toml_table("label", values | spans, f"{choice.why}\n{why}")
    kind = proposal.chosen.get("fraud_type")
    if kind is not None:
        yield toml_table("fraud_type", {"column": kind.column.name}, f"{kind.why}\nOnly read beside frauds.")


def _intent(proposal: Draft) -> Iterator[str]:
    choice = proposal.chosen.get("intent")
    if choice is not None:
        proposal.doubts.append(
            f"intent: payments of one {choice.column.name!r} are taken for one intent, tried again; check"
        )
        yield toml_table(
            "intent",
            {"column": choice.column.name},
            f"{choice.why}\nPayments of one value are one intent, tried again.",
        )


def _extras(proposal: Draft) -> Iterator[str]:
    """Columns that might help, as comments: only people know whether they are known before the payment."""
    taken = {choice.column.name for choice in proposal.chosen.values()} | set(proposal.left_out) | set(proposal.also)
    free = [column for column in proposal.columns if column.name not in taken and _may_be_extra(column)]
    if free:
        yield "# Columns that may help too. Take only what is known before a payment is decided, at most four.\n"
    for column in free[:_MOST_EXTRAS]:
        kind = "number" if column.look in {Look.WHOLE, Look.NUMBER} else "word"
        proposal.also[column.name] = "extra?"
        yield toml_table("extra", {"column": column.name, "kind": kind}, listed=True, off=True)


def _may_be_extra(column: Column) -> bool:
    words = {part for word in words_of(column.name) for part in (word, re.sub(r"\d+$", "", word))}
    if column.is_constant or column.is_unique or words & _NO_EXTRA or any("balance" in word for word in words):
        return False
    return column.look in {Look.WHOLE, Look.NUMBER} or (
        column.look in {Look.TEXT, Look.BOOLEAN} and column.distinct <= 1_000
    )
