"""Marks: how the lane knows an instrument, device, network, place or category without knowing its text.

A mark is a 63-bit keyed hash (BLAKE2b, RFC 7693, with the installation's key; the kind is its personalisation, so
that equal texts of two kinds have nothing in common). The edge makes marks of the texts that come with a payment and
drops the texts: rows, memory and logs hold marks alone, and whoever lacks the key can test no guess against them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import Final

KEY_BYTES: Final = 32
#: Marks kept ready per kind: what is seen often costs a look-up instead of a hash.
_KEPT: Final = 16_384
_MASK: Final = 2**63 - 1
#: The bytes of an IPv6 address that name a network; the rest is the device's own choice (RFC 4291, 2.5.1).
_PREFIX_BYTES: Final = 8


class Marks:
    """Makes marks with one key of ``KEY_BYTES`` bytes: ``marks.device(text)`` and so on, from 1; 0 means *not said*."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key of marks has {KEY_BYTES} bytes, not {len(key)}")
        self.instrument = _kept(_maker(key, b"instrument"))
        self.device = _kept(_maker(key, b"device"))
        network = _maker(key, b"network")
        self.network = _kept(lambda text: network(network_name(text)))
        self.place = _kept(_maker(key, b"place"))
        self.category = _kept(_maker(key, b"category"))


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
