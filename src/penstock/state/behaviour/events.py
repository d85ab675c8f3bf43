"""The events that behaviour is made of: attempts to pay, and labels. Online, in replay and in back-tests the same."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import Flag, Kind
from penstock.contracts.features import SLOT_OF, Entity, Measure
from penstock.contracts.row import ROW
from penstock.contracts.states import State

#: Values of ``kind``.
NOTHING, ATTEMPT, LABEL = 0, 1, 2

EVENT: Final = np.dtype(
    [
        ("time_us", "i8"),
        ("payer", "i8"),  # account index, 0 = nobody that is known
        ("payee", "i8"),
        ("instrument", "i8"),  # keyed hashes, 0 = not said
        ("device", "i8"),
        ("network", "i8"),
        ("place", "i8"),
        ("category", "i8"),
        ("amount_minor", "i8"),
        ("paid_us", "i8"),  # label: when the payment was
        ("latitude_e4", "i4"),
        ("longitude_e4", "i4"),
        ("extra_1", "i4"),  # sign(x) log2(1 + |x|) in 65536ths
        ("extra_2", "i4"),
        ("extra_3", "i4"),
        ("extra_4", "i4"),
        ("kind", "i2"),
        ("quarter", "i2"),  # local quarter of an hour of the day, -1 = there is no clock
        ("weekday", "i2"),  # -1 = there is no clock
        ("payment_type", "i2"),
        ("channel", "i2"),
        ("extras_given", "i2"),
        ("located", "i2"),
        ("novel", "i2"),  # bit n: the pair PAIRS[n] was new
        ("failed", "i2"),  # declined; known to be so from the next second on
        ("waits", "i2"),  # becomes known to be genuine at its maturity, unless a label says otherwise
        ("option", "i2"),  # label: the new one, an Option
        ("was", "i2"),  # label: the one before, 0 = none
    ],
    align=True,
)
#: A row as bytes: numpy copies records of fields twenty times as slowly.
_WHOLE = np.dtype((np.void, ROW.itemsize))
#: The pairs in the order of the bits of ``novel``.
PAIRS: Final = (Entity.PAYER_PAYEE, Entity.PAYER_DEVICE, Entity.PAYER_NETWORK, Entity.PAYER_PLACE)
_SEEN_SLOTS = [SLOT_OF[pair, Measure.SEEN] for pair in PAIRS]
_HOUR_SLOT = SLOT_OF[Entity.PAYMENT, Measure.HOUR]
_SAME = ("time_us", "amount_minor", "instrument", "device", "network", "place", "category", "latitude_e4", "longitude_e4")


def events_of_rows(rows: NDArray[Any]) -> NDArray[Any]:
    """The events (n,) in journal rows (m,) of ``ROW``, n ≤ m: attempts that have a vector, and labels that took effect."""
    assert rows.dtype == ROW, "events are made of whole journal rows"
    attempts = rows["feature_registry"] > 0
    labels = (rows["kind"] == Kind.LABEL) & (rows["state"] == State.DONE)
    chosen = np.ascontiguousarray(rows).view(_WHOLE)[attempts | labels].view(ROW)
    events = np.zeros(len(chosen), EVENT)
    for name in _SAME:
        events[name] = chosen[name]
    events["payer"] = chosen["payer_account"]
    events["payee"] = chosen["payee_account"]
    events["kind"] = np.where(chosen["feature_registry"] > 0, ATTEMPT, LABEL)
    events["located"] = (chosen["flags"] & Flag.LOCATED) != 0
    events["failed"] = chosen["state"] == State.DECLINED
    events["waits"] = 1
    events["paid_us"] = chosen["from_us"]
    events["option"] = chosen["option"]
    events["was"] = chosen["was"]
    vectors = chosen["features"].view(np.float16)
    events["quarter"] = np.where(vectors[:, _HOUR_SLOT] < 0, -1, vectors[:, _HOUR_SLOT].astype(np.float32) * 4)
    for bit, slot in enumerate(_SEEN_SLOTS):
        events["novel"] |= ((vectors[:, slot] == 0) << bit).astype(np.int16)
    return events
