"""Sealing small secrets for the database: AES-256-GCM under an installation's key, bound to what they belong to.

Sealed bytes: one byte of version, 12 bytes of nonce, then the ciphertext with its tag (NIST SP 800-38D).
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
_VERSION: Final = b"\x01"


class BrokenSeal(RuntimeError):
    """Sealed bytes cannot be opened: another key, another owner, or changed; the message never holds the content."""


class Sealer:
    """Seals and opens with one key of ``KEY_BYTES`` bytes."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, owner: str, nonce: bytes) -> bytes:
        """Seal ``plain``; it opens for the same ``owner`` only. ``nonce``: 12 random bytes, never used twice."""
        assert len(nonce) == NONCE_BYTES
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, _VERSION + owner.encode())

    def open(self, sealed: bytes, owner: str) -> bytes:
        """Open what was sealed for ``owner``.

        :raises BrokenSeal: when it was not sealed with this key for this owner.
        """
        nonce, rest = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        if sealed[:1] != _VERSION or len(nonce) != NONCE_BYTES:
            raise BrokenSeal(f"what is sealed for {owner} has another form; was the column changed?")
        try:
            return self._cipher.decrypt(nonce, rest, _VERSION + owner.encode())
        except InvalidTag:
            raise BrokenSeal(f"what is sealed for {owner} does not open; is webhook-secrets.key the right one?") from None
