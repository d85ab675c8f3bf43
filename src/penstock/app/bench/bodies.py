"""Payments as JSON of fixed width, made by numpy: a payment costs the generator a fraction of a microsecond."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from penstock.app.bench.payments import CHANNELS, Bytes, Payments

MEDIA_TYPE: Final = "application/json"
_HEX: Final = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
#: Where the 32 digits of a UUID stand in its text.
_DIGITS: Final = [place for place in range(36) if place not in (8, 13, 18, 23)]
#: A payment with a hole for each value: a letter that stands nowhere else, as often as the value is wide.
_PAYMENT: Final = (
    '"id":"%s","payer":"%s","payee":"%s","amount_minor":%s,"currency":"CNY","type":"transfer",'
    '"device":"%s","network":"%s","channel":"%s"}'
)
_HOLES: Final = {
    "id": "@@@@@@@@-@@@@-@@@@-@@@@-@@@@@@@@@@@@", "payer": "#" * 17, "payee": "$" * 17, "amount": "!" * 5,
    "device": "?" * 13, "network": "^" * 15, "channel": "~" * 3,
}  # fmt: skip
#: All of one width.
_CHANNELS: Final = np.frombuffer(b"appwebposatm", dtype=np.uint8).reshape(CHANNELS, 3)


class Template:
    """One payment as text with holes."""

    def __init__(self, beginning: str, end: str) -> None:
        """``beginning`` and ``end``: what stands before the id's name, and after the payment."""
        raw = (beginning + _PAYMENT % tuple(_HOLES.values()) + end).encode()
        self._row = np.frombuffer(raw, dtype=np.uint8)
        self._places = {name: slice(at := raw.index(hole.encode()), at + len(hole)) for name, hole in _HOLES.items()}

    def rows(self, payments: Payments) -> Bytes:
        """The payments (n, width)."""
        rows = np.tile(self._row, (len(payments.payers), 1))
        digits = payments.ids.view(np.uint8).reshape(len(rows), 16)
        text = rows[:, self._places["id"]]
        text[:, _DIGITS] = _HEX[np.stack([digits >> 4, digits & 15], axis=-1).reshape(len(rows), 32)]
        values = {
            "payer": payments.payers, "payee": payments.payees, "device": payments.devices,
            "network": payments.networks, "channel": _CHANNELS[payments.channels],
        }  # fmt: skip
        for name, letters in values.items():
            rows[:, self._places[name]] = letters
        first = self._places["amount"].start
        for place, unit in enumerate((10_000, 1000, 100, 10, 1)):
            rows[:, first + place] = payments.amounts_minor // unit % 10 + ord("0")
        return rows


_ITEM: Final = Template('{"command":"pay",', ",")
_SINGLE: Final = Template("{", "")


def batch_body(payments: Payments) -> bytes:
    """A batch, for ``POST /v1/batch``."""
    return b"[" + _ITEM.rows(payments).tobytes()[:-1] + b"]"


def single_bodies(payments: Payments) -> list[bytes]:
    """One body for each payment, for ``POST /v1/payments``."""
    rows = _SINGLE.rows(payments)
    text, width = rows.tobytes(), rows.shape[1]
    return [text[at : at + width] for at in range(0, len(text), width)]


class Said(msgspec.Struct):
    """What counts of an outcome in JSON."""

    reason: str
    score: float | None = None
    model_version: int = 0


_MANY: Final = msgspec.json.Decoder(list[Said])
_ONE: Final = msgspec.json.Decoder(Said)


def read_outcomes(body: bytes) -> list[Said]:
    """The outcomes of a batch, or of a single payment."""
    return [_ONE.decode(body)] if body.startswith(b"{") else _MANY.decode(body)
