"""What the documents point at exists: links, paths, make targets, commands; and every control of the mission has its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from penstock.app.cli import make_app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LANGUAGES = (ROOT / "README.md", ROOT / "README.zh-CN.md")
MISSION = {"B": 7, "D": 6, "A": 6, "T": 5, "P": 6, "I": 14}
RECORDS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
SECTIONS = ["## Context", "## Decision", "## Consequences", "## Alternatives"]

FENCE = re.compile(r"^[ ]*```.*?^[ ]*```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:src|tests|docs|examples)/[\w./-]+)`")
TARGET = re.compile(r"(?:^|`|\s)make ([a-z][a-z-]*)(?=[\s`]|$)")
COMMAND = re.compile(r"`penstock ([a-z][a-z-]*)")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def code(page: Path) -> list[str]:
    """The page's blocks of code, and what stands between single back-ticks."""
    text = page.read_text("utf-8")
    return [*FENCE.findall(text), *re.findall(r"`[^`\n]+`", FENCE.sub("", text))]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [link.partition("#")[0] for link in LINK.findall(FENCE.sub("", page.read_text("utf-8")))]
    inside = [target for target in targets if target and "://" not in target]
    assert [target for target in inside if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_paths_exist(page: Path) -> None:
    assert [path for path in PATH.findall(page.read_text("utf-8")) if not (ROOT / path).exists()] == []


def test_make_targets_exist() -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    planned = {"stress"}  # named in docs/controls.md as what part D brings
    used = {target for page in PAGES for part in code(page) for target in TARGET.findall(part)}
    assert "demo" in used
    assert used - known <= planned


def test_commands_exist() -> None:
    group = typer.main.get_command(make_app())
    known = set(getattr(group, "commands", {}))
    used = {command for page in PAGES for command in COMMAND.findall(page.read_text("utf-8"))}
    assert {"demo", "verify"} <= used <= known


def test_every_control_has_one_line() -> None:
    lines = re.findall(r"^\| ([A-Z]\d+) \|", (ROOT / "docs" / "controls.md").read_text("utf-8"), re.MULTILINE)
    expected = [f"{letter}{number}" for letter, most in MISSION.items() for number in range(1, most + 1)]
    assert sorted(lines) == sorted(expected)


def test_what_is_built_names_code_and_test() -> None:
    text = (ROOT / "docs" / "controls.md").read_text("utf-8")
    built = re.findall(r"^\| [A-Z]\d+ \|.*$", text.partition("## Not yet")[0], re.MULTILINE)
    without = [line[:30] for line in built if not {"src", "tests"} <= {path.split("/")[0] for path in PATH.findall(line)}]
    assert built
    assert without == []


def test_both_languages_say_the_same_code() -> None:
    blocks = [re.sub(r" +#.*", "", "\n".join(FENCE.findall(page.read_text("utf-8")))) for page in LANGUAGES]
    links = [[link for link in LINK.findall(page.read_text("utf-8")) if not link.startswith("README")] for page in LANGUAGES]
    assert blocks[0] == blocks[1]
    assert sorted(links[0]) == sorted(links[1])


def test_decision_records_are_numbered_and_listed() -> None:
    index = (ROOT / "docs" / "adr" / "README.md").read_text("utf-8")
    assert [record.name[:4] for record in RECORDS] == [f"{number:04}" for number in range(1, len(RECORDS) + 1)]
    assert LINK.findall(index) == [record.name for record in RECORDS]


@pytest.mark.parametrize("record", RECORDS, ids=named)
def test_a_decision_record_has_its_sections(record: Path) -> None:
    text = record.read_text("utf-8")
    assert text.startswith(f"# {record.name[:4]}: ")
    assert re.findall(r"^## .*$", text, re.MULTILINE) == SECTIONS
