"""A model folder is whole, or it is refused with the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from support.models import Training

from penstock.improve.learning.artifact import BadArtifact, load_model, save_model
from penstock.improve.learning.card import Card
from penstock.kit.trees import contributions, score_of


@pytest.fixture
def folder(training: Training, tmp_path: Path) -> Path:
    save_model(tmp_path / "models" / "town", training.card, training.learned.onnx, training.learned.native)
    return tmp_path / "models" / "town"


def test_a_saved_model_is_loaded_again(folder: Path, training: Training) -> None:
    model = load_model(folder)
    assert model.card == training.card
    assert (model.onnx, model.native) == (training.learned.onnx, training.learned.native)
    vectors = training.vectors[:200]
    assert np.abs(score_of(contributions(model.native, vectors)) - model.score(vectors)).max() < 1e-6


def test_a_model_of_the_same_name_replaces_the_old_one(folder: Path, training: Training) -> None:
    card = msgspec.structs.replace(training.card, seed=9)
    save_model(folder, card, training.learned.onnx, training.learned.native)
    assert load_model(folder).card.seed == 9


def change_card(**fields: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        card = msgspec.json.decode((folder / "card.json").read_bytes(), type=Card)
        (folder / "card.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(card, **fields)))

    return change


def cut(name: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes()[:-1])

    return spoil


def empty_card(folder: Path) -> None:
    (folder / "card.json").write_text("{}")


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (remove("card.json"), "no model folder: card.json cannot be read"),
        (remove("model.onnx"), "no model folder: model.onnx cannot be read"),
        (cut("model.onnx"), r"model\.onnx is not the file that card\.json describes"),
        (cut("model.txt"), r"model\.txt is not the file that card\.json describes"),
        (cut("card.json"), None),
        (empty_card, "no card of a model: .*name"),
        (change_card(format=2), "has format 2; this version reads format 1"),
        (change_card(registry_version=99), "for version 99 of the features"),
        (change_card(features=["payment.amount"]), "are not those of registry version"),
        (change_card(onnx_sha256="0" * 64), "is not the file"),
    ],
)
def test_a_spoilt_folder_is_refused(folder: Path, spoil: Callable[[Path], None], message: str | None) -> None:
    spoil(folder)
    if message is None:  # the line's end is no part of the card
        load_model(folder)
    else:
        with pytest.raises(BadArtifact, match=message):
            load_model(folder)
