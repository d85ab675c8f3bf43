"""Settings come from defaults, file and environment, within bounds; production refuses what is unsafe."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from penstock.kit.settings import BadSetting, Settings, describe, load_settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").write_text("port = 9000\nedges = 2\n", "utf-8")
    settings = load_settings({"PENSTOCK_HOME": str(tmp_path), "PENSTOCK_PORT": "9001"})
    assert (settings.port, settings.edges, settings.home) == (9001, 2, tmp_path)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PENSTOCK_PORT": "0"}, "port: 0 is outside 1 to 65535"),
        ({"PENSTOCK_PORT": "many"}, "'many' is not a int"),
        ({"PENSTOCK_PROFILE": "staging"}, "not one of development, production"),
        ({"PENSTOCK_PROFILE": "production"}, "PENSTOCK_DATABASE_URL"),
        ({"PENSTOCK_PROFILE": "production", "PENSTOCK_DATABASE_URL": "postgresql:///x"}, "tls_certificate"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, environment: dict[str, str], words: str) -> None:
    with pytest.raises(BadSetting, match=words):
        load_settings({"PENSTOCK_HOME": str(tmp_path), **environment})


def test_an_unknown_name_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "penstock.toml").write_text("prot = 9000\n", "utf-8")
    with pytest.raises(BadSetting, match="no setting 'prot'"):
        load_settings({"PENSTOCK_HOME": str(tmp_path)})


def test_the_page_is_the_table() -> None:
    """``docs/settings.md`` has a row for each setting, as ``describe`` gives it, bounds included."""
    bounds = {field.name: _bounds(field.metadata["least"], field.metadata["most"]) for field in fields(Settings)}
    expected = [
        f"| `{name}` | {f'`{default}`' if default else ''} | {unit.replace('|', '/')} | {bounds[name]} | {sentence} |"
        for name, default, unit, sentence in describe()
    ]
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert rows == expected


def _bounds(least: float | None, most: float | None) -> str:
    return "" if least is None else f"{least:,} – {most:,}"
