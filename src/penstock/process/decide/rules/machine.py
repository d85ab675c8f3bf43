"""The machine that runs a pack: one kernel for every pack, which interprets its steps over blocks of payments.

A step works on a whole block, so that its cost is that of a loop over numbers side by side. Two stacks of blocks
serve it: numbers (with whether each is known), and conditions. A condition is kept as *whether it is true*: the
assembler has moved each NOT to where it no longer matters whether what is not true is false or unknown.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

import numpy as np

from penstock.kit.kernels import constant, kernel

#: Payments per block: few enough for the fast cache, many enough to make little of the steps' own cost.
BLOCK: Final = 512


class Step(IntEnum):
    """What the machine can do. Each step has three operands; those that are not named are not read."""

    # put a condition on the stack
    INSIDE = 0  # column, least rank, greatest rank
    OUTSIDE = 1  # column, least rank, greatest rank: known, and not within
    MISSING = 2  # column: not known
    TRUTH = 3  # 1 = true, 0 = not
    # join the two conditions on top
    AND = 4
    OR = 5
    # put a number on the stack
    CONSTANT = 6  # its place
    NOTHING = 7  # unknown
    DECODE = 8  # column, table
    SCORE = 9  # column
    # change the number on top
    NEGATE = 10
    ABSOLUTE = 11
    # join the two numbers on top
    ADD = 12
    SUBTRACT = 13
    MULTIPLY = 14
    DIVIDE = 15
    LEAST = 16
    GREATEST = 17
    FIRST_KNOWN = 18
    # take two numbers, put a condition
    EQUAL = 19
    DIFFERENT = 20
    BELOW = 21
    UP_TO = 22
    # take a number, put a condition
    IS_KNOWN = 23
    IS_UNKNOWN = 24
    # take a condition
    CHOOSE = 25  # where it is true the number on top, elsewhere the one below it
    FIRE = 26  # bit


_INSIDE, _OUTSIDE, _MISSING, _TRUTH = (constant(step) for step in (Step.INSIDE, Step.OUTSIDE, Step.MISSING, Step.TRUTH))
_AND, _OR, _FIRE = constant(Step.AND), constant(Step.OR), constant(Step.FIRE)
_CONSTANT, _NOTHING = constant(Step.CONSTANT), constant(Step.NOTHING)
_DECODE, _SCORE_STEP = constant(Step.DECODE), constant(Step.SCORE)
_NEGATE, _ABSOLUTE, _CHOOSE = constant(Step.NEGATE), constant(Step.ABSOLUTE), constant(Step.CHOOSE)
_ADD, _SUBTRACT, _MULTIPLY, _DIVIDE = (constant(step) for step in (Step.ADD, Step.SUBTRACT, Step.MULTIPLY, Step.DIVIDE))
_LEAST, _GREATEST, _FIRST_KNOWN = constant(Step.LEAST), constant(Step.GREATEST), constant(Step.FIRST_KNOWN)
_EQUAL, _DIFFERENT, _BELOW, _UP_TO = (constant(step) for step in (Step.EQUAL, Step.DIFFERENT, Step.BELOW, Step.UP_TO))
_IS_KNOWN, _IS_UNKNOWN = constant(Step.IS_KNOWN), constant(Step.IS_UNKNOWN)

_NONE = np.int32(-32_768)  # scales.NONE
_RANK_0 = np.int32(32_768)  # scales.OFFSET
_MOST = float(np.finfo(np.float64).max)
#: Bits of float32: all but the sign; infinity; the smallest number that half precision holds with all its digits.
_MAGNITUDE, _INFINITY, _NORMAL = np.int32(0x7FFFFFFF), np.int32(0x7F800000), np.int32(0x38800000)
_HALF_UP, _SHIFT, _BIAS, _ONE = np.int32(0xFFF), np.int32(13), np.int32(0x1C000), np.int32(1)
_TINY = np.float32(2.0**24)
_YES, _NO = np.uint8(1), np.uint8(0)


@kernel
def run(
    vectors: Any, bits: Any, scores: Any, columns: Any, steps: Any, constants: Any, tables: Any,
    ranks: Any, numbers: Any, known: Any, true: Any, fired: Any,
) -> None:  # fmt: skip
    """Set the bits of the rules that fire in ``fired`` (n,) int64.

    ``vectors`` (n, 64) float32 and ``scores`` (n,) float32 as in ``Pack.fired``, ``bits`` the vectors' as int32;
    ``columns``, ``steps`` and ``constants`` are a ``Program``; ``tables`` are ``scales.decoding_tables``; the rest is
    room to work in, of which the last dimension is the size of a block: ``ranks`` (columns, b) int32, ``numbers`` (deepest, b) float64,
    ``known`` (deepest, b) and ``true`` (deepest, b) uint8.
    """
    block = ranks.shape[1]
    for start in range(0, vectors.shape[0], block):
        end = min(start + block, vectors.shape[0])
        for c in range(columns.shape[0]):
            slot = columns[c, 0]
            if slot < vectors.shape[1]:
                rank_features(vectors[start:end, slot], bits[start:end, slot], columns[c, 1], columns[c, 2], ranks[c])
            else:
                rank_scores(scores[start:end], ranks[c])
        _run_steps(steps, constants, tables, ranks, numbers, known, true, fired[start:end])


@kernel
def rank_features(values: Any, bits: Any, floor: int, ceiling: int, ranks: Any) -> None:
    """The ranks of one column's stored values (n,) float32: above the floor, up to the ceiling, or ``NONE``."""
    tiny = False
    for i in range(bits.shape[0]):  # apart, so that what follows runs over numbers side by side
        ranks[i] = bits[i]
    for i in range(bits.shape[0]):
        magnitude = min(ranks[i] & _MAGNITUDE, _INFINITY)
        tiny |= (magnitude < _NORMAL) & (magnitude > 0)
        half = ((magnitude + _HALF_UP + ((magnitude >> _SHIFT) & _ONE)) >> _SHIFT) - _BIAS
        half = half if magnitude >= _NORMAL else np.int32(0)
        rank = -half if ranks[i] < 0 else half
        ranks[i] = rank if (rank > floor) & (rank <= ceiling) else _NONE
    if tiny:
        _rank_tiny(values, floor, ranks)


