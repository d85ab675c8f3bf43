"""Signed heads: where the journal stood at a moment, kept outside of the database.

A digest chain inside the database proves nothing against who may rewrite the database; a head that
was signed and put elsewhere shows that the tail was cut or the chain was written anew. The format is
in ``docs/journal-format.md``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from penstock.kit.durable import sync_folder

#: An unchanged head is written again after so long, to show that the signer lives.
REPEAT_US: Final = 60_000_000
_KEYS: Final = {"lane": int, "seq": int, "digest": str, "time_us": int, "key": str, "signature": str}


class BadHead(ValueError):
    """A head is malformed or its signature is not of this key; the message names file and line."""


@dataclass(frozen=True)
class Head:
    """One signed head: the lane's last committed row, the digest of its batch and the row's time."""

    lane: int
    seq: int
    digest: bytes
    time_us: int
    key: str
    signature: bytes

    def message(self) -> bytes:
        """The bytes that are signed."""
        return _message(self.lane, self.seq, self.digest, self.time_us)

    def line(self) -> str:
        """The head as one line of JSON."""
        fields = {
            "lane": self.lane,
            "seq": self.seq,
            "digest": self.digest.hex(),
            "time_us": self.time_us,
            "key": self.key,
            "signature": base64.b64encode(self.signature).decode("ascii"),
        }
        return json.dumps(fields, separators=(",", ":")) + "\n"


class HeadSigner:
    """Signs heads into ``folder``, a file per UTC day; owns the open file."""

    def __init__(self, folder: Path, private_key: Ed25519PrivateKey) -> None:
        self._folder = folder
        self._key = private_key
        self._key_id = key_id(private_key.public_key())
        self._last: dict[int, tuple[int, bytes, int]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        _publish_public_key(folder, private_key.public_key())

    def sign(self, lane: int, seq: int, digest: bytes, time_us: int, now_us: int) -> Head | None:
        """Write a head if it changed, or if the last one was written a minute ago.

        :param digest: 32 bytes, of the batch that ends with ``seq``.
        :param time_us: of the row ``seq``.
        :param now_us: the clock; decides on the file.
        :return: the head, safe on disk; None when there was nothing to write.
        """
        last = self._last.get(lane)
        if last is not None and last[:2] == (seq, digest) and now_us - last[2] < REPEAT_US:
            return None
        signature = self._key.sign(_message(lane, seq, digest, time_us))
        head = Head(lane, seq, digest, time_us, self._key_id, signature)
        _append(self._folder / f"{_day(now_us)}.jsonl", head.line())
        self._last[lane] = (seq, digest, now_us)
        return head


def read_heads(path: Path) -> list[Head]:
    """Read the heads of a file, or of all files of a folder, oldest first.

    A last line without its end is what a crash leaves behind, and is left out.

    :raises BadHead: when a complete line is no head.
    """
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    return [head for file in files for head in _read_file(file)]


def check_head(head: Head, public_key: Ed25519PublicKey) -> None:
    """Check a head's signature.

    :raises BadHead: when the head was not signed with this key, or was changed since.
    """
    try:
        public_key.verify(head.signature, head.message())
    except InvalidSignature as error:
        raise BadHead(
            f"the head of lane {head.lane} at {head.seq} was changed or signed by another key ({head.key}); this is {key_id(public_key)}"
        ) from error


def load_public_key(path: Path) -> Ed25519PublicKey:
    """Read a public key such as ``heads/public.pem``.

    :raises BadHead: when the file holds no Ed25519 public key.
    """
    try:
        key = load_pem_public_key(path.read_bytes())
    except ValueError as error:
        raise BadHead(f"{path} holds no PEM public key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise BadHead(f"{path} holds no Ed25519 key; heads are signed with Ed25519")
    return key


def key_id(public_key: Ed25519PublicKey) -> str:
    """The first 16 hex digits of the SHA-256 of the raw public key."""
    return hashlib.sha256(public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def _message(lane: int, seq: int, digest: bytes, time_us: int) -> bytes:
    return f"penstock-head:{lane}:{seq}:{digest.hex()}:{time_us}".encode("ascii")


def _day(time_us: int) -> str:
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).date().isoformat()


def _append(path: Path, line: str) -> None:
    """Append a line and wait for the disk; what a crash left of a line is cut off first."""
    new = not path.exists()
    with path.open("ab+") as file:
        _cut_torn_line(file.fileno())
        file.write(line.encode("ascii"))
        file.flush()
        os.fsync(file.fileno())
    if new:
        sync_folder(path.parent)


def _cut_torn_line(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    tail_start = max(0, size - 4096)
    tail = os.pread(descriptor, size - tail_start, tail_start)
    if tail and not tail.endswith(b"\n"):
        os.ftruncate(descriptor, tail_start + tail.rfind(b"\n") + 1)


def _publish_public_key(folder: Path, public_key: Ed25519PublicKey) -> None:
    text = public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    path = folder / "public.pem"
    if path.exists() and path.read_bytes() == text:
        return
    unfinished = folder / ".public.pem"
    unfinished.write_bytes(text)
    unfinished.replace(path)


def _read_file(path: Path) -> list[Head]:
    lines = path.read_text("utf-8", errors="replace").split("\n")
    return [_parse(path, number, line) for number, line in enumerate(lines[:-1], start=1) if line]


def _parse(path: Path, number: int, line: str) -> Head:
    try:
        fields = _require_form(json.loads(line))
        digest, signature = bytes.fromhex(fields["digest"]), base64.b64decode(fields["signature"], validate=True)
    except ValueError as error:
        raise BadHead(f"{path}, line {number}: {error}") from error
    return Head(fields["lane"], fields["seq"], digest, fields["time_us"], fields["key"], signature)


def _require_form(fields: Any) -> dict[str, Any]:
    if not isinstance(fields, dict) or set(fields) != set(_KEYS):
        raise ValueError(f"a head has exactly the keys {', '.join(_KEYS)}")
    for key, kind in _KEYS.items():
        if type(fields[key]) is not kind:
            raise ValueError(f"{key} is not of type {kind.__name__}")
    return fields
