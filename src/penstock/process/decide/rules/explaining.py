"""A rule in words: what it asks for, what it reads, in which units."""

from __future__ import annotations

from typing import Final, NamedTuple

from penstock.process.decide.rules.columns import COLUMNS, Column, Scale
from penstock.process.decide.rules.pack import Pack, Rule, Verdict
from penstock.process.decide.rules.tree import columns_of

#: What happens to a payment for which a rule fires, unless another asks for more.
CONSEQUENCES: Final = {
    Verdict.WATCH: "recorded only",
    Verdict.CHALLENGE: "the payer must confirm it",
    Verdict.REVIEW: "it waits for a person",
    Verdict.BLOCK: "it is declined",
}
_FADING: Final = "half-life"


class Explanation(NamedTuple):
    """One rule in words."""

    rule: Rule
    consequence: str
    reads: tuple[Column, ...]


def explain(pack: Pack) -> list[Explanation]:
    """The rules of a pack in words, by id."""
    return [
        Explanation(rule, CONSEQUENCES[rule.verdict], columns_of(pack.conditions[rule.id])) for rule in pack.rules
    ]


def describe(column: Column) -> str:
    """What a column means, its unit and its window, in a line."""
    unit = "" if column.scale is Scale.PLAIN and column.unit == "number" else f"; {column.unit}"
    window = f", {column.window}" if column.window.startswith(_FADING) else ""
    return f"{column.words}{unit}{window}"


def describe_all() -> list[tuple[str, str]]:
    """Every name and what it means, in the registry's order."""
    return [(name, describe(column)) for name, column in COLUMNS.items()]
