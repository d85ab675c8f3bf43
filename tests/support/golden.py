"""A history of events that is the same for ever, and the marks of what the kernel makes of it.

The events come from ``random.Random.random`` alone, whose sequence Python promises to keep.
"""

from __future__ import annotations

import hashlib
import random
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import Option
from penstock.state.behaviour.events import ATTEMPT, EVENT, LABEL, NOTHING
from penstock.state.tables import State
from support.streams import BEHAVIOUR, START_US

ACCOUNTS: Final = 60
_PARTIES: Final = {"payee": ACCOUNTS, "instrument": 150, "device": 200, "network": 120, "place": 90, "category": 20}
_OPTIONS: Final = (0, int(Option.LABEL_FRAUD), int(Option.LABEL_GENUINE), int(Option.LABEL_NONE))
_PAUSES_US: Final = (1, 1_000, 400_000, 60_000_000, 3_600_000_000, 86_400_000_000, 30 * 86_400_000_000)
_PAUSE_SHARES: Final = (0.3, 0.55, 0.7, 0.85, 0.97, 0.998, 1.0)


def golden_events(seed: int, count: int) -> NDArray[np.void]:
    """Events (n,) of all kinds in lane time: attempts with and without each party, labels, and what is nothing."""
    dice = random.Random(seed)
    events = np.zeros(count, EVENT)
    now = START_US
    for place, event in enumerate(events):
        now += _pause(dice)
        event["time_us"] = now
        kind = dice.random()
        if kind < 0.75 or place == 0:
            _fill_attempt(dice, event)
        elif kind < 0.97:
            _fill_label(dice, event, events[int(place * dice.random() ** 0.2)])
        else:
            _fill_attempt(dice, event)
            event["kind"] = NOTHING
    return events


def _pause(dice: random.Random) -> int:
    chosen = dice.random()
    longest = next(pause for pause, share in zip(_PAUSES_US, _PAUSE_SHARES, strict=True) if chosen < share)
    return 1 + int(longest * dice.random())


def _fill_attempt(dice: random.Random, event: Any) -> None:
    event["kind"] = ATTEMPT
    event["payer"] = 0 if dice.random() < 0.03 else 1 + int(ACCOUNTS * dice.random() ** 2)
    for name, most in _PARTIES.items():
        event[name] = 0 if dice.random() < 0.1 else 1 + int(most * dice.random() ** 3)
    if dice.random() < 0.05:
        event["network"] += int(dice.random() * (1 << 62))  # as large as a hash is
    event["amount_minor"] = int(10 ** (16 * dice.random() ** 2)) - 1
    event["quarter"], event["weekday"] = int(97 * dice.random()) - 1, int(8 * dice.random()) - 1
    event["payment_type"], event["channel"] = int(4 * dice.random()), int(9 * dice.random())
    event["extras_given"] = int(16 * dice.random())
    for number in range(1, 5):
        event[f"extra_{number}"] = int((dice.random() - 0.5) * 80 * 65_536)
    event["located"] = dice.random() < 0.6
    event["latitude_e4"], event["longitude_e4"] = int(dice.random() * 600_000), int((dice.random() - 0.5) * 3_600_000)
    event["failed"], event["waits"] = dice.random() < 0.2, dice.random() < 0.9


def _fill_label(dice: random.Random, event: Any, attempt: Any) -> None:
    event["kind"], event["paid_us"] = LABEL, attempt["time_us"]
    for name in ("payer", *_PARTIES):
        event[name] = attempt[name]
    event["was"], event["option"] = (_OPTIONS[int(4 * dice.random())] for _ in range(2))


def mark(*parts: NDArray[Any]) -> str:
    """The beginning of the SHA-256 of arrays."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:16]


def mark_memory(state: State) -> dict[str, str]:
    """The mark of each table of behaviour."""
    return {name: mark(getattr(state, name)) for name in BEHAVIOUR}
