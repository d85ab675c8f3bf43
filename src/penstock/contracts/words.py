"""How numbers of the journal are written for callers: names in lower case, times in ISO 8601."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from penstock.contracts.commands import Channel, Factor, Kind, Option, PaymentType
from penstock.contracts.money import BY_NUMERIC
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State

KINDS: Final = {int(kind): kind.name.lower() for kind in Kind}
STATES: Final = {int(state): state.name.lower() for state in State}
TYPES: Final = {int(kind): kind.name.lower() for kind in PaymentType}
REASONS: Final = {int(reason): reason.name.lower() for reason in Reason}
CHANNELS: Final = {int(channel): channel.name.lower() for channel in Channel}
FACTORS: Final = {int(factor): factor.name.lower() for factor in Factor if factor.name}
#: The labels of payments by their option.
LABELS: Final = {int(o): o.name.lower().removeprefix("label_") for o in Option if o.name.startswith("LABEL_")}
#: ISO numeric → alphabetic code; 0 = none.
CURRENCY_CODES: Final = {numeric: currency.code for numeric, currency in BY_NUMERIC.items()} | {0: ""}


def factor_names(factors: int) -> list[str]:
    """The names of the factors in a bitmask."""
    return [name for bit, name in FACTORS.items() if factors & bit]


def score_told(score: float, model_version: int) -> float | None:
    """A score as callers read it: the digits that single precision has; None while there is no model, or no score."""
    return round(score, 7) if model_version and score >= 0 else None  # below 0: the model could not score


@lru_cache(maxsize=4096)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def time_text(time_us: int) -> str:
    """A time in µs as ISO 8601 in UTC, always with six digits after the second."""
    second, microsecond = divmod(time_us, 1_000_000)
    return f"{_second(second)}.{microsecond:06d}Z"
