"""The state × command table: the specification of a payment's life.

``TRANSITIONS[state, kind]`` says what a command does to a payment in a state: the next state when it
takes effect, or the reason with which it is refused. Every pair is present; the tests walk all of
them on the running lane, and ``docs/states.md`` renders the table.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from penstock.contracts.commands import Kind
from penstock.contracts.reasons import Reason


class State(IntEnum):
    """The state of a payment, or the result of another command. Numbers are never reused."""

    NONE = 0
    DONE = 1  # a command that is not a payment took effect (open, deposit, publish)
    CLEARED = 2  # final: the payee has the money
    HELD = 3  # authorised: the payer's funds are frozen
    RELEASED = 4  # final: given back, nothing was cleared
    CANCELLED = 5  # final: given back on the payer's wish
    EXPIRED = 6  # final: given back because the hold ran out
    DECLINED = 7  # final: refused, with a reason
    # 8 delayed, 9 challenge, 10 review: taken by later parts


class Transition(NamedTuple):
    """What a command does: the state afterwards, or the reason of the refusal."""

    next: State
    reason: Reason = Reason.OK


def _refuse(reason: Reason) -> Transition:
    return Transition(State.DECLINED, reason)


#: Commands on an existing payment, by the state they find it in. A `CLEAR` that leaves funds held
#: leaves the payment HELD; a final give-back after a partial clear ends CLEARED.
TRANSITIONS: Final[dict[tuple[State, Kind], Transition]] = {
    (State.HELD, Kind.CLEAR): Transition(State.CLEARED),
    (State.HELD, Kind.RELEASE): Transition(State.RELEASED),
    (State.HELD, Kind.CANCEL): Transition(State.CANCELLED),
    (State.HELD, Kind.EXPIRE): Transition(State.EXPIRED),
    **{
        (state, kind): _refuse(reason)
        for state, reason in (
            (State.NONE, Reason.PAYMENT_UNKNOWN),
            (State.DONE, Reason.PAYMENT_UNKNOWN),
            (State.CLEARED, Reason.PAYMENT_CLEARED),
            (State.RELEASED, Reason.PAYMENT_RELEASED),
            (State.CANCELLED, Reason.PAYMENT_CANCELLED),
            (State.EXPIRED, Reason.PAYMENT_EXPIRED),
            (State.DECLINED, Reason.PAYMENT_DECLINED),
        )
        for kind in (Kind.CLEAR, Kind.RELEASE, Kind.CANCEL, Kind.EXPIRE)
    },
}
