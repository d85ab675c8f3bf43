"""Read a file of past payments by its mapping."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from penstock.contracts.features import EXTRAS
from penstock.improve.history.columns import FRAUD, History
from penstock.improve.history.mapping import TYPES, ExtraKind, HistoryMapping
from penstock.improve.history.numbering import hash_words, names_by_number, number_entities, number_words
from penstock.improve.history.opening import BadFile, names_of, open_file, read_columns
from penstock.improve.history.problems import sift
from penstock.improve.history.shaping import check_columns, shape

#: A file's own words for payment types begin here.
OWN_TYPES_FROM: Final = 100
_PLAIN: Final = (
    "time_us",
    "second_of_day",
    "weekday",
    "latitude_e4",
    "longitude_e4",
    "amount_minor",
    "known_us",
    "row",
)
_ALONE: Final = ("instrument", "device", "network", "place", "category")


def read_history(path: Path, mapping: HistoryMapping, progress: Callable[[int], None] | None = None) -> History:
    """Read a CSV or Parquet file into the canonical columns, sorted by time (stable).

    Labels are known at the time that their column names; else frauds after the mapping's delay (or maturity, without
    one), genuine payments at their maturity. Amounts of 0 are kept; negative ones are bad rows unless the mapping
    takes them without their sign.

    :param progress: called once with the number of rows, when they are read.
    :raises BadFile: naming column, row (from 1, header not counted), value and fix.
    """
    scanned = open_file(path)
    wrong = check_columns(names_of(scanned, path), mapping)
    if wrong:
        raise BadFile(wrong)
    raw = read_columns(scanned, path, list(dict.fromkeys(column for _, column in mapping.columns())))
    good, bad_rows = sift(shape(raw, mapping), raw, mapping)
    if progress is not None:
        progress(raw.height)
    history = to_history(good.sort("time_us", "row"), mapping)
    return History(**{**vars(history), "file_sha256": _sha256(path), "bad_rows": bad_rows})


def to_history(shaped: pl.DataFrame, mapping: HistoryMapping) -> History:
    """The canonical columns of shaped rows that are in order."""
    arrays: dict[str, Any] = {name: shaped[name].to_numpy() for name in _PLAIN}
    names: dict[str, list[str]] = {}
    (arrays["payer"], arrays["payee"]), parties = number_entities(shaped["payer"], shaped["payee"])
    names |= {"payer": parties, "payee": parties}
    for slot in _ALONE:
        (arrays[slot],), names[slot] = number_entities(shaped[slot])
    arrays["intent"] = _intents(shaped["intent"])
    arrays |= _words(shaped, mapping, names)
    return History(
        **arrays,
        extras=_extras(shaped, mapping),
        failed=shaped["failed"].fill_null(False).to_numpy(),
        label=shaped["label"].to_numpy(),
        maturity_us=mapping.maturity_us,
        names={slot: texts for slot, texts in names.items() if texts},
        extra_names=tuple(extra.name or extra.column for extra in mapping.extra),
    )


def _intents(column: pl.Series) -> Any:
    """One number for each intent; a payment without one is an intent of its own."""
    alone = pl.int_range(len(column), eager=True).cast(pl.String)
    named = pl.DataFrame({"text": "i" + column, "alone": "r" + alone}).select(pl.coalesce("text", "alone")).to_series()
    return number_entities(named)[0][0]


def _words(shaped: pl.DataFrame, mapping: HistoryMapping, names: dict[str, list[str]]) -> dict[str, Any]:
    listed = {word: number for number, word in enumerate(mapping.channel.words if mapping.channel else (), 1)}
    names["channel"] = names_by_number(listed)
    return {
        "payment_type": _types(shaped["type"], mapping, names),
        "channel": number_words(shaped["channel"], listed),
        "fraud_type": _fraud_types(shaped, mapping, names),
    }


def _types(column: pl.Series, mapping: HistoryMapping, names: dict[str, list[str]]) -> Any:
    kind = mapping.type
    if kind is None:
        return np.zeros(len(column), np.int64)
    if kind.constant is not None:
        return np.full(len(column), TYPES[kind.constant], np.int64)
    own = {word: OWN_TYPES_FROM + place for place, word in enumerate(kind.words)}
    names["payment_type"] = names_by_number(TYPES | own)
    return number_words(column, own | TYPES | {word: TYPES[name] for word, name in kind.map.items()})


def _fraud_types(shaped: pl.DataFrame, mapping: HistoryMapping, names: dict[str, list[str]]) -> Any:
    """Numbers of the words beside frauds: listed ones first, then others by the alphabet."""
    said = shaped.select(pl.when(pl.col("label") == FRAUD).then("fraud_type")).to_series()
    listed = mapping.fraud_type.words if mapping.fraud_type else []
    found = sorted(set(said.drop_nulls().unique().to_list()) - set(listed))
    names["fraud_type"] = [*listed, *found]
    return number_words(said, {word: number for number, word in enumerate(names["fraud_type"], 1)})


def _extras(shaped: pl.DataFrame, mapping: HistoryMapping) -> Any:
    extras = np.full((shaped.height, EXTRAS), np.nan, np.float32)
    for place, extra in enumerate(mapping.extra):
        column = shaped[f"extra {place + 1}"]
        numbers = (
            hash_words(column) if extra.kind is ExtraKind.WORD else column.cast(pl.Float32).fill_null(np.nan).to_numpy()
        )
        extras[:, place] = numbers
    return extras


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