@kernel
def _rank_tiny(values: Any, floor: int, ranks: Any) -> None:
    """Half precision holds what is below 2^-14 as a multiple of 2^-24."""
    for i in range(values.shape[0]):
        if 0.0 < abs(values[i]) < 2.0**-14:
            rank = np.int32(np.rint(values[i] * _TINY))
            ranks[i] = rank if rank > floor else _NONE


@kernel
def rank_scores(scores: Any, ranks: Any) -> None:
    """The ranks of scores (n,) float32: their millionths, or ``NONE`` for what is not within [0, 1]."""
    for i in range(scores.shape[0]):
        score = np.float64(scores[i])
        good = (score >= 0.0) & (score <= 1.0)
        ranks[i] = np.int32(np.rint((score if good else 0.0) * 1e6)) if good else _NONE


@kernel
def _run_steps(
    steps: Any, constants: Any, tables: Any, ranks: Any, numbers: Any, known: Any, true: Any, fired: Any
) -> None:
    """Run all steps over one block: ``n`` numbers and ``c`` conditions are on the stacks."""
    n, c, count = 0, 0, fired.shape[0]
    for s in range(steps.shape[0]):
        step, x = steps[s, 0], steps[s, 1]
        if step <= _TRUTH:
            _test(step, ranks[x if step != _TRUTH else 0, :count], steps[s], true[c])
            c += 1
        elif step <= _OR:
            c -= 1
            _join(step, true[c - 1], true[c, :count])
        elif step <= _SCORE_STEP:
            _put(steps[s], constants, tables, ranks, numbers[n, :count], known[n])
            n += 1
        elif step <= _ABSOLUTE:
            _change(step, numbers[n - 1, :count])
        elif step <= _FIRST_KNOWN:
            n -= 1
            _compute(step, numbers[n - 1], known[n - 1], numbers[n, :count], known[n])
        elif step <= _UP_TO:
            n -= 2
            _compare(step, numbers[n], known[n], numbers[n + 1, :count], known[n + 1], true[c])
            c += 1
        elif step <= _IS_UNKNOWN:
            n -= 1
            _test_known(step, known[n, :count], true[c])
            c += 1
        elif step == _CHOOSE:
            n -= 1
            c -= 1
            _choose(true[c, :count], numbers[n - 1], known[n - 1], numbers[n], known[n])
        else:
            c -= 1
            _fire(true[c], x, fired)


