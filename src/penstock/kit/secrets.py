"""Key material of an installation, one file each in ``PENSTOCK_HOME/secrets`` (folder 0700, files 0600).

In development a missing file is made; in production it must have been put there by the operator
(``docs/operations.md`` says how), because a key that appears by itself is a key that nobody keeps.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


class BadSecret(RuntimeError):
    """A secret is missing, unsafe or malformed; the message names the file and the fix, never the content."""


@dataclass(frozen=True)
class SecretFolder:
    """The secrets of one installation.

    :param folder: where the files lie.
    :param may_make: whether a missing file is made (development) or refused (production).
    """

    folder: Path
    may_make: bool

    def public_id_key(self) -> bytes:
        """16 bytes that hide indices in public ids. Losing it makes every id given out unreadable."""
        return self._read("public-id.key", 16, lambda: secrets.token_bytes(16))

    def lane_hash_key(self) -> int:
        """Key of the hash tables of the lane, a signed 64-bit number: callers cannot choose collisions."""
        return int.from_bytes(self._read("lane-hash.key", 8, lambda: secrets.token_bytes(8)), "little", signed=True)

    def head_key(self) -> Ed25519PrivateKey:
        """The key that signs heads of the journal."""
        text = self._read("head-signing.pem", None, _new_ed25519)
        try:
            key = load_pem_private_key(text, password=None)
        except ValueError as error:
            raise BadSecret(f"{self.folder / 'head-signing.pem'} is no PEM private key; make one as docs/operations.md says") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise BadSecret(f"{self.folder / 'head-signing.pem'} is no Ed25519 key; make one as docs/operations.md says")
        return key

    def database_password(self, role: str) -> str:
        """Password of a database role."""
        text = self._read(f"database-{role}", None, lambda: secrets.token_urlsafe(32).encode())
        try:
            return text.decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise BadSecret(f"{self.folder / f'database-{role}'}: a password is ASCII text") from error

    def bank_key(self) -> str:
        """What proves to the bank that we are ourselves; the bank simulator of this installation demands the same."""
        try:
            return self._read("bank.key", None, lambda: secrets.token_urlsafe(32).encode()).decode("ascii").strip()
        except UnicodeDecodeError as error:
            raise BadSecret(f"{self.folder / 'bank.key'}: the bank's key is ASCII text") from error

    def webhook_key(self) -> bytes:
        """32 bytes under which the secrets of webhooks are sealed in the database. Losing it makes them unusable."""
        return self._read("webhook-secrets.key", 32, lambda: secrets.token_bytes(32))

    def mark_key(self) -> bytes:
        """32 bytes of which marks are made. Losing it makes everything seen so far a stranger."""
        return self._read("mark.key", 32, lambda: secrets.token_bytes(32))

    def make_all(self, roles: tuple[str, ...]) -> None:
        """Read every secret once, so that a missing one is made, or refused, before anything starts."""
        self.public_id_key()
        self.lane_hash_key()
        self.head_key()
        self.webhook_key()
        self.mark_key()
        for role in roles:
            self.database_password(role)

    def _read(self, name: str, size: int | None, make: Callable[[], bytes]) -> bytes:
        path = self.folder / name
        if not path.exists():
            self._make(path, make)
        mode = path.stat().st_mode
        if mode & 0o077:
            raise BadSecret(f"{path} may be read by others (mode {mode & 0o777:o}); run chmod 600 on it")
        content = path.read_bytes()
        if (size is not None and len(content) != size) or not content.strip():
            raise BadSecret(f"{path} has {len(content)} bytes instead of {size or 'a key'}; put the right file there")
        return content

    def _make(self, path: Path, make: Callable[[], bytes]) -> None:
        if not self.may_make:
            raise BadSecret(f"{path} is missing; production makes no keys by itself: put it there as docs/operations.md says")
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        publish_private(path, make())


def publish_private(path: Path, content: bytes) -> None:
    """Write a new file of mode 0600 that appears complete or not at all; the first writer wins."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process made it first: its key counts
            os.link(unfinished, path)
    finally:
        unfinished.unlink()


def _new_ed25519() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
