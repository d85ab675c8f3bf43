"""The names that a rule may read: the features of the registry, and the model's score."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from enum import IntEnum
from typing import Final

from penstock.contracts.features import FEATURES, SLOTS, Feature


class Scale(IntEnum):
    """How a column's number is stored. The first four are rows of ``scales.decoding_tables``."""

    PLAIN = 0  # as it is
    LOG = 1  # log2(1 + x), x >= 0
    SIGNED_LOG = 2  # sign(x) log2(1 + |x|)
    RATIO = 3  # log2(x), x > 0
    SECONDS = 4  # as LOG, of microseconds
    SCORE = 5  # a probability, in millionths


@dataclass(frozen=True)
class Column:
    """One name: where its number is stored, how, and what it means."""

    name: str  # such as payer.count_hour
    slot: int  # of the vector; SCORE_SLOT = the score
    scale: Scale
    signed: bool  # whether true values may be below 0
    unit: str  # of the number that a rule sees
    words: str
    window: str = ""


#: The place of the score, after those of the vector.
SCORE_SLOT: Final = SLOTS
#: The declared value of a score that is not known, as when there is no model.
UNKNOWN_SCORE: Final = -1.0

_LOG_PREFIX: Final = "log2(1 + "
_WHOSE: Final = {"payment": "this payment"}


def _describe(feature: Feature) -> Column:
    scale, unit = _scale_and_unit(feature.term.unit)
    entity = feature.name.partition(".")[0]
    whose = _WHOSE.get(entity, " and ".join(f"the {word}" for word in entity.split("_")))
    words = f"{feature.term.en}, of {whose}"
    return Column(feature.name, feature.slot, scale, feature.unknown < -1.0, unit, words, feature.term.window)


def _scale_and_unit(unit: str) -> tuple[Scale, str]:
    """The scale and natural unit that the registry's unit says."""
    if unit == "log2(1 + s)":
        return Scale.SECONDS, "seconds"
    if unit.startswith(_LOG_PREFIX):
        return Scale.LOG, unit.removeprefix(_LOG_PREFIX).removesuffix(")")
    if unit.startswith("sign(x) log2"):
        return Scale.SIGNED_LOG, "as sent"
    if unit == "log2 of the ratio":
        return Scale.RATIO, "times"
    return Scale.PLAIN, unit


_SCORE = Column("score", SCORE_SLOT, Scale.SCORE, signed=False, unit="probability", words="fraud, as the model sees it")
#: Every name → its column.
COLUMNS: Final = {column.name: column for column in (*map(_describe, FEATURES), _SCORE)}


def similar_names(name: str) -> list[str]:
    """Names that an unknown one may have meant, the likeliest first, at most three."""
    table, _, measure = name.rpartition(".")
    if not table:
        same = [known for known in COLUMNS if known.endswith(f".{measure}")]
        if same:
            return same[:3]
    return get_close_matches(name, COLUMNS, n=3, cutoff=0.5)
