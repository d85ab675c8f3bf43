"""Payments that came as JSON, put into columns: a large batch costs half of what its items cost one by one."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts import ids as public
from penstock.contracts.commands import COMMAND
from penstock.contracts.ids import PublicIds, width_of
from penstock.contracts.marks import KINDS
from penstock.kit.http.problem import Problem
from penstock.process.commands.bodies import Body, Location, PayItem
from penstock.process.commands.columns.reading import Column, Part
from penstock.process.commands.columns.translating import fill
from penstock.process.commands.records import Terms
from penstock.process.commands.translate import forced, payload_of, translate_many

#: Below this many items a column's fixed costs outweigh what it saves.
_LEAST: Final = 32
_ID_BYTES: Final = 16
_UUID_LETTERS: Final = 36
_HYPHENS: Final = (8, 13, 18, 23)
_ACCOUNT_LETTERS: Final = width_of(public.Kind.ACCOUNT)
_NAMES: Final = ("payer", "payee")
_WORDS: Final = ("currency", "type", "channel")
_FIELDS: Final = (
    "id", *_NAMES, *_WORDS, *KINDS, "amount_minor", "arrival", "hold_only", "hold_lifetime_s", "location", "extras", "factors",
    "reference", "metadata",
)  # fmt: skip
_SAID: Final = attrgetter(*_FIELDS)
_EXTRAS: Final = 4


def translate_items(items: Sequence[Body], ids: PublicIds, terms: Terms) -> tuple[NDArray[Any], list[bytes] | None]:
    """As ``translate_many``, by columns where it can be: the same records, payloads and problems.

    :raises Problem: 422, naming ``items[n].field`` of the first that cannot be used.
    """
    if len(items) >= _LEAST and all(type(item) is PayItem for item in items):
        try:
            return _translate(items, ids, terms)
        except (Problem, ValueError):
            return translate_many(items, ids, terms)  # which says what is wrong, item by item
    return translate_many(items, ids, terms)


def _translate(items: Sequence[Any], ids: PublicIds, terms: Terms) -> tuple[NDArray[Any], list[bytes] | None]:
    said = dict(zip(_FIELDS, zip(*map(_SAID, items), strict=True), strict=True))
    commands = np.zeros(len(items), COMMAND)
    fill(commands, Part(_columns(said, len(items)), len(items), 0), ids, terms)
    texts = _given(said["reference"]) | _given(said["metadata"])
    if not texts.any():
        return commands, None
    payloads = [b""] * len(items)
    for row in np.flatnonzero(texts).tolist():
        payloads[row] = payload_of(items[row], terms.payload_bytes, row)
        commands["payload_bytes"][row] = len(payloads[row])
        if terms.sandbox:
            commands["option"][row] = forced(items[row], row)
    return commands, payloads


def _columns(said: dict[str, tuple[Any, ...]], rows: int) -> dict[str, Column]:
    """The columns of which something is said.

    :raises ValueError: when an id has not the form of one.
    """
    everywhere = np.ones(rows, np.bool_)
    columns = {
        "id": Column(everywhere, _ids(said["id"])),
        "amount_minor": Column(everywhere, np.array(said["amount_minor"], np.int64)),
        "hold_only": Column(everywhere, np.array(said["hold_only"], np.bool_)),
        **{name: Column(everywhere, _letters(said[name], _ACCOUNT_LETTERS)) for name in _NAMES},
        **{name: _words(said[name]) for name in _WORDS if any(said[name])},
        **{kind: _texts(said[kind]) for kind in KINDS if any(said[kind])},
    }
    if said["arrival"].count("instant") < rows:
        columns["arrival"] = _words(said["arrival"])
    if any(said["hold_lifetime_s"]):
        columns["hold_lifetime_s"] = _numbers(said["hold_lifetime_s"], np.int32)
    if any(said["location"]):
        columns |= _location(said["location"])
    if any(said["extras"]):
        columns |= _extras(said["extras"])
    if any(said["factors"]):
        columns["factors"] = _words([None if names is None else " ".join(names) for names in said["factors"]])
    return columns


def _given(values: Sequence[Any]) -> NDArray[np.bool_]:
    return np.array([value is not None for value in values], np.bool_)


def _ids(texts: Sequence[str]) -> NDArray[np.uint8]:
    letters = _letters(texts, _UUID_LETTERS)
    if (letters[:, _HYPHENS] != ord("-")).any():
        raise ValueError("an id is not written as a UUID is")
    digits = np.delete(letters, _HYPHENS, axis=1).tobytes().decode("ascii")
    return np.frombuffer(bytes.fromhex(digits), np.uint8).reshape(len(texts), _ID_BYTES)


def _letters(texts: Sequence[str], width: int) -> NDArray[np.uint8]:
    """Texts of ``width`` ASCII characters each as letters (n, width)."""
    if set(map(len, texts)) != {width}:
        raise ValueError("an id has not the length of one")
    return np.frombuffer("".join(texts).encode(), np.uint8).reshape(len(texts), width)


def _words(values: Sequence[str | None]) -> Column:
    words = tuple(dict.fromkeys(values))
    places = {word: place for place, word in enumerate(words)}
    return Column(np.ones(len(values), np.bool_), np.array([places[value] for value in values], np.int32), words=words)


def _texts(values: Sequence[str | None]) -> Column:
    parts = [value.encode() if value else b"" for value in values]
    offsets = np.zeros(len(parts) + 1, np.int32)
    np.cumsum([len(part) for part in parts], out=offsets[1:])
    return Column(offsets[1:] > offsets[:-1], offsets, np.frombuffer(b"".join(parts), np.uint8))


def _numbers(values: Sequence[Any], kind: Any) -> Column:
    return Column(_given(values), np.array([value or 0 for value in values], kind))


def _location(places: Sequence[Location | None]) -> dict[str, Column]:
    return {
        name: _numbers([None if place is None else getattr(place, name) for place in places], np.float64)
        for name in ("latitude", "longitude")
    }


def _extras(given: Sequence[Sequence[float | None] | None]) -> dict[str, Column]:
    silent = [None] * _EXTRAS
    full = [[*(extras or ()), *silent][:_EXTRAS] for extras in given]
    return {f"extra_{place + 1}": _numbers([extras[place] for extras in full], np.float64) for place in range(_EXTRAS)}
