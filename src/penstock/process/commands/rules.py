"""What the fields of one body say together. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from penstock.kit.http.problem import wrong_field
from penstock.process.commands import bodies, control_bodies
from penstock.process.commands.bodies import Body

_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


Place = int | None


def field_name(place: Place, name: str) -> str:
    """A field as a problem names it; ``place`` is the body's number in a batch, None when it came alone."""
    return name if place is None else f"items[{place}].{name}"


def check(item: Body, place: Place) -> None:
    """Refuse fields that contradict each other.

    :raises Problem: 422, naming the field.
    """
    found = _CHECKS.get(type(item))
    if found is not None:
        found(item, place)


def _pay(item: bodies.Pay, place: Place) -> None:
    if item.hold_lifetime_s is not None and not item.hold_only:
        raise wrong_field(
            field_name(place, "hold_lifetime_s"), "only a hold has a lifetime", "send hold_only: true, or leave it out"
        )
    if item.hold_only and item.arrival != "instant":
        fix = "leave hold_only out: a payment that arrives later clears by itself"
        raise wrong_field(field_name(place, "arrival"), "a hold has no arrival", fix)


def _freeze(item: control_bodies.Freeze, place: Place) -> None:
    if (item.side == "amount") != (item.amount_minor is not None):
        fix = "send amount_minor together with the side amount, and with no other"
        raise wrong_field(field_name(place, "amount_minor"), f"does not go with the side {item.side}", fix)
    _check_times(place, item.from_, item.until)


def _set_limit(item: control_bodies.SetLimit, place: Place) -> None:
    if item.remove == (item.value is not None):
        raise wrong_field(field_name(place, "value"), "a limit is either set or removed", "send a value, or remove: true")
    if item.remove and item.until is not None:
        raise wrong_field(field_name(place, "until"), "a removed limit has no end", "leave until out")
    _check_times(place, None, item.until)


def _recover(item: control_bodies.Recover, place: Place) -> None:
    if item.correction == "reverse":
        return
    for field, given in (("amount_minor", item.amount_minor), ("from_suspense", item.from_suspense or None)):
        if given is not None:
            fix = "leave it out: the bank's part is finished as a whole"
            raise wrong_field(field_name(place, field), f"does not go with {item.correction}", fix)


def _publish_model(item: control_bodies.PublishModelItem, place: Place) -> None:
    if not _SHA256.fullmatch(item.sha256):
        fix = "send the SHA-256 of the ONNX file in 64 lower-case hexadecimal digits, as GET /v1/models shows it"
        raise wrong_field(field_name(place, "model"), "not a model's SHA-256", fix)


def _check_times(place: Place, start: datetime | None, end: datetime | None) -> None:
    for field, time in (("from", start), ("until", end)):
        if time is not None and time <= _EPOCH:
            raise wrong_field(field_name(place, field), "a time before 1970", "send the time that is meant")
    if start is not None and end is not None and end <= start:
        raise wrong_field(field_name(place, "until"), "not after from", "send an end that lies after the beginning")


_CHECKS: Final[Mapping[type, Callable[[Any, Place], None]]] = MappingProxyType({
    bodies.PayItem: _pay,
    control_bodies.FreezeItem: _freeze,
    control_bodies.SetLimitItem: _set_limit,
    control_bodies.RecoverItem: _recover,
    control_bodies.PublishModelItem: _publish_model,
})  # fmt: skip
