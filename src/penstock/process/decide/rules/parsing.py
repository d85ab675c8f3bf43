"""SQL → tree: sqlglot reads the text, and only what the language of rules has is taken over.

Whatever is not listed here is refused, also where sqlglot understands more of it than was listed: each node may
have the parts that its translation reads, and no others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from penstock.process.decide.rules import tree
from penstock.process.decide.rules.columns import COLUMNS, similar_names
from penstock.process.decide.rules.refusals import is_known_function, refusal

#: Characters of a condition.
MOST_CHARACTERS: Final = 2000
#: Levels of nesting, of parentheses and of the tree.
MOST_LEVELS: Final = 16
#: Numbers in a rule are within ± this.
GREATEST: Final = 1e15

_MOST_SAID: Final = 60
_SECONDS: Final = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86_400, "WEEK": 604_800}
_FUNCTIONS: Final = ("abs", "least", "greatest", "coalesce", "raw")
_COMPARISONS: Final[dict[type[exp.Expr], str]] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
}  # fmt: skip
_ARITHMETIC: Final[dict[type[exp.Expr], str]] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/"}
#: Node → the parts that are read; two more are sqlglot's own remarks.
_PARTS: Final[dict[type[exp.Expr], frozenset[str]]] = {
    exp.Column: frozenset({"this", "table"}),
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Boolean: frozenset({"this"}),
    exp.Interval: frozenset({"this", "unit"}),
    exp.Between: frozenset({"this", "low", "high"}),
    exp.In: frozenset({"this", "expressions"}),
    exp.Case: frozenset({"this", "ifs", "default"}),
    exp.Anonymous: frozenset({"this", "expressions"}),
    **dict.fromkeys((exp.Not, exp.Paren, exp.Neg, exp.Abs), frozenset({"this"})),
    **dict.fromkeys((exp.Least, exp.Greatest), frozenset({"this", "expressions", "ignore_nulls"})),
    exp.Coalesce: frozenset({"this", "expressions"}),
    **dict.fromkeys((*_COMPARISONS, *_ARITHMETIC, exp.And, exp.Or, exp.Is), frozenset({"this", "expression"})),
}


class BadCondition(ValueError):
    """A condition cannot be used; says what and how to mend it."""

    def __init__(self, sentence: str, line: int = 1, column: int = 1) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.line = line  # both from 1, within the condition's text
        self.column = column


def parse_condition(text: str) -> tree.Condition:
    """Read a condition.

    Raises:
        BadCondition: with the place and the fix.
    """
    if len(text) > MOST_CHARACTERS:
        raise BadCondition(f"the condition has {len(text):,} characters, at most {MOST_CHARACTERS:,} are read; make it two rules")
    reader = _Reader(text)
    try:
        condition = reader.condition(_parse(text))
        levels = tree.depth(condition)
    except RecursionError as error:
        raise BadCondition(_too_deep("more")) from error
    if levels > MOST_LEVELS:
        raise BadCondition(_too_deep(levels))
    return condition


def _too_deep(levels: object) -> str:
    return f"the condition is nested {levels} levels deep, at most {MOST_LEVELS}; take parentheses away, or make it two rules"


def _parse(text: str) -> exp.Expr:
    try:
        _check_nesting(text)
        return sqlglot.parse_one(text, into=exp.Condition)
    except TokenError as error:
        raise BadCondition("a quotation or comment is not closed; a rule needs neither") from error
    except ParseError as error:
        raise _explain(text, error) from error


def _check_nesting(text: str) -> None:
    """Refuse what would be nested too deeply before the parser goes down into it."""
    levels = 0
    for token in sqlglot.tokenize(text):
        levels += token.token_type.name in {"L_PAREN", "CASE"}
        levels -= token.token_type.name in {"R_PAREN", "END"}
        if levels > MOST_LEVELS:
            raise BadCondition(_too_deep("more"), token.line, token.col)


def _explain(text: str, error: ParseError) -> BadCondition:
    if not error.errors:
        return BadCondition("the condition is empty; TRUE fires always")
    first = error.errors[0]
    word, line = first["highlight"], int(first["line"])
    column = max(int(first["col"]) - len(word) + 1, 1)
    if word in {"&&", "||", "!"}:
        fix = "write AND, OR and NOT in words"
    elif word.startswith("_"):
        fix = "write the number without underscores"
    elif text.count("(") != text.count(")"):
        fix = "count the parentheses: each ( needs its )"
    else:
        fix = "something is missing before it, or it does not belong here"
    return BadCondition(f"{word!r} was not expected here; {fix}", line, column)


def _said(node: exp.Expr) -> str:
    """A node in SQL, short enough for a sentence."""
    text = node.sql()
    return text if len(text) <= _MOST_SAID else f"{text[:_MOST_SAID]} …"


class _Reader:
    """Takes over the nodes of one text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def condition(self, node: exp.Expr) -> tree.Condition:
        """A node that must be true, false or unknown."""
        node = self._unwrap(node)
        if isinstance(node, exp.And):
            return tree.All(tuple(map(self.condition, node.flatten())))
        if isinstance(node, exp.Or):
            return tree.Either(tuple(map(self.condition, node.flatten())))
        if type(node) in _COMPARISONS:
            return tree.Comparison(_COMPARISONS[type(node)], self.number(node.this), self.number(node.expression))
        translate = self._conditions.get(type(node))
        if translate is not None:
            return translate(self, node)
        if type(node) in self._numbers or type(node) in _ARITHMETIC:
            self.number(node)  # it may be wrong itself
            raise self._bad(node, f"{_said(node)} is a number where a condition is wanted; compare it, as in {_said(node)} > 3")
        raise self._bad(node, refusal(node))

    def number(self, node: exp.Expr) -> tree.Number:
        """A node that must be a number or unknown."""
        node = self._unwrap(node)
        if type(node) in _ARITHMETIC:
            number: tree.Number = tree.Arithmetic(
                _ARITHMETIC[type(node)], self.number(node.this), self.number(node.expression)
            )
            self._check_constant(node, number)
            return number
        translate = self._numbers.get(type(node))
        if translate is not None:
            return translate(self, node)
        if isinstance(node, exp.Connector) or type(node) in self._conditions or type(node) in _COMPARISONS:
            raise self._bad(node, f"{_said(node)} is true or false where a number is wanted; use CASE WHEN … THEN 1 ELSE 0 END")
        raise self._bad(node, refusal(node))

    def _unwrap(self, node: exp.Expr) -> exp.Expr:
        while isinstance(node, exp.Paren):
            node = node.this
        if not isinstance(node, exp.Expr):
            raise BadCondition("something is missing in the condition")
        allowed = _PARTS.get(type(node))
        extra = [name for name, value in node.args.items() if value and allowed is not None and name not in allowed]
        if extra:
            raise self._bad(node, f"{_said(node)} says more than a rule may ({', '.join(extra)}); write it in simpler words")
        return node

    def _bad(self, node: exp.Expr, sentence: str) -> BadCondition:
        return BadCondition(sentence, *self._place(node))

    def _place(self, node: exp.Expr) -> tuple[int, int]:
        """Line and column of a node, from 1: those of its first word, or of what it stands in."""
        here: exp.Expr | None = node
        while here is not None:
            starts = [part.meta["start"] for part in here.walk() if "start" in part.meta]
            if starts:
                before = self._text[: min(starts)]
                return before.count("\n") + 1, len(before) - before.rfind("\n")
            here = here.parent
        return 1, 1

    def _check_constant(self, node: exp.Expr, number: tree.Number) -> None:
        if not tree.is_constant(number):
            return
        try:
            tree.constant_of(number)
        except ArithmeticError as error:
            raise self._bad(node, f"{_said(node)} is no number: it divides by zero, or is too large") from error

    # conditions

    def _truth(self, node: exp.Expr) -> tree.Condition:
        return tree.Truth(bool(node.this))

    def _not(self, node: exp.Expr) -> tree.Condition:
        return tree.Not(self.condition(node.this))

    def _between(self, node: exp.Expr) -> tree.Condition:
        return tree.Between(self.number(node.this), self.number(node.args["low"]), self.number(node.args["high"]))

    def _one_of(self, node: exp.Expr) -> tree.Condition:
        if not node.expressions:
            raise self._bad(node, "IN needs its numbers in parentheses, as in payment.type IN (1, 3)")
        return tree.OneOf(self.number(node.this), tuple(map(self.number, node.expressions)))

    def _is(self, node: exp.Expr) -> tree.Condition:
        state = node.expression
        if isinstance(state, exp.Null):
            return tree.Not(tree.IsKnown(self.number(node.this)))
        if isinstance(state, exp.Column) and state.name.lower() == "known" and not state.table:
            return tree.IsKnown(self.number(node.this))
        raise self._bad(node, "after IS stands UNKNOWN, KNOWN, NOT UNKNOWN, NULL or NOT NULL; a condition needs no IS TRUE")

    # numbers

    def _constant(self, node: exp.Expr) -> tree.Number:
        if node.args["is_string"]:
            raise self._bad(node, refusal(node))
        value = float(node.this)
        if not math.isfinite(value) or abs(value) > GREATEST:
            raise self._bad(node, f"{node.this} is too large; numbers are within ± {GREATEST:.0e}")
        return tree.Constant(value)

    def _column(self, node: exp.Expr) -> tree.Number:
        name = node.sql(identify=False).replace('"', "").lower()
        if name in COLUMNS:
            return tree.Reading(COLUMNS[name])
        similar = similar_names(name)
        fix = f"did you mean {' or '.join(similar)}?" if similar else "`penstock rules columns` lists them"
        raise self._bad(node, f"there is no column {name}; {fix}")

    def _negative(self, node: exp.Expr) -> tree.Number:
        number = self.number(node.this)
        return tree.Constant(-number.value) if isinstance(number, tree.Constant) else tree.Negative(number)

    def _absolute(self, node: exp.Expr) -> tree.Number:
        return tree.Absolute(self.number(node.this))

    def _several(self, node: exp.Expr) -> tuple[tree.Number, ...]:
        return tuple(map(self.number, (node.this, *node.expressions)))

    def _extreme(self, node: exp.Expr) -> tree.Number:
        return tree.Extreme(isinstance(node, exp.Least), self._several(node))

    def _first_known(self, node: exp.Expr) -> tree.Number:
        return tree.FirstKnown(self._several(node))

    def _choice(self, node: exp.Expr) -> tree.Number:
        if node.this is not None:
            raise self._bad(node, f"write the condition out: CASE WHEN {_said(node.this)} = … THEN … END")
        cases = tuple(self._case(each) for each in node.args["ifs"])
        default = node.args.get("default")
        return tree.Choice(cases, None if default is None else self.number(default))

    def _case(self, branch: exp.Expr) -> tuple[tree.Condition, tree.Number]:
        return self.condition(branch.this), self.number(branch.args["true"])

    def _interval(self, node: exp.Expr) -> tree.Number:
        unit = node.args.get("unit")
        seconds = _SECONDS.get(unit.name.upper().removesuffix("S")) if unit is not None else None
        try:
            many = float(node.this.name)
        except (AttributeError, ValueError):
            many = math.nan
        if seconds is None or not abs(many * seconds) <= GREATEST:
            raise self._bad(node, "an interval is a number of seconds, minutes, hours, days or weeks, as in INTERVAL '5 minutes'")
        return tree.Constant(many * seconds)

    def _function(self, node: exp.Expr) -> tree.Number:
        """A function that sqlglot does not know: ours, or nobody's."""
        name = str(node.this).lower()
        if name != "raw":
            similar = get_close_matches(name, _FUNCTIONS, n=1)
            fix = f"did you mean {similar[0]}?" if similar else f"there are {', '.join(_FUNCTIONS)}"
            raise self._bad(node, refusal(node) if is_known_function(node) else f"there is no function {name}; {fix}")
        numbers = [self.number(each) for each in node.expressions]
        if len(numbers) != 1 or not isinstance(numbers[0], tree.Reading):
            raise self._bad(node, "raw takes one column, as in raw(payer.count_hour): the number as it is stored")
        return tree.Reading(numbers[0].column, raw=True)

    _conditions: Final[dict[type[exp.Expr], Callable[[Any, exp.Expr], tree.Condition]]] = {
        exp.Boolean: _truth,
        exp.Not: _not,
        exp.Between: _between,
        exp.In: _one_of,
        exp.Is: _is,
    }
    _numbers: Final[dict[type[exp.Expr], Callable[[Any, exp.Expr], tree.Number]]] = {
        exp.Literal: _constant,
        exp.Column: _column,
        exp.Neg: _negative,
        exp.Abs: _absolute,
        exp.Least: _extreme,
        exp.Greatest: _extreme,
        exp.Coalesce: _first_known,
        exp.Case: _choice,
        exp.Interval: _interval,
        exp.Anonymous: _function,
    }
