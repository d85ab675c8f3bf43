"""Refused follow-ups: the reason is the state × command table's, for the state in which the payment was."""

from __future__ import annotations

from typing import Final

import numpy as np

from penstock.contracts.commands import Kind
from penstock.contracts.reasons import Reason
from penstock.contracts.states import TRANSITIONS, State
from penstock.review.verify.columns import BoolArray, IntArray, Rows
from penstock.review.verify.findings import Findings
from penstock.review.verify.groups import order_by, starts_of

_KINDS: Final = (Kind.CLEAR, Kind.RELEASE, Kind.CANCEL, Kind.EXPIRE)
#: Why a follow-up of a payment that is still held may be refused.
_WHILE_HELD: Final = (Reason.AMOUNT_ABOVE_HOLD, Reason.BALANCE_TOO_LARGE)
_EXPECTED: Final = np.zeros((max(State) + 1, max(Kind) + 1), dtype=np.int64)
for (_state, _kind), _transition in TRANSITIONS.items():
    _EXPECTED[_state, _kind] = _transition.reason


#: A payment's state takes the lower bits of its word, its client the others.
_STATE_BITS: Final = 4
_STATES: Final = 2**_STATE_BITS - 1
assert max(State) <= _STATES


class Refusals:
    """Remembers the state and the client of every payment, four bytes for each row of the lane."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._known = np.zeros(1024, dtype=np.int32)

    def feed(self, rows: Rows, effective: BoolArray) -> None:
        """Check these rows' refusals; ``effective`` (n,) marks the follow-ups that took effect."""
        if not len(rows):
            return
        self._grow(int(rows["seq"][-1]) + 1)
        pays = np.flatnonzero(rows["kind"] == Kind.PAY)
        self._remember(rows["seq"][pays], rows["client"][pays], rows["state"][pays])
        place = np.flatnonzero(np.isin(rows["kind"], _KINDS))
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

    def _remember(self, payments: IntArray, clients: IntArray, states: IntArray) -> None:
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
        states = np.where(known, rows["state"][place][np.maximum(before, 0)], self._known[refs] & _STATES)
        refused = ~effective[place]
        self._check(rows, place[refused], states[refused])
        took = place[effective[place]]
        refs = rows["ref_seq"][took]
        self._remember(refs, self._known[refs] >> _STATE_BITS, rows["state"][took])

    def _check(self, rows: Rows, place: IntArray, states: IntArray) -> None:
        seqs, reason, refs = rows["seq"][place], rows["reason"][place], rows["ref_seq"][place]
        self._findings.mark(
            "payments", states == State.NONE, seqs, "Row {seq} is about row {found}, which is no payment.", found=refs
        )
        kinds = np.clip(rows["kind"][place], 0, max(Kind))
        expected = _EXPECTED[np.clip(states, 0, max(State)), kinds]
        held = states == State.HELD
        right = np.where(held, np.isin(reason, _WHILE_HELD), reason == expected)
        self._findings.mark(
            "payments", ~right & (states != State.NONE), seqs,
            "Row {seq} is refused with the reason {found}; the payment's state asks for {expected} (0: for none).",
            expected=expected, found=reason,
        )  # fmt: skip
        owner = (self._known[refs] >> _STATE_BITS).astype(np.int64)
        self._findings.mark(
            "ownership", (states != State.NONE) & (rows["client"][place] != owner), seqs,
            "Row {seq} of client {found} names a payment of client {expected}.", expected=owner, found=rows["client"][place],
        )  # fmt: skip
