"""The house: packages stand on one another as `pyproject.toml` says, and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[1]


def test_the_import_contracts_hold(capsys: pytest.CaptureFixture[str]) -> None:
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None)
    assert status == 0, capsys.readouterr().out


def test_only_app_reads_clock_and_environment() -> None:
    """Everywhere else time and environment are arguments; kernels read numba's own variables."""
    forbidden = re.compile(r"\btime\.time(_ns)?\(|datetime\.now\(|date\.today\(|utcnow\(|os\.environ\b|os\.getenv\b")
    source = ROOT / "src" / "penstock"
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in sorted(source.rglob("*.py"))
        if not path.is_relative_to(source / "app") and path != source / "kit" / "kernels.py"
        for match in forbidden.finditer(path.read_text("utf-8"))
    ]
    assert found == []
