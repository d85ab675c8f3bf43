"""Refused follow-ups: the reason is the state × command table's, for the state in which the payment was."""

from __future__ import annotations

from typing import Final

import numpy as np

from penstock.contracts.commands import FORCE_REASON, FORCE_STATE, Flag, Kind
from penstock.contracts.reasons import Reason
from penstock.contracts.states import TRANSITIONS, State
from penstock.review.verify.columns import BoolArray, IntArray, Rows
from penstock.review.verify.findings import Findings
from penstock.review.verify.groups import order_by, starts_of

_BEGINS: Final = (Kind.PAY, Kind.DEPOSIT, Kind.WITHDRAW)
_REASONS: Final = max(Reason) + 1
#: Commands that a client may send about a payment of which it is the payee's, or which only an operator sends.
_OF_PAYEE: Final = (Kind.REFUND, Kind.RETURN)
_OF_OPERATOR: Final = (Kind.DECIDE_REVIEW, Kind.CHARGEBACK, Kind.RECOVER)

_ACCOUNTS: Final = (Reason.PAYER_CLOSED, Reason.PAYEE_CLOSED, Reason.PAYER_FROZEN, Reason.PAYEE_FROZEN)
_APPROVALS: Final = (Reason.APPROVALS_MISSING, Reason.APPROVAL_OWN)
_LIMITS: Final = tuple(r for r in Reason if Reason.TYPE_NOT_OFFERED <= r <= Reason.LIMIT_YEAR_COUNT)
_GIVING: Final = (
    Reason.NOT_REFUNDABLE, Reason.AMOUNT_ABOVE_LEFT, Reason.SAME_ACCOUNT, Reason.INSUFFICIENT_FUNDS, Reason.BALANCE_TOO_LARGE,
)  # fmt: skip
_STOPPED: Final = (Reason.PAYER_CLOSED, Reason.PAYER_FROZEN, Reason.FUNDS_FROZEN)
_BANK: Final = (Reason.PAYMENT_REFUNDING, Reason.AMOUNT_ABOVE_HOLD, Reason.BALANCE_TOO_LARGE)
#: Why a command may be refused in a state in which the table lets it take effect.
_ELSE: Final[dict[tuple[State, Kind], tuple[Reason, ...]]] = {
    (State.HELD, Kind.CLEAR):
        (Reason.AMOUNT_ABOVE_HOLD, Reason.BALANCE_TOO_LARGE, Reason.PAYMENT_AT_BANK, *_ACCOUNTS),
    (State.HELD, Kind.RELEASE): (Reason.AMOUNT_ABOVE_HOLD, Reason.PAYMENT_AT_BANK),
    (State.HELD, Kind.CANCEL): (Reason.PAYMENT_AT_BANK,),
    (State.HELD, Kind.RECOVER): (Reason.PAYMENT_OPEN, Reason.BALANCE_TOO_LARGE),
    (State.DELAYED, Kind.RELEASE): (Reason.AMOUNT_ABOVE_HOLD,),
    (State.REVIEW, Kind.DECIDE_REVIEW): (*_APPROVALS, *_ACCOUNTS, *_LIMITS, Reason.BALANCE_TOO_LARGE),
    (State.REFUNDING, Kind.CLEAR): _BANK,
    (State.REFUNDING, Kind.RELEASE): _BANK,
    (State.REFUNDING, Kind.RECOVER): _BANK,
    (State.CLEARED, Kind.REFUND):
        (Reason.RAIL_NOT_OFFERED, Reason.TOO_MANY_HOLDS, Reason.HOLDS_FULL, *_GIVING, *_STOPPED),
    (State.CLEARED, Kind.RETURN): (*_GIVING, *_STOPPED),
    (State.CLEARED, Kind.CHARGEBACK): _GIVING,
    (State.CLEARED, Kind.RECOVER): (Reason.PAYMENT_CLEARED, *_GIVING),
}  # fmt: skip
#: (states, kinds, reasons): whether a command may be refused so; (states, kinds): the table's own reason.
_MAY: Final = np.zeros((max(State) + 1, max(Kind) + 1, _REASONS), dtype=np.bool_)
_EXPECTED: Final = np.zeros((max(State) + 1, max(Kind) + 1), dtype=np.int64)
for (_state, _kind), _transition in TRANSITIONS.items():
    _EXPECTED[_state, _kind] = _transition.reason
    _MAY[_state, _kind, _transition.reason] = True
    _MAY[_state, _kind, list(_ELSE.get((_state, _kind), ()))] = True
_MAY[:, Kind.RECOVER, list(_APPROVALS)] = True
_MAY[:, :, Reason.OK] = False

#: A payment's state takes the lower bits of its word, its client the others.
_STATE_BITS: Final = 5
_STATES: Final = 2**_STATE_BITS - 1
assert max(State) <= _STATES


