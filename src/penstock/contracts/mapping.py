"""One mapping file serves two readers: ``penstock import`` sends payments, detection learns from them.

Each reader has its own slots and refuses a word that neither knows, so a slip of the pen is found; what only the
other one reads is left out. See docs/mapping.md.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping as Table
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

#: Slots of detection that an import leaves out: table → its keys, empty = the whole table.
HISTORY_ONLY: Final[Table[str, frozenset[str]]] = {
    **dict.fromkeys(("channel", "outcome", "label", "fraud_type", "intent", "extra"), frozenset[str]()),
    "place": frozenset({"latitude", "longitude"}),
    "time": frozenset({"unit", "zone", "step_seconds", "clock"}),
    "type": frozenset({"words"}),
    "amount": frozenset({"strip", "negative"}),
}
#: Slots of an import that detection leaves out.
IMPORT_ONLY: Final[Table[str, frozenset[str]]] = {
    **dict.fromkeys(("funding", "reference", "metadata"), frozenset[str]()),
    "payer": frozenset({"tier"}),
    "payee": frozenset({"tier"}),
    "rows": frozenset({"order"}),
}

Slots = TypeVar("Slots", bound=msgspec.Struct)


class BadMapping(ValueError):
    """The mapping cannot be used; the message names the place and the fix."""


def read_text(path: Path) -> str:
    """The text of a mapping file.

    :raises BadMapping: where it cannot be read.
    """
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadMapping(f"{path}: the mapping cannot be read ({error}); check the path") from error


def parse(text: str, slots: type[Slots], others: Table[str, frozenset[str]], page: str) -> Slots:
    """Read a mapping into one reader's slots.

    :param others: what is the other reader's, and left out.
    :param page: the page of the documentation that lists the slots.
    :raises BadMapping: with the place and the fix.
    """
    try:
        return msgspec.convert(_without(tomllib.loads(text), others), slots)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadMapping(f"the mapping cannot be read: {error}; {page} lists what it may hold") from error


def _without(tables: dict[str, Any], others: Table[str, frozenset[str]]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, table in tables.items():
        left_out = others.get(name)
        if left_out is None or not isinstance(table, dict):
            if left_out is None or left_out:
                kept[name] = table
        elif left_out:
            kept[name] = {key: value for key, value in table.items() if key not in left_out}
    return kept
