"""Models as they are stored: addressed by the SHA-256 of their ONNX file, written once."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from psycopg import Connection


class StoredModel(NamedTuple):
    """A model that may be put in force."""

    name: str
    #: Version of the features that it reads.
    registry: int
    #: A payment older than this (µs) without a label counted as genuine when it was trained.
    maturity_us: int
    onnx: bytes
    #: The same trees in LightGBM's own text: they explain a score.
    native: bytes
    #: JSON, as it was uploaded.
    card: str


_READ: Final = f"SELECT {', '.join(StoredModel._fields)} FROM model WHERE sha256 = %s"  # noqa: S608 - constants


def read_model(connection: Connection[Any], sha256: bytes) -> StoredModel | None:
    """The model with this hash of its ONNX file (32 bytes), None when none was uploaded."""
    row = connection.execute(_READ, [sha256], binary=True).fetchone()
    return None if row is None else StoredModel(*row)
