"""Identifiers: the caller's UUIDv7 command ids, and public ids that need no dictionary.

A public id is a prefix and 13 Crockford base32 characters: a keyed permutation (Speck64/128) of a
64-bit block whose upper 48 bits are the index (of an account or customer) or the sequence (of a
payment), and whose lower 16 bits are check bits, different for each kind. Whoever lacks the key can
neither count nor guess ids, and a mistyped one is noticed. A valid id gives no right by itself.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.kit import base32, hidden, speck
from penstock.kit.base32 import ALPHABET, CHARACTERS

#: 13 characters have 65 bits: the first one is a digit below 16.
_BODY: Final = re.compile(r"[0-9a-f][0-9a-hjkmnp-tv-z]{12}")
#: From Crockford's digits to those of Python's ``int(text, 32)``.
_TO_PYTHON: Final = str.maketrans(ALPHABET, "0123456789abcdefghijklmnopqrstuv")
MAX_INDEX: Final = 2**48 - 1
#: Account ids that are kept, each way: some 20 MB when all are taken.
_KNOWN: Final = 65_536


class Kind(Enum):
    """What a public id names: its prefix and its check bits."""

    ACCOUNT = ("acc", 0xACC0)
    CUSTOMER = ("cus", 0xC057)
    PAYMENT = ("pay", 0x9A75)
    CURSOR = ("cur", 0xC045)
    EVENT = ("evt", 0xE7E7)
    WEBHOOK = ("whk", 0x3EB0)
    APPROVAL = ("apr", 0xA991)
    DIFFERENCE = ("dif", 0xD1FF)
    RECOVERY = ("rec", 0x4EC0)

    def __init__(self, prefix: str, check: int) -> None:
        """``prefix``: the letters before the underscore; ``check``: the 16 check bits."""
        self.prefix = prefix
        self.check = check
        #: What every id of the kind begins with, as bytes.
        self.letters: NDArray[np.uint8] = np.array(bytearray(f"{prefix}_", "ascii"), dtype=np.uint8)


class BadPublicId(ValueError):
    """The text is not a public id of the kind asked for; the message says what is wrong with it."""


class PublicIds:
    """Turns indices into public ids and back, with the installation's 16-byte key."""

    def __init__(self, key: bytes) -> None:
        self._keys = speck.expand_key(key)
        # An account that is read in a request is written in its answer, and those who pay often come again.
        # They are kept by index and text alone: to hash a kind as well would cost as much as the look-up.
        self._account_text = lru_cache(_KNOWN)(lambda index: self._write(Kind.ACCOUNT, index, 0))
        self._account_index = lru_cache(_KNOWN)(lambda text: self._read(Kind.ACCOUNT, text, 0))

    def encode(self, kind: Kind, index: int, bound_to: int = 0) -> str:
        """Write ``index`` (0 < index < 2**48) as a public id of ``kind``.

        ``bound_to``: an index without which the id cannot be read, as a history's cursor is bound to its account.
        """
        if kind is Kind.ACCOUNT and not bound_to:
            return self._account_text(index)
        return self._write(kind, index, bound_to)

    def _write(self, kind: Kind, index: int, bound_to: int) -> str:
        assert 0 < index <= MAX_INDEX
        letters = np.empty(CHARACTERS, dtype=np.uint8)
        hidden.write_hidden(self._keys, index, _bind(kind, bound_to) if bound_to else kind.check, letters)
        return f"{kind.prefix}_{letters.tobytes().decode('ascii')}"

    def decode(self, kind: Kind, text: str, bound_to: int = 0) -> int:
        """Read the index of a public id, made with the same ``bound_to``.

        :raises BadPublicId: when the text is no id, an id of another kind, or mistyped.
        """
        if kind is Kind.ACCOUNT and not bound_to:
            return self._account_index(text)
        return self._read(kind, text, bound_to)

    def _read(self, kind: Kind, text: str, bound_to: int) -> int:
        plain = int(speck.decrypt_block(self._keys, np.uint64(_number(kind, text))))
        if plain & 0xFFFF != _bind(kind, bound_to) or plain >> 16 == 0:
            raise BadPublicId(f"{text!r} is not an id that this installation gave out; check it for typing errors")
        return plain >> 16

    def encode_many(self, kind: Kind, indices: NDArray[np.int64]) -> list[str]:
        """Write many ids at once, each index in 0 < index < 2**48."""
        assert len(indices) == 0 or (indices.min() > 0 and indices.max() <= MAX_INDEX)
        width = width_of(kind)
        text = self.encode_column(kind, indices).tobytes().decode("ascii")
        return [text[start : start + width] for start in range(0, len(text), width)]

    def decode_many(self, kind: Kind, texts: Sequence[str]) -> NDArray[np.int64]:
        """Read many ids at once.

        :returns: the indices, 0 where the text is no id of the kind; ``decode`` tells what is wrong with it.
        """
        width = width_of(kind)
        fits = [len(text) == width and text.isascii() for text in texts]
        blank = "_" * width
        joined = "".join(text if fit else blank for text, fit in zip(texts, fits, strict=True))
        return self.decode_column(kind, np.frombuffer(joined.encode("ascii"), dtype=np.uint8).reshape(-1, width))

    def encode_column(self, kind: Kind, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Write a column of ids as letters (n, width), each index in 0 <= index < 2**48; of 0 all bytes are 0."""
        blocks = indices.astype(np.uint64)
        blocks <<= np.uint64(16)
        blocks |= np.uint64(kind.check)
        speck.encrypt(self._keys, blocks, blocks)
        letters = np.empty((len(indices), width_of(kind)), dtype=np.uint8)
        base32.write_numbers(blocks, kind.letters, letters)
        if not indices.all():
            letters[indices == 0] = 0
        return letters

    def decode_column(self, kind: Kind, letters: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Read a column of ids from letters (n, width).

        :returns: the indices, 0 where the letters are no id of the kind; ``decode`` tells what is wrong with them.
        """
        numbers, good = np.empty(len(letters), np.uint64), np.empty(len(letters), np.bool_)
        base32.read_numbers(letters, kind.letters, numbers, good)
        speck.decrypt(self._keys, numbers, numbers)
        good &= numbers & np.uint64(0xFFFF) == np.uint64(kind.check)
        return np.where(good, numbers >> np.uint64(16), np.uint64(0)).astype(np.int64)


def width_of(kind: Kind) -> int:
    """How many characters an id of this kind has."""
    return len(kind.letters) + CHARACTERS


def _bind(kind: Kind, bound_to: int) -> int:
    """The check bits of a kind, mixed with the index that the id is bound to (0 = none)."""
    return kind.check ^ (bound_to * 0x9E3779B97F4A7C15 >> 40 & 0xFFFF)


def _number(kind: Kind, text: str) -> int:
    prefix, _, body = text.partition("_")
    if prefix != kind.prefix or len(body) != CHARACTERS:
        raise BadPublicId(f"expected an id like {kind.prefix}_ and {CHARACTERS} characters, got {text[:40]!r}")
    if not _BODY.fullmatch(body):
        raise BadPublicId(f"{text!r} holds a character that no id has; check it for typing errors")
    return int(body.translate(_TO_PYTHON), 32)


def make_uuid7(time_ms: int, random: bytes) -> uuid.UUID:
    """Make a UUIDv7 (RFC 9562, section 5.7) of a Unix time in ms and 10 random bytes."""
    tail = int.from_bytes(random[:10], "big")
    value = (time_ms & (2**48 - 1)) << 80 | 7 << 76 | (tail >> 64 & 0xFFF) << 64 | 2 << 62 | tail & (2**62 - 1)
    return uuid.UUID(int=value)


def uuid7_time_ms(high: int) -> int:
    """The Unix time in ms of a UUIDv7, from its upper half as a signed 64-bit number."""
    return (high & (2**64 - 1)) >> 16


def is_uuid7(value: uuid.UUID) -> bool:
    """Whether the uuid has version 7 and the RFC's variant."""
    return value.version == 7


def split_uuid(value: uuid.UUID) -> tuple[int, int]:
    """The two halves of a uuid as signed 64-bit numbers."""
    number = value.int
    return _signed(number >> 64), _signed(number & (2**64 - 1))


def lane_command_id(seq: int) -> tuple[int, int]:
    """The id of a command that the lane makes itself: a UUIDv8 that carries the row's sequence."""
    return split_uuid(uuid.UUID(int=8 << 76 | 2 << 62 | seq))


def derived_command_id(time_ms: int, key: str) -> uuid.UUID:
    """A UUIDv7 that always comes out the same for a time (Unix ms) and a key, such as a tail's name and a sequence.

    What sends a command again after a crash sends it under the same id, and gets the one true outcome.
    """
    random = int.from_bytes(hashlib.sha256(key.encode()).digest()[:10], "big") & (2**74 - 1)
    return uuid.UUID(int=time_ms << 80 | 7 << 76 | (random >> 62) << 64 | 2 << 62 | random & (2**62 - 1))


def _signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number
