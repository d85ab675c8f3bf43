"""Which column seems to be what: names and contents are weighed, and the strongest claim is settled first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from penstock.improve.history.proposing.looking import Column, Look
from penstock.improve.history.proposing.naming import EXACT, NAMES, NONE, STRONG, WEAK, name_score

#: Kinds that a slot can hold, by preference.
_KINDS: Final[dict[str, tuple[Look, ...]]] = {
    "time": (Look.TIME, Look.WHOLE, Look.NUMBER),
    "known": (Look.TIME, Look.WHOLE, Look.NUMBER),
    "amount": (Look.NUMBER, Look.MONEY, Look.WHOLE),
    "label": (Look.BOOLEAN, Look.WHOLE, Look.TEXT),
    "latitude": (Look.NUMBER,),
    "longitude": (Look.NUMBER,),
    "network": (Look.NETWORK, Look.TEXT, Look.WHOLE),
    "outcome": (Look.TEXT, Look.BOOLEAN, Look.WHOLE),
    "currency": (Look.TEXT,),
}
_NAMES: Final = (Look.TEXT, Look.WHOLE, Look.BOOLEAN)
#: Slots whose columns hold few different values.
_MOST_VALUES: Final = {
    "label": 6,
    "outcome": 100,
    "currency": 100,
    "channel": 100,
    "type": 500,
    "fraud_type": 100,
    "category": 5_000,
}
#: Slots found by content where no name helps, and what that is worth.
_BY_CONTENT: Final = {
    ("time", Look.TIME): 2.5,
    ("network", Look.NETWORK): 4.0,
    ("amount", Look.NUMBER): 1.5,
    ("amount", Look.MONEY): 2.5,
}
#: Below this a claim is only made for a slot that a history must have.
_LEAST: Final = 2.9
NEEDED: Final = ("time", "payer", "amount")
_WHY: Final = {STRONG: "a word in its name", WEAK: "a weak hint in its name"}
_DEGREES: Final = {"latitude": 90.0, "longitude": 180.0}


@dataclass(frozen=True)
class Choice:
    """A column taken for a slot."""

    slot: str
    column: Column
    why: str
    certain: bool


def choose(columns: list[Column]) -> dict[str, Choice]:
    """Slot → its column. ``terminal`` is settled as payee or place, a card as payer where there is no other."""
    claims = sorted(
        (
            (score, -place, slot)
            for place, column in enumerate(columns)
            for slot in NAMES
            if (score := _claim(column, slot)) > 0
        ),
        key=lambda claim: (-claim[0], tuple(NAMES).index(claim[2]), -claim[1]),
    )
    chosen: dict[str, Choice] = {}
    taken: set[int] = set()
    for score, place, slot in claims:
        if slot in chosen or -place in taken or (score < _LEAST and slot not in NEEDED):
            continue
        taken.add(-place)
        chosen[slot] = Choice(slot, columns[-place], _why(columns[-place], slot), score >= STRONG)
    _settle_pairs(chosen)
    _settle_parties(chosen, columns)
    _guess_parties(chosen, columns)
    return chosen


def _claim(column: Column, slot: str) -> float:
    """How strong a column's claim to a slot is; 0 = none."""
    kinds = _KINDS.get(slot, _NAMES)
    name = name_score(column.name, slot)
    if column.look not in kinds or column.is_constant or name < 0 or not _fits(column, slot):
        return 0.0
    content = _BY_CONTENT.get((slot, column.look), 0.0)
    if name == NONE and not content:
        return 0.0
    # Among equal names the kind decides: a timestamp before a number, decimals before whole numbers.
    return name + content + (len(kinds) - kinds.index(column.look)) * 0.2


def _fits(column: Column, slot: str) -> bool:
    if slot in _DEGREES:
        bound = _DEGREES[slot]
        return column.low is not None and column.high is not None and -bound <= column.low and column.high <= bound
    if slot == "intent":
        return not column.is_unique
    if slot == "amount":
        return column.distinct > 2
    if slot in {"payer", "payee", "instrument", "device"} and column.look is Look.BOOLEAN:
        return False
    if slot in {"payer", "payee", "instrument", "device"}:
        return column.distinct > 3 or column.rows < 50
    return column.distinct <= _MOST_VALUES.get(slot, column.distinct)


def _why(column: Column, slot: str) -> str:
    name = name_score(column.name, slot)
    named = "its name" if name >= EXACT else _WHY.get(name, "its content alone")
    kinds = {
        Look.TIME: "times",
        Look.NETWORK: "network addresses",
        Look.BOOLEAN: "yes or no",
        Look.MONEY: "numbers with signs",
    }
    content = kinds.get(column.look, f"{column.look}s" if column.look is not Look.TEXT else "texts")
    return f"{named}; {column.distinct:,} different {content}" if column.look not in kinds else f"{named}; {content}"


def _settle_pairs(chosen: dict[str, Choice]) -> None:
    """Coordinates go together; a label time without a label is of no use."""
    if ("latitude" in chosen) != ("longitude" in chosen):
        chosen.pop("latitude", None)
        chosen.pop("longitude", None)
    if "label" not in chosen:
        chosen.pop("known", None)
        chosen.pop("fraud_type", None)


def _settle_parties(chosen: dict[str, Choice], columns: list[Column]) -> None:
    """A second column of the payer's name is the payee; a terminal is the payee where there is no other, else the place; a card is the payer where there is no other."""
    payer = chosen.get("payer")
    if payer is not None and "payee" not in chosen:
        again = re.compile(re.escape(payer.column.name) + r"[._ ]?(1|2|duplicated_0)")
        second = next((column for column in columns if again.fullmatch(column.name)), None)
        if second is not None:
            chosen["payee"] = Choice("payee", second, "a second column of the payer's name", False)
    terminal = chosen.pop("terminal", None)
    if terminal is not None:
        slot = "place" if "payee" in chosen else "payee"
        if slot not in chosen or slot == "place":
            chosen[slot] = Choice(slot, terminal.column, f"a terminal: {terminal.why}", terminal.certain)
    if "payer" not in chosen and "instrument" in chosen:
        card = chosen.pop("instrument")
        chosen["payer"] = Choice(
            "payer", card.column, f"a card, as no column names the payer: {card.why}", card.certain
        )


def _guess_parties(chosen: dict[str, Choice], columns: list[Column]) -> None:
    """Where no name tells the payer: the columns of texts or numbers with many values that come again."""
    if "payer" in chosen:
        return
    taken = {choice.column.name for choice in chosen.values()}
    able = [
        column
        for column in columns
        if column.name not in taken
        and column.look in {Look.TEXT, Look.WHOLE}
        and not (column.is_unique or column.rising)
        and column.distinct >= max(10, column.rows // 2_000)
    ]
    slots = [slot for slot in ("payer", "payee") if slot not in chosen]
    for slot, column in zip(slots, sorted(able, key=lambda column: -column.distinct), strict=False):
        chosen[slot] = Choice(
            slot, column, f"its content alone; {column.distinct:,} different values that come again", False
        )
