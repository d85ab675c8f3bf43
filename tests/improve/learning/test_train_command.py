"""``penstock train`` as an analyst runs it: file and mapping in, model folder out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.labelled import write_labelled
from typer.testing import CliRunner, Result

from penstock.app.cli import make_app
from penstock.improve.history.mapping import load_mapping
from penstock.improve.history.reading import read_history
from penstock.improve.learning.artifact import load_model
from penstock.improve.observing.observing import observe

pytestmark = pytest.mark.timeout(300)  # the first test that observes compiles the kernel


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_labelled(tmp_path_factory.mktemp("files"), 21, 4_000, ending="parquet", days=120)


def run(files: tuple[Path, Path], *arguments: str) -> Result:
    file, mapping = files
    return CliRunner().invoke(make_app(), ["train", str(file), "--mapping", str(mapping), *arguments])


def test_a_file_and_its_mapping_become_a_model(files: tuple[Path, Path], tmp_path: Path) -> None:
    first = run(files, "--until", "0.8", "--out", str(tmp_path / "one"), "--json", "--review-fpr", "0.01")
    assert first.exit_code == 0, first.output
    card = json.loads(first.stdout)
    assert [each["budget"] for each in card["thresholds"]] == [0.001, 0.01, 0.02]
    assert card["name"] == "labelled"
    model = load_model(tmp_path / "one")
    assert model.card.onnx_sha256 == card["onnx_sha256"]
    history = read_history(files[0], load_mapping(files[1]))
    scores = model.score(observe(history))
    later = history.time_us > card["data"]["until_us"]
    assert scores[later & (history.label == 1)].mean() > 10 * scores[later & (history.label == 0)].mean()

    again = run(files, "--until", "0.8", "--out", str(tmp_path / "two"), "--review-fpr", "0.01")
    assert again.exit_code == 0, again.output
    assert "Thresholds" in again.stdout
    for name in ("model.onnx", "model.txt", "card.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_without_a_folder_it_goes_to_the_installation(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_HOME", str(tmp_path))
    result = run(files, "--until", "0.8", "--name", "mine", "--created", "2026-05-01")
    assert result.exit_code == 0, result.output
    assert load_model(tmp_path / "models" / "mine").card.created == "2026-05-01"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--until", "soon"), "'soon' is no time; give an ISO date"),
        (("--until", "0.01"), "0 frauds and 0 genuine payments are known"),
        (("--until", "0.8", "--block-fpr", "0.5"), "budgets must rise"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    files: tuple[Path, Path], tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = run(files, *arguments, "--out", str(tmp_path / "none"))
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "none").exists()
