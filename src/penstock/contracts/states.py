"""The state × command table: the specification of a payment's life.

``TRANSITIONS[state, kind]`` says what a command does to a payment in a state: the next state when it
takes effect, or the reason with which it is refused. Every pair is present; the tests walk all of
them on the running lane, and ``docs/states.md`` renders the table. What freezes, closed accounts and
limits add to it is in docs/payment-life.md.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from penstock.contracts.commands import Kind
from penstock.contracts.reasons import Reason


class State(IntEnum):
    """The state of a payment, or the result of another command. Numbers are never reused."""

    NONE = 0
    DONE = 1  # a command that is not a payment took effect (open, set, publish)
    CLEARED = 2  # the payee has the money; parts of it may have been given back
    HELD = 3  # authorised: the payer's funds are frozen
    RELEASED = 4  # final: given back, nothing was cleared
    CANCELLED = 5  # final: given back on the payer's wish
    EXPIRED = 6  # final: given back because its time ran out
    DECLINED = 7  # final: refused, with a reason
    DELAYED = 8  # held, clears by itself at a set time; the payer may cancel
    CHALLENGE = 9  # final: nothing is held; verify the payer more strongly and pay again
    REVIEW = 10  # held until a person decides, or the deadline's default does
    REJECTED = 11  # final: given back, a review decided against it
    REFUNDING = 12  # a refund is on its way out through the bank
    REFUNDED = 13  # final: all of it was given back by refunds
    RETURNED = 14  # final: the last of it was returned
    CHARGED_BACK = 15  # final: the last of it was charged back
    REVERSED = 16  # final: the last of it was reversed by an approved correction


#: States in which a hold keeps funds of a payer frozen.
OPEN: Final = frozenset({State.HELD, State.DELAYED, State.REVIEW, State.REFUNDING})


class Transition(NamedTuple):
    """What a command does: the state afterwards, or the reason of the refusal."""

    next: State
    reason: Reason = Reason.OK


#: The commands that start a payment.
STARTS: Final = (Kind.DEPOSIT, Kind.WITHDRAW, Kind.PAY)
#: The commands that act on an existing payment.
FOLLOW_UPS: Final = (
    Kind.CLEAR, Kind.RELEASE, Kind.CANCEL, Kind.EXPIRE, Kind.DECIDE_REVIEW, Kind.REFUND, Kind.RETURN, Kind.CHARGEBACK,
    Kind.RECOVER,
)  # fmt: skip
#: Those that give back what was cleared; ``left_minor`` bounds them.
GIVE_BACKS: Final = (Kind.REFUND, Kind.RETURN, Kind.CHARGEBACK, Kind.RECOVER)

#: Where a command takes effect. The state is the one when nothing stays behind: a ``clear`` or ``release`` of a part
#: leaves the payment HELD, a give-back after a partial clear ends it CLEARED, and a part given back leaves it CLEARED.
_EFFECTS: Final[dict[tuple[State, Kind], State]] = {
    (State.HELD, Kind.CLEAR): State.CLEARED,
    (State.HELD, Kind.RELEASE): State.RELEASED,
    (State.HELD, Kind.CANCEL): State.CANCELLED,
    (State.HELD, Kind.EXPIRE): State.EXPIRED,
    (State.HELD, Kind.RECOVER): State.CLEARED,  # finish_paid of a withdrawal at the bank; finish_unpaid: RELEASED
    (State.DELAYED, Kind.RELEASE): State.RELEASED,
    (State.DELAYED, Kind.CANCEL): State.CANCELLED,
    (State.DELAYED, Kind.EXPIRE): State.CLEARED,  # EXPIRED when it cannot be cleared any more
    (State.REVIEW, Kind.CANCEL): State.CANCELLED,
    (State.REVIEW, Kind.EXPIRE): State.REJECTED,  # or as if approved, after the default of its type
    (State.REVIEW, Kind.DECIDE_REVIEW): State.CLEARED,  # HELD or DELAYED, as asked for; REJECTED
    (State.REFUNDING, Kind.CLEAR): State.REFUNDED,
    (State.REFUNDING, Kind.RELEASE): State.CLEARED,
    (State.REFUNDING, Kind.RECOVER): State.REFUNDED,  # finish_paid; finish_unpaid: CLEARED
    (State.CLEARED, Kind.REFUND): State.REFUNDED,  # REFUNDING for a deposit, which goes back through the bank
    (State.CLEARED, Kind.RETURN): State.RETURNED,
    (State.CLEARED, Kind.CHARGEBACK): State.CHARGED_BACK,
    (State.CLEARED, Kind.RECOVER): State.REVERSED,
}

#: Why everything else is refused.
_REASONS: Final[dict[State, Reason]] = {
    State.NONE: Reason.PAYMENT_UNKNOWN,
    State.DONE: Reason.PAYMENT_UNKNOWN,
    State.CLEARED: Reason.PAYMENT_CLEARED,
    State.HELD: Reason.PAYMENT_OPEN,
    State.RELEASED: Reason.PAYMENT_RELEASED,
    State.CANCELLED: Reason.PAYMENT_CANCELLED,
    State.EXPIRED: Reason.PAYMENT_EXPIRED,
    State.DECLINED: Reason.PAYMENT_DECLINED,
    State.CHALLENGE: Reason.PAYMENT_CHALLENGED,
    State.DELAYED: Reason.PAYMENT_DELAYED,
    State.REVIEW: Reason.PAYMENT_IN_REVIEW,
    State.REJECTED: Reason.PAYMENT_REJECTED,
    State.REFUNDING: Reason.PAYMENT_REFUNDING,
    State.REFUNDED: Reason.PAYMENT_REFUNDED,
    State.RETURNED: Reason.PAYMENT_RETURNED,
    State.CHARGED_BACK: Reason.PAYMENT_CHARGED_BACK,
    State.REVERSED: Reason.PAYMENT_REVERSED,
}


def _transition(state: State, kind: Kind) -> Transition:
    if (state, kind) in _EFFECTS:
        return Transition(_EFFECTS[state, kind])
    if kind == Kind.DECIDE_REVIEW and _REASONS[state] != Reason.PAYMENT_UNKNOWN:
        return Transition(State.DECLINED, Reason.PAYMENT_NOT_IN_REVIEW)
    return Transition(State.DECLINED, _REASONS[state])


TRANSITIONS: Final = {(state, kind): _transition(state, kind) for state in State for kind in FOLLOW_UPS}
