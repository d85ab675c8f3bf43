"""A model folder: ``model.onnx`` scores, ``model.txt`` explains, ``card.json`` tells; each is checked on loading."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from penstock.contracts.features import FEATURES, REGISTRY_VERSION
from penstock.improve.learning.card import CARD_FORMAT, Card
from penstock.process.decide.scoring import BadModel, Scorer

ONNX_FILE: Final = "model.onnx"
NATIVE_FILE: Final = "model.txt"
CARD_FILE: Final = "card.json"


class BadArtifact(ValueError):
    """A folder holds no model that this version can use."""


@dataclass(frozen=True)
class Model:
    """A loaded model: its card, its two forms, and the scorer."""

    card: Card
    onnx: bytes
    native: str
    scorer: Scorer

    def score(self, features: NDArray[np.float16]) -> NDArray[np.float32]:
        """Calibrated probability of fraud (n,) of vectors (n, 64)."""
        return self.scorer.score(features)


def save_model(folder: Path, card: Card, onnx: bytes, native: str) -> None:
    """Write the three files; the card last, because its hashes make a half-written folder known as such."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ONNX_FILE).write_bytes(onnx)
    (folder / NATIVE_FILE).write_bytes(native.encode())
    (folder / CARD_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n")


def load_model(folder: Path) -> Model:
    """Read and check a model folder; raises `BadArtifact` with the reason."""
    card = _read_card(folder)
    onnx, native = _read(folder, ONNX_FILE), _read(folder, NATIVE_FILE)
    for name, content, expected in ((ONNX_FILE, onnx, card.onnx_sha256), (NATIVE_FILE, native, card.native_sha256)):
        if sha256(content) != expected:
            raise BadArtifact(
                f"{folder / name} is not the file that {CARD_FILE} describes; train again or copy the whole folder"
            )
    try:
        scorer = Scorer(onnx)
    except BadModel as error:
        raise BadArtifact(f"{folder / ONNX_FILE}: {error}") from error
    return Model(card, onnx, native.decode(), scorer)


def sha256(content: bytes) -> str:
    """The hash that the card keeps of a file."""
    return hashlib.sha256(content).hexdigest()


def _read_card(folder: Path) -> Card:
    content = _read(folder, CARD_FILE)
    try:
        card = msgspec.json.decode(content, type=Card)
    except msgspec.DecodeError as error:
        raise BadArtifact(f"{folder / CARD_FILE} is no card of a model: {error}") from error
    if card.format != CARD_FORMAT:
        raise BadArtifact(f"{folder / CARD_FILE} has format {card.format}; this version reads format {CARD_FORMAT}")
    if card.registry_version != REGISTRY_VERSION:
        raise BadArtifact(
            f"the model in {folder} was trained for version {card.registry_version} of the features, this is version {REGISTRY_VERSION}; train it again"
        )
    if card.features != [feature.name for feature in FEATURES]:
        raise BadArtifact(
            f"the features in {folder / CARD_FILE} are not those of registry version {REGISTRY_VERSION}; train the model again"
        )
    return card


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise BadArtifact(
            f"{folder} is no model folder: {name} cannot be read ({error.strerror}); `penstock train` makes one"
        ) from error
