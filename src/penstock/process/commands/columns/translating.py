"""From columns to ``COMMAND`` records: the same records, to the bit, that the same payments as JSON become."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from penstock.contracts import ids as public
from penstock.contracts import marks as texts
from penstock.contracts.commands import COMMAND, Flag, Kind
from penstock.contracts.ids import PublicIds
from penstock.contracts.marks import Marks
from penstock.contracts.money import MAX_AMOUNT_MINOR
from penstock.process.commands import bodies, sandbox
from penstock.process.commands.columns import codes
from penstock.process.commands.columns.reading import Column, Part
from penstock.process.commands.columns.schema import REQUIRED
from penstock.process.commands.origin import DEGREE, EXTRA_UNIT
from penstock.process.commands.records import HOLD_ONLY, MICROSECONDS, Terms
from penstock.process.commands.translate import FIXES, index_of, not_uuid7, too_much_text

_MOST_CHARACTERS: Final = 200
_MOST_REFERENCE: Final = 140
_EXTRAS: Final = ("extra_1", "extra_2", "extra_3", "extra_4")
_DEGREES: Final = {"latitude": 90.0, "longitude": 180.0}
_LOCATED: Final = int(Flag.LOCATED)


def translate_parts(parts: Sequence[Part], ids: PublicIds, terms: Terms) -> tuple[NDArray[Any], list[bytes] | None]:
    """Translate a batch: ``COMMAND`` records (rows,) and their payloads, None when no row has one.

    :raises Problem: 422, naming ``items[row].column`` of a value that cannot be used.
    """
    commands = np.zeros(sum(part.rows for part in parts), COMMAND)
    payloads: list[bytes] = []
    for part in parts:
        records = commands[part.first : part.first + part.rows]
        fill(records, part, ids, terms)
        payloads += _fill_texts(records, part, terms)
    return commands, payloads if commands["payload_bytes"].any() else None


def fill(records: NDArray[Any], part: Part, ids: PublicIds, terms: Terms) -> None:
    """Fill ``COMMAND`` records (rows,) with all that a part says but its texts.

    :raises Problem: 422, naming ``items[row].column`` of a value that cannot be used.
    """
    records["kind"], records["client"], records["maker"] = Kind.PAY, terms.client, terms.maker
    _fill_names(records, part, ids)
    _fill_terms(records, part)
    _fill_origin(records, part, terms.marks)


def _fill_names(records: NDArray[Any], part: Part, ids: PublicIds) -> None:
    """Whose command it is, and between whom."""
    for name in REQUIRED:
        part.refuse(~part.columns[name].said, name, "missing", "add this value")
    halves = part.columns["id"].values.reshape(-1).view(">i8").reshape(part.rows, 2)
    high, low = halves[:, 0].astype(np.int64), halves[:, 1].astype(np.int64)
    others = (high >> 12 & 15 != 7) | (low >> 62 & 3 != 2)
    if others.any():
        raise not_uuid7(part.name(int(others.argmax()), "id"))
    records["id_hi"], records["id_lo"] = high, low
    for name in ("payer", "payee"):
        letters = part.columns[name].values
        records[f"{name}_account"] = indices = ids.decode_column(public.Kind.ACCOUNT, letters)
        if not indices.all():
            row = int(indices.argmin())
            index_of(ids, public.Kind.ACCOUNT, part.name(row, name), letters[row].tobytes().decode("latin-1"))
            raise AssertionError("decode and decode_column disagree on a public id")


def _fill_terms(records: NDArray[Any], part: Part) -> None:
    """How much, and on what terms."""
    amounts = part.columns["amount_minor"].values
    bad = (amounts < 1) | (amounts > MAX_AMOUNT_MINOR)
    part.refuse(bad, "amount_minor", "outside 1 to 1000000000000", FIXES["amount_minor"])
    records["amount_minor"] = amounts
    for field, name in (("currency", "currency"), ("payment_type", "type")):
        records[field] = found = codes.codes(part, name)
        part.refuse(found == codes.SILENT, name, "missing", "add this value")
    holds = _fill_hold(records, part)
    if "arrival" in part.columns:
        arrivals = np.maximum(codes.codes(part, "arrival"), 0)
        fix = "leave hold_only out: a payment that arrives later clears by itself"
        part.refuse(holds & (arrivals != 0), "arrival", "a hold has no arrival", fix)
        records["flags"] |= arrivals


def _fill_hold(records: NDArray[Any], part: Part) -> NDArray[np.bool_]:
    """Which payments are holds (n,)."""
    asked = part.columns.get("hold_only")
    holds = np.zeros(part.rows, np.bool_) if asked is None else asked.said & asked.values
    records["flags"] = np.where(holds, HOLD_ONLY, 0)
    lifetime = part.columns.get("hold_lifetime_s")
    if lifetime is not None:
        said, seconds = lifetime.said, lifetime.values
        part.refuse(said & ((seconds < 1) | (seconds > bodies.SECONDS_OF_A_YEAR)), "hold_lifetime_s", "not a lifetime", FIXES["hold_lifetime_s"])
        part.refuse(said & ~holds, "hold_lifetime_s", "only a hold has a lifetime", "send hold_only: true, or leave it out")
        records["lifetime_us"] = np.where(said, seconds, 0) * np.int64(MICROSECONDS)
    return holds


def _fill_origin(records: NDArray[Any], part: Part, marks: Marks) -> None:
    """What comes with the payment."""
    columns = part.columns
    for kind in texts.KINDS:
        column = columns.get(kind)
        if column is not None:
            part.refuse(_unfit(column, 1, _MOST_CHARACTERS), kind, "not a text of 1 to 200 characters", FIXES[kind])
            records[kind] = marks.column(kind, column.said, column.values, column.text)
    if "latitude" in columns:
        _fill_location(records, part)
    if "channel" in columns:
        records["channel"] = np.maximum(codes.codes(part, "channel"), 0)
    if "factors" in columns:
        records["factors"], records["verification"] = codes.factors(part)
    for place, name in enumerate(_EXTRAS):
        if name in columns:
            _fill_extra(records, part, name, place)


def _unfit(column: Column, least: int, most: int) -> NDArray[np.bool_]:
    """Texts that have fewer or more characters than they may."""
    lengths = np.diff(column.values)
    unfit = column.said & ((lengths < least) | (lengths > most))
    for row in np.flatnonzero(unfit & (lengths >= least)).tolist():  # few: bytes are not characters yet
        unfit[row] = len(_text(column, row)) > most
    return unfit


def _text(column: Column, row: int) -> str:
    return column.text[column.values[row] : column.values[row + 1]].tobytes().decode()


def _fill_location(records: NDArray[Any], part: Part) -> None:
    latitude, longitude = part.columns["latitude"].said, part.columns["longitude"].said
    part.refuse(longitude & ~latitude, "latitude", "missing", "send latitude and longitude, or neither")
    part.refuse(latitude & ~longitude, "longitude", "missing", "send latitude and longitude, or neither")
    for name, most in _DEGREES.items():
        degrees = np.where(latitude, part.columns[name].values, 0.0)
        part.refuse(~(np.abs(degrees) <= most), name, "not degrees", FIXES[name])  # nor is NaN
        records[f"{name}_e4"] = np.rint(degrees * DEGREE)
    records["flags"] |= np.where(latitude, _LOCATED, 0).astype(np.int16)


def _fill_extra(records: NDArray[Any], part: Part, name: str, place: int) -> None:
    """As ``origin.extra_numbers``; numpy's own logarithm would differ in the last bit from CPU to CPU."""
    said, given = part.columns[name].said, part.columns[name].values
    numbers = np.where(said, given, 0.0)
    part.refuse(~np.isfinite(numbers), name, "not a finite number", "send any finite number, or null for one that is not known")
    logarithms = np.array([math.log2(number) for number in (1 + np.abs(numbers)).tolist()])
    records[name] = np.rint(np.copysign(logarithms, numbers) * EXTRA_UNIT)
    records["extras_given"] |= np.where(said, 1 << place, 0).astype(np.int16)


def _fill_texts(records: NDArray[Any], part: Part, terms: Terms) -> list[bytes]:
    """The payload of each row, empty where there is no reference."""
    payloads = [b""] * part.rows
    column = part.columns.get("reference")
    if column is None:
        return payloads
    part.refuse(_unfit(column, 0, _MOST_REFERENCE), "reference", "longer than 140 characters", FIXES["reference"])
    for row in np.flatnonzero(column.said).tolist():
        reference = _text(column, row)
        payloads[row] = payload = msgspec.json.encode({"reference": reference})
        if len(payload) > terms.payload_bytes:
            raise too_much_text(part.name(row, "reference"), len(payload), terms.payload_bytes)
        if terms.sandbox:
            records["option"][row] = sandbox.option(reference, pays=True, field=part.name(row, "reference"))
    records["payload_bytes"] = [len(payload) for payload in payloads]
    return payloads
