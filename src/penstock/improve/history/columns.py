"""The canonical columns of a history: what every file becomes once it is mapped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]

#: ``latitude_e4`` and ``longitude_e4`` of a place that is not known.
NO_PLACE: Final = -(2**31)
#: ``known_us`` of what never becomes known.
NEVER_KNOWN: Final = 2**62
#: Values of ``label``.
FRAUD, GENUINE, UNLABELLED = 1, 0, -1


@dataclass(frozen=True)
class History:
    """Payments in the order of their time (stable); all arrays (n,) unless stated.

    Entities are numbered from 1 in the order of their first payment, per column except that payer and payee share one
    numbering; 0 = the file does not say. A number is never shared by what is missing.
    """

    time_us: (
        Int64  # µs since 1970 UTC, never decreasing; steps × the mapping's length of a step where there is no clock
    )
    second_of_day: Int64  # local; -1 = there is no clock
    weekday: Int64  # 0 Monday; -1 = there is no clock
    payer: Int64
    payee: Int64
    instrument: Int64
    device: Int64
    network: Int64
    place: Int64
    category: Int64
    latitude_e4: Int64  # ten-thousandths of a degree, NO_PLACE = not known
    longitude_e4: Int64
    payment_type: Int64  # PaymentType; numbers from 100 for a file's own words; 0 = not known
    channel: Int64  # from 1; 0 = not known
    amount_minor: Int64
    extras: NDArray[np.float32]  # (n, EXTRAS), NaN = not known
    failed: NDArray[np.bool_]  # history's own outcome: declined
    label: NDArray[np.int8]  # FRAUD, GENUINE or UNLABELLED
    known_us: Int64  # when the label is known; NEVER_KNOWN for unlabelled
    intent: Int64  # payments of one number are one intent
    fraud_type: Int64  # from 1, index into names["fraud_type"] + 1; 0 = not said
    row: Int64  # place in the file, from 0
    maturity_us: int  # a payment older than this without a fraud label is known to be genuine
    names: dict[str, list[str]] = field(default_factory=dict)  # column → the text of number i at i - 1
    extra_names: tuple[str, ...] = ()
    file_sha256: str = ""
    bad_rows: dict[str, int] = field(default_factory=dict)  # problem → rows of the file left out because of it

    def __len__(self) -> int:
        return len(self.time_us)

    def select(self, places: NDArray[Any]) -> History:
        """The payments at some places (indices or a mask), in order."""
        arrays = {name: value[places] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        return History(**{**vars(self), **arrays})
