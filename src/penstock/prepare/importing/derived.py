"""Ids that the same import derives again: so that a broken-off import continues, and nothing is done twice.

An id is a UUIDv7 whose time is that of the import's first start and whose random part is a hash of
the import and of what the id is for. The lane accepts new ids for 24 hours; an import that continues
later tries the old ids first (they answer for what was done) and starts another *generation* of ids
for what was not.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from penstock.contracts.ids import make_uuid7
from penstock.prepare.importing.mapping import Mapping

_BLOCK: Final = 1 << 20


class _Notes(msgspec.Struct):
    """What is remembered of an import: its file's name and when its generations of ids started."""

    file: str
    generations_ms: list[int]


@dataclass(frozen=True)
class Import:
    """One import: its identity (SHA-256 of file, mapping and tenant) and the place of its notes."""

    identity: str
    file: str
    notes_path: Path

    def generations_ms(self, now_ms: int) -> list[int]:
        """When the generations of ids started, in ms since 1970; the first call remembers ``now_ms``."""
        if not self.notes_path.exists():
            self._write(_Notes(self.file, [now_ms]))
        return msgspec.json.decode(self.notes_path.read_bytes(), type=_Notes).generations_ms

    def start_generation(self, now_ms: int) -> list[int]:
        """Remember another generation, before any of its ids is sent."""
        notes = _Notes(self.file, [*self.generations_ms(now_ms), now_ms])
        self._write(notes)
        return notes.generations_ms

    def derive(self, generation_ms: int, purpose: str) -> uuid.UUID:
        """The id for ``purpose``, such as ``payment 17``, in a generation."""
        digest = hashlib.sha256(f"{self.identity} {generation_ms} {purpose}".encode()).digest()
        return make_uuid7(generation_ms, digest[:10])

    def _write(self, notes: _Notes) -> None:
        self.notes_path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.notes_path.with_suffix(".new")
        with unfinished.open("wb") as file:
            file.write(msgspec.json.encode(notes))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.notes_path)


def identify(path: Path, mapping: Mapping, home: Path) -> Import:
    """Name the import of a file under a mapping; its notes lie in ``home/imports``."""
    digest = hashlib.sha256(mapping.canonical())
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    identity = digest.hexdigest()
    return Import(identity, path.name, home / "imports" / f"{identity}.json")
