"""What no edge may send: it has checked all of this, so what is out of bounds is a programmer's error. Kernels.

One pass over the records, because a batch of few commands would spend its time on calls to numpy.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import NEVER_US, Kind, Operation, Option
from penstock.contracts.money import MAX_AMOUNT_MINOR
from penstock.kit.kernels import kernel

#: The options of each kind that has several variants; those of others are not looked at.
_OPTIONS: Final = {
    Kind.DECIDE_REVIEW: range(Option.APPROVE, Option.REJECT + 1),
    Kind.SET_ACCOUNT: range(Option.FREEZE_DEBIT, Option.CLOSE + 1),
    Kind.SET_CUSTOMER: range(Option.TIER, Option.LIMIT_YEAR_COUNT + 1),
    Kind.RECOVER: range(Option.REVERSE, Option.MOVE_SUSPENSE + 1),
    Kind.LABEL: range(Option.LABEL_FRAUD, Option.LABEL_NONE + 1),
    Kind.PUBLISH_MODEL: range(Option.MODEL_IN_FORCE, Option.MODEL_WITHDRAWN + 1),
    Kind.SET_APPROVALS: range(Option.APPROVALS, Option.APPROVALS + len(Operation)),
}
#: Payments fall due, and policies are published, by the lane alone.
_OWN: Final = (Kind.EXPIRE, Kind.PUBLISH)
_MOVING: Final = (Kind.DEPOSIT, Kind.WITHDRAW, Kind.PAY)
_LONGEST_US: Final = 366 * 86_400_000_000
_CLIENTS: Final = 1 << 22
_ANY_OPTION: Final = range(-(2**15), 2**15)

#: By kind: whether it may be sent, its least amount, and its options.
_SENT = np.zeros(max(Kind) + 1, np.bool_)
_LEAST, _FIRST_OPTION, _END_OPTION = (np.zeros(max(Kind) + 1, np.int64) for _ in range(3))
for _kind in Kind:
    _SENT[_kind] = _kind not in _OWN
    _LEAST[_kind] = 1 if _kind in _MOVING else 0
    _options = _OPTIONS.get(_kind, _ANY_OPTION)
    _FIRST_OPTION[_kind], _END_OPTION[_kind] = _options.start, _options.stop

_FINE: Final = -1
_KIND, _AMOUNT, _LIFETIME, _CLIENT, _TIME, _HASH, _PLACE, _OPTION = range(8)
_WORDS: Final = (
    "what only the lane makes", "an amount out of bounds", "a lifetime out of bounds", "a client out of bounds",
    "a time out of bounds", "a hash out of bounds", "a place on Earth out of bounds", "an option out of bounds",
)  # fmt: skip


def check_bounds(commands: NDArray[Any]) -> None:
    """Make sure that commands (n,) are within their bounds.

    :raises AssertionError: otherwise; the lane stops.
    """
    wrong = find_wrong(commands)
    assert wrong == _FINE, f"an edge sent {_WORDS[wrong]}"


@kernel
def find_wrong(commands: Any) -> int:
    """What is wrong with the first command that is out of bounds, as a place in ``_WORDS``; -1 = none is."""
    for i in range(commands.shape[0]):
        wrong = _judge_terms(commands[i])
        if wrong == _FINE:
            wrong = _judge_origin(commands[i])
        if wrong != _FINE:
            return wrong
    return _FINE


@kernel
def _judge_terms(command: Any) -> int:
    kind = command["kind"]
    if not 0 <= kind < _SENT.shape[0] or not _SENT[kind]:
        return _KIND
    if not _LEAST[kind] <= command["amount_minor"] <= MAX_AMOUNT_MINOR:
        return _AMOUNT
    if not 0 <= command["lifetime_us"] <= _LONGEST_US:
        return _LIFETIME
    if not 0 <= command["from_us"] <= NEVER_US or not 0 <= command["until_us"] <= NEVER_US:
        return _TIME
    return _FINE if _FIRST_OPTION[kind] <= command["option"] < _END_OPTION[kind] else _OPTION


@kernel
def _judge_origin(command: Any) -> int:
    if not 0 < command["client"] < _CLIENTS:
        return _CLIENT
    if min(command["instrument"], command["device"], command["network"], command["place"], command["category"]) < 0:
        return _HASH
    north, east = command["latitude_e4"], command["longitude_e4"]
    return _FINE if -900_000 <= north <= 900_000 and -1_800_000 <= east <= 1_800_000 else _PLACE
