"""Batch bodies of fixed width, made by numpy: a payment costs the generator a fraction of a microsecond."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

ID_BYTES: Final = 17  # acc_ or cus_ and 13 characters
_HEX: Final = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_UUID: Final = b"00000000-0000-7000-8000-000000000000"
_TIME_PLACES: Final = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12)
_RANDOM_PLACES: Final = (15, 16, 17, 20, 21, 22, *range(24, 36))
#: The text in a template that a public id replaces.
_HOLE: Final = b"#" * ID_BYTES
_AMOUNT: Final = b"999"
AMOUNTS: Final = (100, 1000)  # three digits, so that all bodies have one width


class Template:
    """One command as text with holes: its id, up to two public ids, an amount of three digits."""

    def __init__(self, text: str) -> None:
        raw = text.encode().replace(b"$id", _UUID).replace(b"$amount", _AMOUNT)
        for hole in (b"$first", b"$second"):
            raw = raw.replace(hole, _HOLE)
        self._row = np.frombuffer(raw + b",", dtype=np.uint8)
        self._id_at = raw.index(_UUID)
        self._holes = [at for at in range(len(raw)) if raw.startswith(b'"' + _HOLE, at)]
        self._amount_at = raw.find(_AMOUNT)

    def body(
        self, time_ms: int, chance: np.random.Generator, ids: tuple[Bytes, ...] = (), amounts: NDArray[Any] | None = None, count: int = 0
    ) -> bytes:
        """The JSON array of a batch.

        :param ids: public ids as letters, each (count, 17).
        :param amounts: minor units (count,), 100 to 999.
        :param count: commands, when nothing else says how many.
        """
        count = len(ids[0]) if ids else count
        rows = np.tile(self._row, (count, 1))
        self._write_ids(rows, time_ms, chance)
        for at, letters in zip(self._holes, ids, strict=True):
            rows[:, at + 1 : at + 1 + ID_BYTES] = letters
        if amounts is not None:
            for place, unit in enumerate((100, 10, 1)):
                rows[:, self._amount_at + place] = amounts // unit % 10 + ord("0")
        return b"[" + rows.tobytes()[:-1] + b"]"

    def _write_ids(self, rows: Bytes, time_ms: int, chance: np.random.Generator) -> None:
        time_text = np.frombuffer(f"{time_ms:012x}".encode(), dtype=np.uint8)
        rows[:, [self._id_at + place for place in _TIME_PLACES]] = time_text
        digits = chance.integers(0, 16, size=(len(rows), len(_RANDOM_PLACES)), dtype=np.uint8)
        rows[:, [self._id_at + place for place in _RANDOM_PLACES]] = _HEX[digits]


OPEN_CUSTOMER: Final = Template('{"command":"open_customer","id":"$id","tier":"merchant"}')
OPEN_ACCOUNT: Final = Template('{"command":"open_account","id":"$id","customer":"$first","currency":"CNY"}')
DEPOSIT: Final = Template('{"command":"deposit","id":"$id","account":"$first","amount_minor":500000000,"currency":"CNY"}')
PAY: Final = Template(
    '{"command":"pay","id":"$id","payer":"$first","payee":"$second","amount_minor":$amount,"currency":"CNY","type":"transfer"}'
)


def letters(texts: list[str]) -> Bytes:
    """Public ids as letters (n, 17)."""
    return np.frombuffer("".join(texts).encode(), dtype=np.uint8).reshape(len(texts), ID_BYTES)


class Zipf:
    """Payers and payees, popular ones more often: the rank k has the weight 1 / k**exponent."""

    def __init__(self, accounts: int, exponent: float, chance: np.random.Generator) -> None:
        weights = np.arange(1, accounts + 1, dtype=np.float64) ** -exponent
        self._until = np.cumsum(weights)
        self._until /= self._until[-1]
        self._chance = chance
        self._payers, self._payees = (chance.permutation(accounts) for _ in range(2))

    def pairs(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Account numbers from 0 of payers and payees, each (count,), never the same in a pair."""
        ranks = np.searchsorted(self._until, self._chance.random((2, count)))
        payers, payees = self._payers[ranks[0]], self._payees[ranks[1]]
        return payers, np.where(payees == payers, (payees + 1) % len(self._until), payees)
