"""Signed heads: what was written outside the database at the time, so that a later change inside it shows."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from penstock.review.verify.findings import Findings
from penstock.review.verify.read import CannotVerify


class Head(msgspec.Struct, frozen=True):
    """One line of a file of heads."""

    lane: int
    seq: int
    digest: str
    time_us: int
    key: str
    signature: str


@dataclass(frozen=True)
class FoundHead:
    """A head and where it stood; ``head`` is None when the line cannot be read."""

    place: str
    head: Head | None


def read_heads(files: Sequence[Path]) -> list[FoundHead]:
    """Read every line of some files.

    :raises CannotVerify: when a file cannot be read.
    """
    found = []
    for file in files:
        try:
            lines = file.read_bytes().split(b"\n")
        except OSError as error:
            raise CannotVerify(f"the heads in {file} cannot be read: {error.strerror}") from error
        torn = lines.pop()  # after the last line's end: empty, or being written at this moment
        if not lines and torn.strip():  # a file of one head without a line's end
            lines = [torn]
        found += [FoundHead(f"{file.name}:{n}", _decode(line)) for n, line in enumerate(lines, 1) if line.strip()]
    return found


def head_files(folder: Path) -> list[Path]:
    """The files of heads of an installation, oldest first."""
    return sorted(folder.glob("*.jsonl"))


def load_public_key(file: Path) -> Ed25519PublicKey:
    """Read the public key that signed the heads.

    :raises CannotVerify: when there is none, or it is of another kind.
    """
    try:
        key = load_pem_public_key(file.read_bytes())
    except OSError as error:
        raise CannotVerify(
            f"the public key {file} cannot be read ({error.strerror}); name it with --public-key"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CannotVerify(f"{file} holds no public key in PEM form: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise CannotVerify(f"{file} holds a key of another kind than Ed25519")
    return key


def check_heads(
    heads: Sequence[FoundHead], key: Ed25519PublicKey, last_seq: int, digests: dict[int, bytes], findings: Findings
) -> None:
    """Compare the heads of one lane with its chain.

    :param last_seq: where the lane's journal ends.
    :param digests: recomputed digest at the ends of batches, for the heads' sequences at least.
    """
    name = hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]
    for found in heads:
        head = found.head
        if head is None:
            findings.add("heads", 0, f"The head {found.place} is not readable.")
        elif head.key != name or not _is_signed(head, key):
            findings.add(
                "heads", head.seq, f"The head {found.place} at row {head.seq} is not signed by the key {name}.",
                expected=name, found=head.key,
            )  # fmt: skip
        else:
            _compare(found.place, head, last_seq, digests, findings)


def _compare(place: str, head: Head, last_seq: int, digests: dict[int, bytes], findings: Findings) -> None:
    if head.seq == 0:
        return
    if head.seq > last_seq:
        findings.add(
            "heads", last_seq + 1, f"The journal was cut: the signed head {place} saw row {head.seq}, but the journal ends "
            f"at row {last_seq}.", expected=head.seq, found=last_seq,
        )  # fmt: skip
        return
    digest = digests.get(head.seq)
    if digest is None or digest.hex() != head.digest:
        findings.add(
            "heads", head.seq, f"The journal was rewritten at or before row {head.seq}: the signed head {place} saw another "
            "digest there.", expected=head.digest, found=digest.hex() if digest else "no batch ends there",
        )  # fmt: skip


def _decode(line: bytes) -> Head | None:
    try:
        return msgspec.json.decode(line, type=Head)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _is_signed(head: Head, key: Ed25519PublicKey) -> bool:
    message = f"penstock-head:{head.lane}:{head.seq}:{head.digest}:{head.time_us}".encode()
    try:
        key.verify(base64.b64decode(head.signature, validate=True), message)
    except (InvalidSignature, binascii.Error):
        return False
    return True
