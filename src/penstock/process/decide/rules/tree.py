"""The language of rules as a tree: what can be said, and nothing else.

A ``Number`` is a number or unknown; a ``Condition`` is true, false or unknown, as in SQL. Whatever is computed
from an unknown number is unknown, except by ``FirstKnown`` and ``Choice``; a rule fires only when its condition is
true.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final, TypeAlias

from penstock.process.decide.rules.columns import Column


@dataclass(frozen=True)
class Constant:
    """A number of the rule itself."""

    value: float


@dataclass(frozen=True)
class Reading:
    """A column; ``raw`` = as it is stored."""

    column: Column
    raw: bool = False


@dataclass(frozen=True)
class Arithmetic:
    """``sign`` is one of + - * /; dividing by zero, or leaving the range of numbers, is unknown."""

    sign: str
    left: Number
    right: Number


@dataclass(frozen=True)
class Negative:
    """-x."""

    of: Number


@dataclass(frozen=True)
class Absolute:
    """abs(x)."""

    of: Number


@dataclass(frozen=True)
class Extreme:
    """The least or the greatest of several; unknown if one of them is."""

    least: bool
    of: tuple[Number, ...]


@dataclass(frozen=True)
class FirstKnown:
    """coalesce: the first that is known."""

    of: tuple[Number, ...]


@dataclass(frozen=True)
class Choice:
    """CASE: the number of the first condition that is true, or ``otherwise``; None = unknown."""

    cases: tuple[tuple[Condition, Number], ...]
    otherwise: Number | None


@dataclass(frozen=True)
class Truth:
    """TRUE or FALSE."""

    value: bool


@dataclass(frozen=True)
class Comparison:
    """``sign`` is one of = <> < <= > >=."""

    sign: str
    left: Number
    right: Number


@dataclass(frozen=True)
class Between:
    """low <= x and x <= high."""

    of: Number
    low: Number
    high: Number


@dataclass(frozen=True)
class OneOf:
    """x IN (…)."""

    of: Number
    choices: tuple[Number, ...]


@dataclass(frozen=True)
class IsKnown:
    """x IS KNOWN; never unknown itself."""

    of: Number


@dataclass(frozen=True)
class All:
    """Conditions joined by AND."""

    of: tuple[Condition, ...]


@dataclass(frozen=True)
class Either:
    """Conditions joined by OR."""

    of: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """NOT: unknown stays unknown."""

    of: Condition


Number: TypeAlias = Constant | Reading | Arithmetic | Negative | Absolute | Extreme | FirstKnown | Choice
Condition: TypeAlias = Truth | Comparison | Between | OneOf | IsKnown | All | Either | Not
Node: TypeAlias = Number | Condition

_OPERATORS: Final = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


def children(node: Node) -> Iterator[Node]:
    """The parts of a node, in order."""
    for field in fields(node):
        yield from _nodes(getattr(node, field.name))


def _nodes(value: object) -> Iterator[Node]:
    if isinstance(value, tuple):
        for each in value:
            yield from _nodes(each)
    elif isinstance(value, Number | Condition):
        yield value


def depth(node: Node) -> int:
    """How deeply a tree is nested; 1 = a node without parts."""
    return 1 + max(map(depth, children(node)), default=0)


def columns_of(node: Node) -> tuple[Column, ...]:
    """The columns that a tree reads, each once, in the order of the text."""
    found = dict.fromkeys(_columns(node))
    return tuple(found)


def _columns(node: Node) -> Iterator[Column]:
    if isinstance(node, Reading):
        yield node.column
    for child in children(node):
        yield from _columns(child)


def is_constant(number: Number) -> bool:
    """Whether it is a number, or arithmetic of numbers alone."""
    if isinstance(number, Arithmetic):
        return is_constant(number.left) and is_constant(number.right)
    if isinstance(number, Negative | Absolute):
        return is_constant(number.of)
    return isinstance(number, Constant) or (isinstance(number, Extreme) and all(map(is_constant, number.of)))


def constant_of(number: Number) -> float:
    """The value of what ``is_constant``.

    Raises:
        ArithmeticError: it divides by zero, or is not finite.
    """
    value = _value(number)
    if not math.isfinite(value):
        raise OverflowError("the number is too large")
    return value


def _value(number: Number) -> float:
    match number:
        case Constant(value):
            return value
        case Arithmetic(sign, left, right):
            return float(_OPERATORS[sign](_value(left), _value(right)))
        case Negative(of):
            return -_value(of)
        case Absolute(of):
            return abs(_value(of))
        case Extreme(least, of):
            return (min if least else max)(map(_value, of))
        case _:
            raise TypeError(f"{number} depends on the payment")
