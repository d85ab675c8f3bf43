"""Packs: what is checked, what a journal keeps of them, and the starter that we hand out."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from penstock.app.cli import make_app
from penstock.contracts.features import FEATURES, SLOTS
from penstock.process.decide.rules import assembling, parsing
from penstock.process.decide.rules import pack as packs
from penstock.process.decide.rules.columns import COLUMNS
from penstock.process.decide.rules.pack import BadPack, breaks_history, load_pack, parse_pack, read_canonical
from penstock.state.behaviour.decay import log2_seconds

ROOT = Path(__file__).resolve().parents[4]
STARTER = ROOT / "examples" / "rules-starter.toml"
RULE = """
[[rules]]
id = {id}
name = "{name}"
en = "It is old."
zh = "很久了。"
when = "{when}"
verdict = "{verdict}"
"""


def toml(*rules: str, head: str = 'name = "tried"') -> str:
    return "\n".join((head, *rules))


def rule(number: int = 0, name: str = "old", when: str = "payer.age > 1", verdict: str = "review") -> str:
    return RULE.format(id=number, name=name, when=when, verdict=verdict)


def problems(text: str) -> str:
    with pytest.raises(BadPack) as caught:
        parse_pack(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (toml(rule(63)), "0 to 62"),
        (toml(rule(-1)), "0 to 62"),
        (toml(rule(1), rule(1, "new")), "taken or retired"),
        (toml(rule(1), rule(2)), "the name is taken"),
        (toml(rule(1), head='name = "tried"\nretired = [1]'), "taken or retired"),
        (toml(rule(name="Old Rule")), "a-z"),
        (toml(rule(), head='name = ""'), "the pack's name"),
        (toml(rule(), head='name = "tried"\nregistry = 99'), "version 99"),
        (toml(head='name = "tried"\nrules = []'), "1 to 63"),
        (toml(*(rule(n, f"r{n}") for n in range(64))), "1 to 63"),
        (toml(rule().replace("It is old.", "")), "the sentence en"),
        (toml(rule().replace("很久了。", "长" * 301)), "the sentence zh"),
        (toml(rule(verdict="explode")), "verdict"),
        (toml(rule() + "colour = 3"), "colour"),
        (toml(rule(when="1 + payer.age")), "rule old (id 0), line 1, column 1 of `when`"),
        (toml(rule(when="payer.age IN (" + ", ".join(["payer.gap"] * 150) + ")")), "500 steps"),
        ("name = ", "cannot be read"),
    ],
)
def test_a_wrong_pack_says_what_is_wrong(text: str, says: str) -> None:
    assert says in problems(text)


def test_all_problems_are_told_at_once() -> None:
    found = problems(toml(rule(when="age > 1"), rule(1, "Big", "payer.age > '1'")))
    assert [bit in found for bit in ("no column age", "a-z", "without quotation marks")] == [True] * 3


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadPack, match="check the path"):
        load_pack(tmp_path / "none.toml")
    (tmp_path / "large.toml").write_bytes(b" " * (packs.MOST_BYTES + 1))
    with pytest.raises(BadPack, match="larger than"):
        load_pack(tmp_path / "large.toml")


def test_the_canonical_bytes_depend_on_the_pack_alone_and_make_it_again() -> None:
    first = parse_pack(toml(rule(3, "new"), rule(1), head='name = "tried"\nretired = [9, 4]'))
    second = parse_pack(toml("# the same", rule(1), rule(3, "new"), head='retired = [4, 9]\nname = "tried"'))
    assert first.canonical() == second.canonical()
    assert first.fingerprint == second.fingerprint
    again = read_canonical(first.canonical())
    assert again.canonical() == first.canonical()
    assert [each.id for each in again.rules] == [1, 3]
    assert parse_pack(toml(rule(1))).fingerprint != first.fingerprint


def test_what_is_no_canonical_pack_is_refused() -> None:
    with pytest.raises(BadPack, match="canonical"):
        read_canonical(b"{}")


def test_an_id_keeps_its_meaning() -> None:
    before = parse_pack(toml(rule(1), rule(2, "gone"), head='name = "tried"\nretired = [5]'))
    good = parse_pack(toml(rule(1, when="payer.age > 2"), rule(3, "new"), head='name = "tried"\nretired = [2, 5]'))
    assert breaks_history(before, before) == []
    assert breaks_history(before, good) == []
    bad = breaks_history(before, parse_pack(toml(rule(1, "other"), rule(5, "new"))))
    assert [bool(re.search(words, " ".join(bad))) for words in ("id 1 was old and is other", "id 2 was used", "id 5 was retired")] == [True] * 3
    assert len(bad) == 3


def test_the_starter_pack_fires_where_it_should() -> None:
    pack = load_pack(STARTER)
    vector = np.array([[feature.unknown for feature in FEATURES]], np.float32)
    assert pack.fired(vector).tolist() == [0]
    names = {each.name: each.id for each in pack.rules}
    for name, value in (("received_gap", log2_seconds(60_000_000)), ("received_ratio", 0.0)):
        vector[0, COLUMNS[f"payer.{name}"].slot] = np.float16(value)
    vector[0, COLUMNS["payer_payee.seen"].slot] = 0.0
    assert pack.fired(vector).tolist() == [1 << names["passed-on-at-once"]]
    assert pack.fired(vector, np.array([0.95], np.float32)).tolist() == [
        1 << names["passed-on-at-once"] | 1 << names["model-is-sure"]
    ]
    assert {each.verdict.value for each in pack.rules} == {"challenge", "review", "block", "watch"}


def test_the_page_knows_the_limits_and_every_name() -> None:
    page = (ROOT / "docs" / "rules.md").read_text("utf-8")
    limits = (packs.MOST_RULES, packs.MOST_SENTENCE, parsing.MOST_CHARACTERS, parsing.MOST_LEVELS, assembling.MOST_STEPS)
    for limit in (*limits, packs.MOST_BYTES):
        assert re.search(rf"\| {limit:,} ", page), limit
    assert re.search(rf"\b{SLOTS + 1} names", page)


def test_check_and_explain_say_what_a_pack_means(tmp_path: Path) -> None:
    run = CliRunner().invoke
    checked = run(make_app(), ["rules", "check", str(STARTER)])
    assert checked.exit_code == 0
    assert "rules are right" in checked.output
    explained = run(make_app(), ["rules", "explain", str(STARTER), "--rule", "impossible-speed"])
    assert explained.exit_code == 0
    assert "payer.speed: speed from the place of the last payment, of the payer; km/h" in explained.output
    assert "burst" not in explained.output
    assert "no rule nothing" in run(make_app(), ["rules", "explain", str(STARTER), "--rule", "nothing"]).output
    assert "payer.count_hour" in run(make_app(), ["rules", "columns"]).output
    wrong, before = tmp_path / "wrong.toml", tmp_path / "before.toml"
    wrong.write_text(toml(rule(when="payer.aeg > 1")), "utf-8")
    before.write_text(toml(rule(0, "other")), "utf-8")
    refused = run(make_app(), ["rules", "check", str(wrong)])
    assert refused.exit_code == 1
    assert "did you mean payer.age" in refused.output
    assert run(make_app(), ["rules", "check", str(STARTER), "--before", str(before)]).exit_code == 1
