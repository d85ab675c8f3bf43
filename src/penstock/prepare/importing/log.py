"""The log of an import: what was sent when and what came of it, so that a broken-off import continues.

A file of JSON lines in ``PENSTOCK_HOME/imports``, named by the import's identity. Before a batch goes
out, its time is written; when its outcomes are known, they are. Command ids are UUIDv7 derived from
that time, the identity and what the command is for: a batch that was sent but not answered goes out
again under the same ids, and one that was answered does not go out again.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from pathlib import Path
from typing import Any, Final

import msgspec

from penstock.contracts.ids import make_uuid7
from penstock.prepare.importing.mapping import Mapping

_BLOCK: Final = 1 << 20


class _Line(msgspec.Struct, omit_defaults=True):
    """One line: a batch goes out at ``sent_ms``, or its ``result`` is known."""

    batch: str
    sent_ms: int | None = None
    result: Any = None


class ImportLog:
    """The log of one import; reads what is there, appends what happens."""

    def __init__(self, folder: Path, identity: str) -> None:
        self.identity = identity
        self.path = folder / f"{identity}.jsonl"
        self._sent_ms: dict[str, list[int]] = {}
        self._results: dict[str, Any] = {}
        for line in _whole_lines(self.path):
            self._take(msgspec.json.decode(line, type=_Line))

    def sent_ms(self, batch: str) -> list[int]:
        """The times, in ms since 1970, at which a batch, or a part of it, went out."""
        return list(self._sent_ms.get(batch, ()))

    def result(self, batch: str) -> Any:
        """What came of a batch, or ``None``."""
        return self._results.get(batch)

    def send(self, batch: str, now_ms: int) -> int:
        """Remember that a batch is about to go out at ``now_ms``; it is on disk when this returns."""
        self._append(_Line(batch, sent_ms=now_ms))
        return now_ms

    def finish(self, batch: str, result: Any) -> None:
        """Remember what came of a batch."""
        self._append(_Line(batch, result=result))

    def derive(self, sent_ms: int, purpose: str) -> uuid.UUID:
        """The id of the command for ``purpose``, such as ``payment 17``, in a batch that went out at ``sent_ms``."""
        digest = hashlib.sha256(f"{self.identity} {sent_ms} {purpose}".encode()).digest()
        return make_uuid7(sent_ms, digest[:10])

    def _take(self, line: _Line) -> None:
        if line.sent_ms is not None:
            self._sent_ms.setdefault(line.batch, []).append(line.sent_ms)
        else:
            self._results[line.batch] = line.result

    def _append(self, line: _Line) -> None:
        self._take(line)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())


def identify(path: Path, mapping: Mapping, url: str, limit: int | None) -> str:
    """The identity of an import: a SHA-256 over file, mapping, receiver and limit."""
    digest = hashlib.sha256(mapping.canonical() + f"\n{url}\n{limit}\n".encode())
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _whole_lines(path: Path) -> list[bytes]:
    """The lines of the log. A torn last line, left by a crash, is cut off: nothing went out after it."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(path, len(whole))
    return whole.splitlines()
