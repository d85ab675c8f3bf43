"""Drawing payments by chance: who pays whom, from which device and network. All for whole arrays at once."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

#: Minor units, from and below: five digits, so that JSON bodies have one width. Of three, 3 % of 80,000 payments a second look like one
#: of the minute before, as popular accounts meet so often; no wallet's do, and the search for duplicates would be what is measured.
AMOUNTS_MINOR: Final = (10_000, 100_000)
CHANNELS: Final = 4
#: Payments that come by the payer's other device.
OTHER_DEVICE_SHARE: Final = 0.02
#: Neighbours that share a network.
NEIGHBOURS: Final = 4
_DEVICE: Final = b"dev-00000000a"
_OTHER: Final = ord("b")
_NETWORK: Final = b"100.100.100.100"
#: Each of the four numbers of an address is 100 to 227, so that all have three digits.
_NETWORK_BASE: Final = 128
_VERSION, _VARIANT = np.uint64(0x7000), np.uint64(1 << 63)
_12_BITS, _62_BITS = np.uint64(0xFFF), np.uint64(2**62 - 1)


class Payments(NamedTuple):
    """A batch of ``n`` payments in columns. Public ids, devices and networks are letters (n, width)."""

    ids: NDArray[np.uint64]  # (n, 2), as the bytes of UUIDv7s
    payers: Bytes
    payees: Bytes
    amounts_minor: NDArray[np.int64]
    devices: Bytes
    networks: Bytes
    channels: NDArray[np.int32]  # 0 … CHANNELS - 1


class Zipf:
    """Payers and payees, popular ones more often: rank k weighs the integral of x**-exponent from k to k + 1.

    That is 1 / k**exponent but for the very first ranks, and its inverse has a closed form: no table is searched.
    """

    def __init__(self, accounts: int, exponent: float, chance: np.random.Generator) -> None:
        self._accounts, self._exponent, self._chance = accounts, exponent, chance
        self.payers, self.payees = (chance.permutation(accounts).astype(np.int32) for _ in range(2))

    def ranks(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ranks from 0 of payers and payees, each (count,); the same account is never in a pair."""
        payer, payee = self._ranks(2 * count).reshape(2, count)
        same = self.payers[payer] == self.payees[payee]
        return payer, np.where(same, (payee + 1) % self._accounts, payee)

    def _ranks(self, count: int) -> NDArray[np.int64]:
        share, power = self._chance.random(count), 1.0 - self._exponent
        if abs(power) < 1e-9:
            place = np.exp(share * np.log(self._accounts + 1))
        else:
            place = (1.0 + share * ((self._accounts + 1) ** power - 1.0)) ** (1.0 / power)
        ranks: NDArray[np.int64] = np.minimum(place.astype(np.int64) - 1, self._accounts - 1)
        return ranks


class Draw:
    """Draws batches of payments between accounts, each with its own device, on a network shared with neighbours."""

    def __init__(self, accounts: Bytes, exponent: float, chance: np.random.Generator) -> None:
        """``accounts``: public ids as letters (n, 17)."""
        self._chance = chance
        self._zipf = Zipf(len(accounts), exponent, chance)
        payers = self._zipf.payers
        # By rank, so that what is drawn often lies together and stays in the cache.
        self._payers, self._payees = accounts[payers], accounts[self._zipf.payees]
        self._devices, self._networks = device_texts(payers), network_texts(payers // NEIGHBOURS)

    def payments(self, count: int, time_ms: int) -> Payments:
        """The next payments; their ids are of that time."""
        chance = self._chance
        payer, payee = self._zipf.ranks(count)
        devices = self._devices.take(payer, axis=0)
        devices[chance.random(count) < OTHER_DEVICE_SHARE, -1] = _OTHER
        return Payments(
            command_ids(count, time_ms, chance),
            self._payers.take(payer, axis=0),
            self._payees.take(payee, axis=0),
            chance.integers(*AMOUNTS_MINOR, size=count),
            devices,
            self._networks.take(payer, axis=0),
            chance.integers(0, CHANNELS, size=count, dtype=np.int32),
        )


def command_ids(count: int, time_ms: int, chance: np.random.Generator) -> NDArray[np.uint64]:
    """UUIDv7s of a time (count, 2), in the order of their bytes."""
    ids = chance.integers(0, 2**64, size=(count, 2), dtype=np.uint64)
    ids[:, 0] = (ids[:, 0] & _12_BITS) | _VERSION | np.uint64(time_ms << 16)
    ids[:, 1] = (ids[:, 1] & _62_BITS) | _VARIANT
    return ids.byteswap()


def device_texts(numbers: NDArray[np.int32]) -> Bytes:
    """The first device of each account, as letters (n, 13): dev-, eight digits, a; the other one ends with b."""
    texts = np.tile(np.frombuffer(_DEVICE, np.uint8), (len(numbers), 1))
    for place in range(8):
        texts[:, 11 - place] += (numbers // 10**place % 10).astype(np.uint8)
    return texts


def network_texts(numbers: NDArray[np.int32]) -> Bytes:
    """IPv4 addresses as letters (n, 15)."""
    texts = np.tile(np.frombuffer(_NETWORK, np.uint8), (len(numbers), 1))
    for part in range(4):
        value = numbers // _NETWORK_BASE**part % _NETWORK_BASE
        for digit in range(3):
            texts[:, 14 - 4 * part - digit] = (value + 100) // 10**digit % 10 + ord("0")
    return texts