class Refusals:
    """Remembers the state and the client of every payment, four bytes for each row of the lane."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._known = np.zeros(1024, dtype=np.int32)

    def remember(self, rows: Rows) -> None:
        """Take up the payments that these rows begin."""
        if not len(rows):
            return
        self._grow(int(rows["seq"][-1]) + 1)
        begins = np.flatnonzero(np.isin(rows["kind"], _BEGINS))
        self._set(rows["seq"][begins], rows["client"][begins], rows["state"][begins])

    def states_of(self, payments: IntArray) -> IntArray:
        """The state of each payment (k,), named by a row that was remembered or by 0: NONE."""
        return (self._known[payments] & _STATES).astype(np.int64)

    def feed(self, rows: Rows, about: BoolArray, effective: BoolArray) -> None:
        """Check these rows' refusals; ``about`` (n,) marks the follow-ups, ``effective`` those that took effect."""
        place = np.flatnonzero(about)
        unnamed = rows["ref_seq"][place] == 0
        self._check_unnamed(rows, place[unnamed])
        place = place[~unnamed]
        inside = (rows["ref_seq"][place] > 0) & (rows["ref_seq"][place] < rows["seq"][place])
        self._findings.mark(
            "payments", ~inside, rows["seq"][place], "Row {seq} is about the payment {found}, which is not before it.",
            found=rows["ref_seq"][place],
        )  # fmt: skip
        self._walk(rows, place[inside], effective)

    def _grow(self, size: int) -> None:
        if size > len(self._known):
            bigger = np.zeros(max(size, len(self._known) * 5 // 4), dtype=np.int32)
            bigger[: len(self._known)] = self._known
            self._known = bigger

    def _set(self, payments: IntArray, clients: IntArray, states: IntArray) -> None:
        clients = clients & (2**31 - 1) >> _STATE_BITS
        self._known[payments] = clients << _STATE_BITS | np.clip(states, 0, max(State))

    def _check_unnamed(self, rows: Rows, place: IntArray) -> None:
        found = rows["reason"][place]
        wrong = (found != Reason.PAYMENT_UNKNOWN) & (rows["state"][place] == State.DECLINED)
        self._findings.mark(
            "payments", wrong, rows["seq"][place],
            "Row {seq} names no payment and is refused with the reason {found} instead of {expected}.",
            expected=int(Reason.PAYMENT_UNKNOWN), found=found,
        )  # fmt: skip

    def _walk(self, rows: Rows, place: IntArray, effective: BoolArray) -> None:
        """Go through each payment's follow-ups in order: the state that each one found."""
        place = place[order_by(rows["ref_seq"][place])]
        refs = rows["ref_seq"][place]
        starts, numbers = starts_of(refs), np.arange(len(place))
        changed = np.where(effective[place], numbers, -1)
        # the last change before each follow-up, if it lies in the same payment
        before = np.concatenate(([-1], np.maximum.accumulate(changed)[:-1])) if len(place) else changed
        first = np.maximum.accumulate(np.where(starts, numbers, 0))
        known = before >= first
        states = np.where(known, rows["state"][place][np.maximum(before, 0)], self.states_of(refs))
        refused = ~effective[place]
        self._check(rows, place[refused], states[refused])
        took = place[effective[place]]
        refs = rows["ref_seq"][took]
        payments = self._known[refs] & _STATES != State.NONE
        self._set(refs[payments], self._known[refs[payments]] >> _STATE_BITS, rows["state"][took[payments]])

    def _check(self, rows: Rows, place: IntArray, states: IntArray) -> None:
        seqs, reason, refs = rows["seq"][place], rows["reason"][place], rows["ref_seq"][place]
        self._findings.mark(
            "payments", states == State.NONE, seqs, "Row {seq} is about row {found}, which is no payment.", found=refs
        )
        kinds, states = np.clip(rows["kind"][place], 0, max(Kind)), np.clip(states, 0, max(State))
        right = _MAY[states, kinds, np.clip(reason, 0, _REASONS - 1)]
        option = rows["option"][place]
        forced = (kinds == Kind.REFUND) & (option > FORCE_REASON) & (option < FORCE_STATE)
        right |= forced & (reason == option - FORCE_REASON)
        self._findings.mark(
            "payments", ~right & (states != State.NONE), seqs,
            "Row {seq} is refused with the reason {found}; the payment's state asks for {expected} (0: for none).",
            expected=_EXPECTED[states, kinds], found=reason,
        )  # fmt: skip
        self._check_sender(rows, place, states)

    def _check_sender(self, rows: Rows, place: IntArray, states: IntArray) -> None:
        owner = (self._known[rows["ref_seq"][place]] >> _STATE_BITS).astype(np.int64)
        client, kind = rows["client"][place], rows["kind"][place]
        operates = rows["flags"][place] & Flag.OPERATES != 0
        own = (client == owner) | np.isin(kind, _OF_PAYEE)
        may = operates | (own & ~np.isin(kind, _OF_OPERATOR))
        self._findings.mark(
            "ownership", (states != State.NONE) & ~may, rows["seq"][place],
            "Row {seq} of client {found} names a payment of client {expected}.", expected=owner, found=client,
        )  # fmt: skip
