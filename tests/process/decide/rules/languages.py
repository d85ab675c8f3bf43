"""Random conditions, each in two languages: that of rules, and SQLite's, whose engine is the oracle."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from penstock.contracts.features import SLOTS
from penstock.process.decide.rules.columns import COLUMNS, SCORE_SLOT, Column, Scale
from penstock.process.decide.rules.scales import threshold

#: Columns of every scale, signed and not.
NAMES: Final = (
    "payment.amount", "payment.hour", "payment.extra_1", "payer.count_hour", "payer.gap", "payer.amount_ratio",
    "payer.amount_z", "device.fraud_share", "score",
)  # fmt: skip


class Words(NamedTuple):
    """A number in both languages."""

    rule: str
    sqlite: str
    column: Column | None = None  # the text is a column alone
    raw: bool = False
    value: float | None = None  # the text is a number alone


def _constant(value: float) -> Words:
    return Words(f"{value!r}", f"({value!r})", value=value)


def _column(name: str, raw: bool) -> Words:
    column = COLUMNS[name]
    return Words(f"raw({name})" if raw else name, f"{'raw' if raw else 'number'}_{name.replace('.', '_')}", column, raw)


def _arithmetic(sign: str, left: Words, right: Words) -> Words:
    return Words(f"({left.rule} {sign} {right.rule})", f"({left.sqlite} {sign} {right.sqlite})")


def _function(name: str, sqlite: str, numbers: Sequence[Words]) -> Words:
    rule = ", ".join(number.rule for number in numbers)
    return Words(f"{name}({rule})", f"{sqlite}({', '.join(number.sqlite for number in numbers)})")


def _case(condition: tuple[str, str], then: Words, otherwise: Words | None) -> Words:
    rule = "" if otherwise is None else f" ELSE {otherwise.rule}"
    sqlite = "" if otherwise is None else f" ELSE {otherwise.sqlite}"
    return Words(
        f"(CASE WHEN {condition[0]} THEN {then.rule}{rule} END)", f"(CASE WHEN {condition[1]} THEN {then.sqlite}{sqlite} END)"
    )


_CONSTANTS: Final = st.sampled_from([0.0, 1.0, 0.5, 2.0, 3.0, 10.0, 86_400.0, 0.1, 1e6, 1e15]).map(_constant)
_COLUMNS: Final = st.builds(_column, st.sampled_from(NAMES), st.booleans())


def numbers(levels: int) -> st.SearchStrategy[Words]:
    """Numbers nested up to so many levels."""
    if levels == 0:
        return _CONSTANTS | _COLUMNS
    part = numbers(levels - 1)
    # what is made of constants alone is folded before it is compared, so one part is a column
    return st.one_of(
        part,
        st.builds(_arithmetic, st.sampled_from("+-*/"), _COLUMNS, part),
        st.builds(lambda of: _function("abs", "abs", [of]), _COLUMNS),
        _COLUMNS.map(lambda of: Words(f"(- {of.rule})", f"(- {of.sqlite})")),
        st.builds(lambda of, more: _function("least", "min", [of, *more]), _COLUMNS, st.lists(part, min_size=1, max_size=2)),
        st.builds(lambda of, more: _function("greatest", "max", [of, *more]), _COLUMNS, st.lists(part, min_size=1, max_size=2)),
        st.builds(lambda of, more: _function("coalesce", "coalesce", [of, *more]), _COLUMNS, st.lists(part, min_size=1, max_size=2)),
        st.builds(_case, conditions(levels - 1), part, st.none() | part),
    )


_MIRRORED: Final = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def _compared(left: Words, sign: str, right: Words) -> str:
    """A comparison in SQLite: a column with a number by ranks, all else by numbers."""
    if left.column is not None and right.value is not None:
        return f"(rank_{left.column.name.replace('.', '_')} {sign} {threshold(left.column, right.value, raw=left.raw)})"
    if right.column is not None and left.value is not None:
        return _compared(right, _MIRRORED[sign], left)
    return f"({left.sqlite} {sign} {right.sqlite})"


def _comparison(left: Words, sign: str, right: Words) -> tuple[str, str]:
    return f"{left.rule} {sign} {right.rule}", _compared(left, sign, right)


def _between(of: Words, low: Words, high: Words, positive: bool) -> tuple[str, str]:
    inside = f"({_compared(of, '>=', low)} AND {_compared(of, '<=', high)})"
    return f"{of.rule} {'' if positive else 'NOT '}BETWEEN {low.rule} AND {high.rule}", inside if positive else f"(NOT {inside})"


def _one_of(of: Words, choices: Sequence[Words], positive: bool) -> tuple[str, str]:
    same = f"({' OR '.join(_compared(of, '=', choice) for choice in choices)})"
    texts = ", ".join(choice.rule for choice in choices)
    return f"{of.rule} {'' if positive else 'NOT '}IN ({texts})", same if positive else f"(NOT {same})"


def _known(of: Words, ending: tuple[str, str]) -> tuple[str, str]:
    return f"{of.rule} IS {ending[0]}", f"({of.sqlite} IS {ending[1]})"


def _joined(word: str, parts: Sequence[tuple[str, str]]) -> tuple[str, str]:
    first, second = (f"({f' {word} '.join(part[place] for part in parts)})" for place in (0, 1))
    return first, second


_ENDINGS: Final = st.sampled_from(
    [("UNKNOWN", "NULL"), ("KNOWN", "NOT NULL"), ("NULL", "NULL"), ("NOT NULL", "NOT NULL"), ("NOT UNKNOWN", "NOT NULL")]
)


def conditions(levels: int) -> st.SearchStrategy[tuple[str, str]]:
    """Conditions nested up to so many levels: (rule, SQLite)."""
    number = numbers(min(levels, 1))
    simple = st.one_of(
        st.builds(_comparison, number, st.sampled_from(sorted(_MIRRORED)), number),
        st.builds(_between, number, number, number, st.booleans()),
        st.builds(_one_of, number, st.lists(number, min_size=1, max_size=3), st.booleans()),
        st.builds(_known, number, _ENDINGS),
        st.sampled_from([("TRUE", "1"), ("FALSE", "0")]),
    )
    if levels == 0:
        return simple
    part = conditions(levels - 1)
    return st.one_of(
        simple,
        st.builds(_joined, st.sampled_from(["AND", "OR"]), st.lists(part, min_size=2, max_size=3)),
        part.map(lambda of: (f"(NOT {of[0]})", f"(NOT {of[1]})")),
    )


def number_of(column: Column, stored: float) -> float | None:
    """What a stored number means, one by one and slowly; None = unknown."""
    if column.scale is Scale.SCORE:
        return round(stored * 1e6) / 1e6 if 0 <= stored <= 1 else None
    most = 65_504.0 if column.scale is Scale.PLAIN else 64.0
    if not (-32.0 if column.signed else 0.0) <= stored <= most or stored == -32.0:
        return None
    if column.scale is Scale.PLAIN:
        return stored
    power = 2.0 ** (stored if column.scale is Scale.RATIO else abs(stored))
    number = power if column.scale is Scale.RATIO else power - 1.0
    step = abs(float(np.spacing(np.float16(stored)))) / 2 + 2 / 1024
    number = float(round(number)) if abs(number - round(number)) <= power * math.log(2) * step else number
    return math.copysign(float(f"{number:.7g}"), 1.0 if column.scale is Scale.RATIO else stored)


def _rank(column: Column, stored: float) -> int:
    if column.scale is Scale.SCORE:
        return round(stored * 1e6)
    bits = int(np.float16(abs(stored)).view(np.uint16))
    return -bits if stored < 0 else bits


def make_table(vectors: NDArray[np.float32], scores: NDArray[np.float32]) -> sqlite3.Connection:
    """A table ``payments`` of the columns of ``NAMES``, in three forms each; NULL = unknown."""
    database = sqlite3.connect(":memory:")
    fields = [f"{form}_{name.replace('.', '_')}" for name in NAMES for form in ("number", "raw", "rank")]
    database.execute(f"CREATE TABLE payments (place INTEGER, {', '.join(f'{field} REAL' for field in fields)})")
    marks = ", ".join("?" * (len(fields) + 1))
    for place, (vector, score) in enumerate(zip(vectors.tolist(), scores.tolist(), strict=True)):
        database.execute(f"INSERT INTO payments VALUES ({marks})", [place, *_forms([*vector, score])])
    return database


def _forms(values: Sequence[float]) -> list[float | None]:
    forms: list[float | None] = []
    for name in NAMES:
        column = COLUMNS[name]
        stored = values[column.slot]
        number = number_of(column, stored)
        raw = number if column.slot == SCORE_SLOT else stored
        forms += [None, None, None] if number is None else [number, raw, _rank(column, stored)]
    return forms


_STORED: Final = st.one_of(
    st.sampled_from([-1.0, -32.0, 0.0, 1.0, -0.0, 0.5, 2.0, math.nan, math.inf, -math.inf, 64.0, 65.0, -31.98, 6e-8, -6e-8, 65_504.0]),
    st.floats(-33, 66, width=16),
    st.integers(0, 300).map(lambda n: float(np.float16(math.log2(1 + n)))),
)
_SCORES: Final = st.one_of(st.sampled_from([-1.0, 0.0, 1.0, 0.1, 0.5, math.nan, 1.5]), st.floats(0, 1, width=32))


@st.composite
def payments(draw: st.DrawFn) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Vectors and scores of a few payments, with what must never come, too."""
    count = draw(st.integers(1, 5))
    vectors = np.full((count, SLOTS), -1.0, np.float32)
    for name in NAMES[:-1]:
        vectors[:, COLUMNS[name].slot] = draw(st.lists(_STORED, min_size=count, max_size=count))
    scores = draw(st.lists(_SCORES, min_size=count, max_size=count))
    return vectors, np.array(scores, np.float32)