@kernel
def _test(step: int, ranks: Any, operands: Any, true: Any) -> None:
    low, high = operands[2], operands[3]
    if step == _INSIDE:
        for i in range(ranks.shape[0]):
            true[i] = np.uint8(ranks[i] >= low) & np.uint8(ranks[i] <= high)
    elif step == _OUTSIDE:
        for i in range(ranks.shape[0]):
            true[i] = np.uint8(ranks[i] != _NONE) & (np.uint8(ranks[i] < low) | np.uint8(ranks[i] > high))
    elif step == _MISSING:
        for i in range(ranks.shape[0]):
            true[i] = np.uint8(ranks[i] == _NONE)
    else:
        for i in range(ranks.shape[0]):
            true[i] = np.uint8(operands[1])


@kernel
def _join(step: int, left: Any, right: Any) -> None:
    if step == _AND:
        for i in range(right.shape[0]):
            left[i] &= right[i]
    else:
        for i in range(right.shape[0]):
            left[i] |= right[i]


@kernel
def _put(operands: Any, constants: Any, tables: Any, ranks: Any, numbers: Any, known: Any) -> None:
    step, x = operands[0], operands[1]
    if step == _CONSTANT:
        for i in range(numbers.shape[0]):
            numbers[i], known[i] = constants[x], _YES
    elif step == _NOTHING:
        for i in range(numbers.shape[0]):
            numbers[i], known[i] = 0.0, _NO
    elif step == _DECODE:
        _decode(tables[operands[2]], ranks[x], numbers, known)
    else:
        for i in range(numbers.shape[0]):
            known[i] = np.uint8(ranks[x, i] != _NONE)
            numbers[i] = (ranks[x, i] if known[i] else 0) / 1e6


@kernel
def _decode(table: Any, ranks: Any, numbers: Any, known: Any) -> None:
    for i in range(numbers.shape[0]):
        known[i] = np.uint8(ranks[i] != _NONE)
    for i in range(numbers.shape[0]):
        numbers[i] = table[np.uint16(ranks[i] + _RANK_0)]  # ``NONE`` is at 0, where every table holds 0


@kernel
def _change(step: int, numbers: Any) -> None:
    for i in range(numbers.shape[0]):
        numbers[i] = -numbers[i] if step == _NEGATE else abs(numbers[i])


@kernel
def _compute(step: int, left: Any, left_known: Any, right: Any, right_known: Any) -> None:
    """Left becomes the result; what is not a finite number becomes unknown."""
    if step == _FIRST_KNOWN:
        _choose_known(left, left_known, right, right_known)
        return
    for i in range(right.shape[0]):
        both = left_known[i] & right_known[i]
        if step == _ADD:
            value = left[i] + right[i]
        elif step == _SUBTRACT:
            value = left[i] - right[i]
        elif step == _MULTIPLY:
            value = left[i] * right[i]
        elif step == _DIVIDE:
            both &= np.uint8(right[i] != 0.0)
            value = left[i] / (right[i] if right[i] != 0.0 else 1.0)
        elif step == _LEAST:
            value = min(left[i], right[i])
        else:
            value = max(left[i], right[i])
        both &= np.uint8(abs(value) <= _MOST)
        left[i], left_known[i] = value if both else 0.0, both


@kernel
def _choose_known(left: Any, left_known: Any, right: Any, right_known: Any) -> None:
    for i in range(right.shape[0]):
        left[i] = left[i] if left_known[i] else right[i]
        left_known[i] |= right_known[i]


@kernel
def _compare(step: int, left: Any, left_known: Any, right: Any, right_known: Any, true: Any) -> None:
    for i in range(right.shape[0]):
        if step == _EQUAL:
            holds = left[i] == right[i]
        elif step == _DIFFERENT:
            holds = left[i] != right[i]
        elif step == _BELOW:
            holds = left[i] < right[i]
        else:
            holds = left[i] <= right[i]
        true[i] = np.uint8(holds) & left_known[i] & right_known[i]


@kernel
def _test_known(step: int, known: Any, true: Any) -> None:
    wanted = _YES if step == _IS_KNOWN else _NO
    for i in range(known.shape[0]):
        true[i] = np.uint8(known[i] == wanted)


@kernel
def _choose(true: Any, below: Any, below_known: Any, top: Any, top_known: Any) -> None:
    for i in range(true.shape[0]):
        below[i] = top[i] if true[i] else below[i]
        below_known[i] = top_known[i] if true[i] else below_known[i]


@kernel
def _fire(true: Any, bit: int, fired: Any) -> None:
    for i in range(fired.shape[0]):
        fired[i] |= np.int64(true[i]) << np.int64(bit)
