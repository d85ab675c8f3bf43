"""Marks: how the lane knows an instrument, device, network, place or category without knowing its text.

A mark is a 63-bit keyed hash (BLAKE2b, RFC 7693, with the installation's key; the kind is its personalisation, so
that equal texts of two kinds have nothing in common). The edge makes marks of the texts that come with a payment and
drops the texts: rows, memory and logs hold marks alone, and whoever lacks the key can test no guess against them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property, lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.kit import blake2b
from penstock.kit.kernels import kernel

KEY_BYTES: Final = 32
#: Marks kept ready per kind: what is seen often costs a look-up instead of a hash.
_KEPT: Final = 16_384
_MASK: Final = 2**63 - 1
_63_BITS, _0, _1 = np.uint64(_MASK), np.uint64(0), np.uint64(1)
KINDS: Final = ("instrument", "device", "network", "place", "category")
_COLON: Final = ord(":")
#: The bytes of an IPv6 address that name a network; the rest is the device's own choice (RFC 4291, 2.5.1).
_PREFIX_BYTES: Final = 8


class Marks:
    """Makes marks with one key of ``KEY_BYTES`` bytes: ``marks.device(text)`` and so on, from 1; 0 means *not said*."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key of marks has {KEY_BYTES} bytes, not {len(key)}")
        self._key = key
        self.instrument = _kept(_maker(key, b"instrument"))
        self.device = _kept(_maker(key, b"device"))
        network = _maker(key, b"network")
        self.network = _kept(lambda text: network(network_name(text)))
        self.place = _kept(_maker(key, b"place"))
        self.category = _kept(_maker(key, b"category"))

    @cached_property
    def _begun(self) -> dict[str, NDArray[np.uint64]]:
        """The hash of each kind after the key; made when a column is asked for, since most processes ask for none."""
        return {kind: blake2b.begin(self._key, kind.encode()) for kind in KINDS}

    def column(
        self, kind: str, said: NDArray[np.bool_], offsets: NDArray[np.int32], text: NDArray[np.uint8]
    ) -> NDArray[np.int64]:
        """The marks (n,) of the texts of a column, each of at least one byte; 0 where nothing is said.

        :param kind: one of ``KINDS``.
        :param offsets: (n + 1,), where in ``text``, which is UTF-8, each text begins.
        """
        if kind == "network" and (text == _COLON).any():
            return self._networks(said, offsets, text)
        marks = np.empty(len(said), np.int64)
        _mark_column(self._begun[kind], said, offsets, text, np.empty(8, np.uint64), np.empty(16, np.uint64), marks)
        return marks

    def _networks(
        self, said: NDArray[np.bool_], offsets: NDArray[np.int32], text: NDArray[np.uint8]
    ) -> NDArray[np.int64]:
        """The texts with a colon may be IPv6 addresses, of which only a part counts: these are read one by one."""
        colons = np.concatenate(([0], np.cumsum(text == _COLON)))
        apart = said & (colons[offsets[1:]] > colons[offsets[:-1]])
        marks = np.empty(len(said), np.int64)
        _mark_column(
            self._begun["network"], said & ~apart, offsets, text, np.empty(8, np.uint64), np.empty(16, np.uint64), marks
        )
        for row in np.flatnonzero(apart).tolist():
            marks[row] = self.network(text[offsets[row] : offsets[row + 1]].tobytes().decode())
        return marks


@kernel
def _mark_column(
    begun: NDArray[np.uint64],
    said: NDArray[np.bool_],
    offsets: NDArray[np.int32],
    text: NDArray[np.uint8],
    state: NDArray[np.uint64],
    words: NDArray[np.uint64],
    marks: NDArray[np.int64],
) -> None:
    for i in range(marks.shape[0]):
        mark = _0
        if said[i]:
            mark = blake2b.hash_text(begun, text, offsets[i], offsets[i + 1] - offsets[i], state, words) & _63_BITS
            if mark == _0:
                mark = _1
        marks[i] = mark


def network_name(text: str) -> str:
    """The network of an address: an IPv6 address is cut to its /64, a mapped IPv4 one is itself; other texts stay."""
    if ":" not in text:
        return text  # IPv4 has one way of writing only
    try:
        address = IPv6Address(text)
    except AddressValueError:
        return text
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(address.packed[:_PREFIX_BYTES] + bytes(16 - _PREFIX_BYTES))}/{8 * _PREFIX_BYTES}"


def _kept(make: Callable[[str], int]) -> Callable[[str], int]:
    return lru_cache(_KEPT)(make)


def _maker(key: bytes, kind: bytes) -> Callable[[str], int]:
    begun = hashlib.blake2b(digest_size=8, key=key, person=kind)

    def mark(text: str) -> int:
        hashing = begun.copy()  # half the price of beginning with the key each time
        hashing.update(text.encode())
        return int.from_bytes(hashing.digest(), "little") & _MASK or 1

    return mark
