"""What comes with a payment: from the texts and numbers of its body to fields of the ``COMMAND`` record."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Final, NamedTuple

from penstock.contracts.commands import FACTOR_KINDS, Channel, Factor, Flag
from penstock.contracts.marks import Marks
from penstock.process.commands.bodies import Location, WithOrigin

CHANNELS: Final[dict[str | None, int]] = {channel.name.lower(): int(channel) for channel in Channel} | {None: 0}
_FACTORS: Final = {factor.name.lower(): int(factor) for factor in Factor if factor.name}
_KINDS: Final = tuple(map(int, FACTOR_KINDS))
_LOCATED: Final = int(Flag.LOCATED)
DEGREE: Final = 10_000
EXTRA_UNIT: Final = 65_536
_FOUR: Final = (0,) * 4
#: All that a body says of it at once: this is a busy line of the edge.
_FIELDS: Final = ("instrument", "device", "network", "place", "category", "location", "channel", "extras", "factors")
_SAID: Final = attrgetter(*_FIELDS)
_SILENCE: Final = (None,) * len(_FIELDS)


class Origin(NamedTuple):
    """What comes with a payment, in the groups of fields in which a record holds it."""

    #: instrument, device, network, place, category; 0 = not said.
    marks: tuple[int, ...]
    #: latitude and longitude in ten-thousandths of a degree, then the four extra numbers.
    numbers: tuple[int, ...]
    #: channel, factors, verification, extras given.
    way: tuple[int, ...]
    #: ``LOCATED`` or nothing.
    flags: int


NOTHING: Final = Origin((0,) * 5, (0,) * 6, (0,) * 4, 0)


def origin_of(body: WithOrigin, marks: Marks) -> Origin:
    """What comes with a payment; texts become marks here and go no further."""
    said = _SAID(body)
    if said == _SILENCE:
        return NOTHING
    instrument, device, network, place, category, location, channel, extras, factors = said
    found = (
        marks.instrument(instrument) if instrument else 0,
        marks.device(device) if device else 0,
        marks.network(network) if network else 0,
        marks.place(place) if place else 0,
        marks.category(category) if category else 0,
    )
    numbers, given = NOTHING.numbers, 0
    if location is not None or extras:
        few, given = extra_numbers(extras) if extras else (_FOUR, 0)
        numbers = (*_place(location), *few)
    factor_bits, kinds = verified_by(tuple(factors)) if factors else (0, 0)
    return Origin(found, numbers, (CHANNELS[channel], factor_bits, kinds, given), 0 if location is None else _LOCATED)


def _place(location: Location | None) -> tuple[int, int]:
    return (0, 0) if location is None else (round(location.latitude * DEGREE), round(location.longitude * DEGREE))


def extra_numbers(extras: Sequence[float | None]) -> tuple[tuple[int, ...], int]:
    """Four extra numbers as sign(x)·log2(1 + |x|) in 65536ths, 0 where none is given, and the bits of those given."""
    few, given = list(_FOUR), 0
    for place, extra in enumerate(extras):
        if extra is not None:
            few[place] = round(math.copysign(math.log2(1 + abs(extra)), extra) * EXTRA_UNIT)
            given |= 1 << place
    return tuple(few), given


@lru_cache(1024)
def verified_by(factors: tuple[str, ...]) -> tuple[int, int]:
    """The bitmask of factors by their names, and how many kinds (know, have, are) they make."""
    mask = 0
    for name in factors:
        mask |= _FACTORS[name]
    return mask, sum(mask & kind != 0 for kind in _KINDS)
