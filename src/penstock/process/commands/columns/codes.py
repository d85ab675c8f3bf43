"""Dictionary columns: one look-up for each word of the dictionary, then numbers for all rows at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from penstock.process.commands import bodies
from penstock.process.commands.columns.reading import Column, Part
from penstock.process.commands.origin import CHANNELS, verified_by
from penstock.process.commands.records import ARRIVALS, CURRENCIES, TYPES
from penstock.process.commands.translate import FIXES

#: Codes of rows that say nothing, and of words that nobody knows; all others are from 0.
SILENT, UNKNOWN = -1, -2
_MOST_FACTORS: Final = 9
_TABLES: Final[dict[str, Mapping[str, int]]] = {
    "currency": CURRENCIES,
    "type": {name: TYPES[name] for name in get_args(bodies.PaymentTypeName)},
    "arrival": ARRIVALS,
    "channel": {name: code for name, code in CHANNELS.items() if name is not None},
}


def codes(part: Part, name: str) -> NDArray[np.int16]:
    """The code (n,) of each row of a dictionary column, ``SILENT`` where it says nothing.

    :raises Problem: 422 at a word that is none of the column's.
    """
    table = _TABLES[name]
    found = _look_up(part.columns[name], lambda word: table.get(word, UNKNOWN))
    part.refuse(found == UNKNOWN, name, "not one of the words that are known here", FIXES[name])
    return found


def factors(part: Part) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """The bitmask of factors and how many kinds they make, (n,) each.

    :raises Problem: 422 at a name that is none of a factor's, or at too many.
    """
    column = part.columns["factors"]
    found = [_factors(word or "") for word in column.words]
    by_word = {word: place for place, word in enumerate(column.words)}
    places = _look_up(column, lambda word: by_word[word] if found[by_word[word]] else UNKNOWN)
    fix = f"send at most {_MOST_FACTORS} names separated by single spaces, of those in docs/api.md"
    part.refuse(places == UNKNOWN, "factors", "not a list of factors", fix)
    both = np.array([*(pair or (0, 0) for pair in found), (0, 0)], dtype=np.int16)
    chosen = both[places]  # SILENT is the last one
    return chosen[:, 0], chosen[:, 1]


def _look_up(column: Column, code: Callable[[str], int]) -> NDArray[np.int16]:
    of_words = [SILENT if word is None else code(word) for word in column.words]
    table: NDArray[Any] = np.array([*of_words, SILENT], dtype=np.int16)
    return table[np.where(column.said, column.values, -1)]


def _factors(text: str) -> tuple[int, int] | None:
    """Mask and kinds of a list of factors, None when it is none."""
    names = tuple(text.split(" ", _MOST_FACTORS)) if text else ()
    if len(names) > _MOST_FACTORS or not set(names) <= set(get_args(bodies.FactorName)):
        return None
    return verified_by(names)
