"""The events of a batch: which of its commands are attempts to pay, and which labels are learned."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import Flag, Kind, Option
from penstock.contracts.reasons import Reason
from penstock.contracts.states import STARTS
from penstock.kit.kernels import kernel
from penstock.process.post.terms import Int64
from penstock.state import layout as at
from penstock.state.behaviour.events import ATTEMPT, EVENT, LABEL
from penstock.state.labels import find_label
from penstock.state.ownership import is_customer_account, is_owned

_SAME: Final = (
    "amount_minor", "instrument", "device", "network", "place", "category", "latitude_e4", "longitude_e4",
    "extra_1", "extra_2", "extra_3", "extra_4", "payment_type", "channel", "extras_given", "option",
)  # fmt: skip
_PAY, _LABEL, _LOCATED, _OPERATES = int(Kind.PAY), int(Kind.LABEL), int(Flag.LOCATED), int(Flag.OPERATES)
_STARTS = tuple(int(kind) for kind in STARTS)
_LABEL_NONE = int(Option.LABEL_NONE)
_UNKNOWN, _NOT_LABELLABLE = int(Reason.PAYMENT_UNKNOWN), int(Reason.NOT_LABELLABLE)
_UNCHANGED, _FULL = int(Reason.LABEL_UNCHANGED), int(Reason.LABELS_FULL)


class Moment(NamedTuple):
    """The local time of a batch, which lies within one second."""

    quarter: int  # quarters of an hour since midnight
    weekday: int  # 0 Monday


def events_of_commands(commands: NDArray[Any], times_us: Int64, moment: Moment) -> NDArray[Any]:
    """The events (n,) of commands (n,), which the kernel below completes."""
    events = np.zeros(len(commands), EVENT)
    for name in _SAME:
        events[name] = commands[name]
    events["time_us"] = times_us
    events["quarter"], events["weekday"] = moment
    events["located"] = (commands["flags"] & _LOCATED) != 0
    events["waits"] = 1
    return events


@kernel
def name_parties(state: Any, terms: Any, commands: Any, known: Any, judged: Any, events: Any) -> None:
    """Complete the events: repeats, and attempts of nobody that is known, stay nothing; labels are judged.

    Who owns an account never changes, so the rows written later agree with what is said here.
    """
    labels = state.scalars[0, at.LABELS]  # with those of this batch, which are folded only when it is posted
    for i in range(commands.shape[0]):
        command = commands[i]
        if known.found_seq[i] > 0 or known.twin[i] > 0 or known.refused[i] > 0:
            continue
        if command["kind"] == _PAY and is_owned(state, command["payer_account"], command["client"]):
            events[i]["kind"] = ATTEMPT
            events[i]["payer"] = command["payer_account"]
            if is_customer_account(state, command["payee_account"]):
                events[i]["payee"] = command["payee_account"]
            judged.attempt[i] = 1
        elif command["kind"] == _LABEL:
            judged.reason[i] = _judge_label(state, terms, command, judged.labelled[i], labels)
            if judged.reason[i] == 0:
                judged.was[i] = _label_of(state, command["ref_seq"])
                labels += 1 if judged.was[i] == 0 else 0
                _name_labelled(events[i], judged.labelled[i], judged.was[i])


@kernel
def _judge_label(state: Any, terms: Any, command: Any, payment: Any, labels: int) -> int:
    """Why a label is refused, 0 = it is not; ``labels``: how many payments carry one."""
    mine = payment["client"] == command["client"] or command["flags"] & _OPERATES != 0
    if payment["kind"] not in _STARTS or not mine:
        return _UNKNOWN
    if payment["registry"] == 0 or payment["kind"] != _PAY:
        return _NOT_LABELLABLE
    was = _label_of(state, command["ref_seq"])
    if was == command["option"] or (was == 0 and command["option"] == _LABEL_NONE):
        return _UNCHANGED
    if was == 0 and labels >= terms.labels:
        return _FULL
    return 0


@kernel
def _label_of(state: Any, origin_seq: int) -> int:
    return state.labels[find_label(state, origin_seq), at.LABEL_OPTION]


@kernel
def _name_labelled(event: Any, payment: Any, was: int) -> None:
    event["kind"] = LABEL
    event["payer"] = payment["payer"]
    event["payee"] = payment["payee"]
    event["instrument"] = payment["instrument"]
    event["device"] = payment["device"]
    event["network"] = payment["network"]
    event["place"] = payment["place"]
    event["category"] = payment["category"]
    event["paid_us"] = payment["time_us"]
    event["was"] = was
