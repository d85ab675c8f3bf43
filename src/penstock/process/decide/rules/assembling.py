"""Tree → the steps of the machine."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from penstock.process.decide.rules import tree
from penstock.process.decide.rules.columns import Column, Scale
from penstock.process.decide.rules.machine import Step
from penstock.process.decide.rules.scales import bounds, threshold

#: Steps of a rule.
MOST_STEPS: Final = 500

_OPPOSITE: Final = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_MIRRORED: Final = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_STEPS: Final = {"=": Step.EQUAL, "<>": Step.DIFFERENT, "<": Step.BELOW, "<=": Step.UP_TO}
_ARITHMETIC: Final = {"+": Step.ADD, "-": Step.SUBTRACT, "*": Step.MULTIPLY, "/": Step.DIVIDE}
_TABLES: Final = {Scale.SECONDS: Scale.LOG}  # the others have a table of their own name
_GROWTH: Final = {  # what a step adds to the stacks of numbers and of conditions
    **dict.fromkeys((Step.INSIDE, Step.OUTSIDE, Step.MISSING, Step.TRUTH), (0, 1)),
    **dict.fromkeys((Step.AND, Step.OR, Step.FIRE), (0, -1)),
    **dict.fromkeys((Step.CONSTANT, Step.NOTHING, Step.DECODE, Step.SCORE), (1, 0)),
    **dict.fromkeys((Step.NEGATE, Step.ABSOLUTE), (0, 0)),
    **dict.fromkeys((*_ARITHMETIC.values(), Step.LEAST, Step.GREATEST, Step.FIRST_KNOWN), (-1, 0)),
    **dict.fromkeys(_STEPS.values(), (-2, 1)),
    **dict.fromkeys((Step.IS_KNOWN, Step.IS_UNKNOWN), (-1, 1)),
    Step.CHOOSE: (-1, -1),
}


class TooLong(ValueError):
    """A rule needs more steps than it may have."""


class Program(NamedTuple):
    """What the machine runs, for all rules of a pack."""

    columns: NDArray[np.int32]  # (columns, 3): slot, and the ranks above which and up to which it is known
    steps: NDArray[np.int32]  # (steps, 4): Step and its operands
    constants: NDArray[np.float64]
    most_numbers: int  # on the stack at once
    most_conditions: int


class Assembler:
    """Makes one program of the rules that it is given."""

    def __init__(self) -> None:
        self._columns: dict[Column, int] = {}
        self._steps: list[tuple[int, int, int, int]] = []
        self._constants: dict[float, int] = {}
        self._on_stacks, self._most = (0, 0), (0, 0)
        self._end = 0

    def add(self, bit: int, condition: tree.Condition) -> None:
        """Add a rule; `TooLong` if it needs more than ``MOST_STEPS``."""
        self._end = len(self._steps) + MOST_STEPS
        self._condition(condition, wanted=True)
        self._step(Step.FIRE, bit)

    def program(self) -> Program:
        """What has been added."""
        columns = [(column.slot, *bounds(column)) for column in self._columns]
        return Program(
            np.array(columns, np.int32).reshape(-1, 3),
            np.array(self._steps, np.int32).reshape(-1, 4),
            np.array(list(self._constants), np.float64),
            *self._most,
        )

    def _step(self, step: Step, x: int = 0, low: int = 0, high: int = 0) -> None:
        if len(self._steps) >= self._end:
            raise TooLong(f"the rule needs more than {MOST_STEPS} steps; make it two rules")
        self._steps.append((step, x, low, high))
        self._on_stacks = (self._on_stacks[0] + _GROWTH[step][0], self._on_stacks[1] + _GROWTH[step][1])
        self._most = (max(self._most[0], self._on_stacks[0]), max(self._most[1], self._on_stacks[1]))

    def _place(self, column: Column) -> int:
        return self._columns.setdefault(column, len(self._columns))

    # conditions: leave on the stack whether the condition is true, or (not wanted) whether it is false

    def _condition(self, node: tree.Condition, *, wanted: bool) -> None:
        match node:
            case tree.Truth(value):
                self._step(Step.TRUTH, int(value == wanted))
            case tree.Not(of):
                self._condition(of, wanted=not wanted)
            case tree.All(of):
                self._join(of, Step.AND if wanted else Step.OR, wanted=wanted)
            case tree.Either(of):
                self._join(of, Step.OR if wanted else Step.AND, wanted=wanted)
            case tree.OneOf(of, choices):
                same = tuple(tree.Comparison("=", of, choice) for choice in choices)
                self._condition(tree.Either(same), wanted=wanted)
            case tree.IsKnown(of):
                self._known(of, wanted=wanted)
            case tree.Between():
                self._between(node, wanted=wanted)
            case tree.Comparison(sign, left, right):
                self._compare(sign if wanted else _OPPOSITE[sign], left, right)

    def _join(self, conditions: tuple[tree.Condition, ...], step: Step, *, wanted: bool) -> None:
        for place, condition in enumerate(conditions):
            self._condition(condition, wanted=wanted)
            if place:
                self._step(step)

    def _known(self, number: tree.Number, *, wanted: bool) -> None:
        if isinstance(number, tree.Reading):
            self._within(number.column, *bounds(number.column), wanted=wanted, missing=True)
            return
        self._number(number)
        self._step(Step.IS_KNOWN if wanted else Step.IS_UNKNOWN)

    def _between(self, node: tree.Between, *, wanted: bool) -> None:
        of, low, high = node.of, node.low, node.high
        if isinstance(of, tree.Reading) and tree.is_constant(low) and tree.is_constant(high):
            least, greatest = _threshold(of, low), _threshold(of, high)
            self._within(of.column, least - 1, greatest, wanted=wanted)
            return
        both = tree.All((tree.Comparison(">=", of, low), tree.Comparison("<=", of, high)))
        self._condition(both, wanted=wanted)

    def _within(self, column: Column, above: int, up_to: int, *, wanted: bool, missing: bool = False) -> None:
        """Whether the rank lies within; if not wanted, whether it lies outside, or is ``missing``."""
        floor, ceiling = bounds(column)
        low, high = max(above, floor) + 1, min(up_to, ceiling)
        if wanted:
            self._step(Step.INSIDE, self._place(column), low, high)
        else:
            self._step(Step.MISSING if missing else Step.OUTSIDE, self._place(column), low, high)

    def _compare(self, sign: str, left: tree.Number, right: tree.Number) -> None:
        if isinstance(left, tree.Reading) and tree.is_constant(right):
            self._compare_with_constant(left, sign, _threshold(left, right))
        elif isinstance(right, tree.Reading) and tree.is_constant(left):
            self._compare_with_constant(right, _MIRRORED[sign], _threshold(right, left))
        elif sign in _STEPS:
            self._number(left)
            self._number(right)
            self._step(_STEPS[sign])
        else:
            self._compare(_MIRRORED[sign], right, left)

    def _compare_with_constant(self, reading: tree.Reading, sign: str, rank: int) -> None:
        floor, ceiling = bounds(reading.column)
        above, up_to = {
            "=": (rank - 1, rank),
            "<>": (rank - 1, rank),
            "<": (floor, rank - 1),
            "<=": (floor, rank),
            ">": (rank, ceiling),
            ">=": (rank - 1, ceiling),
        }[sign]
        self._within(reading.column, above, up_to, wanted=sign != "<>")

    # numbers: leave a number on the stack

    def _number(self, node: tree.Number) -> None:
        if tree.is_constant(node):
            self._constant(tree.constant_of(node))
            return
        match node:
            case tree.Reading():
                self._read(node)
            case tree.Arithmetic(sign, left, right):
                self._fold((left, right), _ARITHMETIC[sign])
            case tree.Extreme(least, of):
                self._fold(of, Step.LEAST if least else Step.GREATEST)
            case tree.FirstKnown(of):
                self._fold(of, Step.FIRST_KNOWN)
            case tree.Negative(of):
                self._number(of)
                self._step(Step.NEGATE)
            case tree.Absolute(of):
                self._number(of)
                self._step(Step.ABSOLUTE)
            case tree.Choice():
                self._choose(node)

    def _fold(self, numbers: tuple[tree.Number, ...], step: Step) -> None:
        for place, number in enumerate(numbers):
            self._number(number)
            if place:
                self._step(step)

    def _constant(self, value: float) -> None:
        self._step(Step.CONSTANT, self._constants.setdefault(value, len(self._constants)))

    def _read(self, reading: tree.Reading) -> None:
        place, scale = self._place(reading.column), reading.column.scale
        if scale is Scale.SCORE:
            self._step(Step.SCORE, place)
        else:
            self._step(Step.DECODE, place, Scale.PLAIN if reading.raw else _TABLES.get(scale, scale))

    def _choose(self, node: tree.Choice) -> None:
        """The last case first, so that an earlier one replaces it."""
        if node.otherwise is None:
            self._step(Step.NOTHING)
        else:
            self._number(node.otherwise)
        for condition, number in reversed(node.cases):
            self._number(number)
            self._condition(condition, wanted=True)
            self._step(Step.CHOOSE)


def _threshold(reading: tree.Reading, number: tree.Number) -> int:
    return threshold(reading.column, tree.constant_of(number), raw=reading.raw)
