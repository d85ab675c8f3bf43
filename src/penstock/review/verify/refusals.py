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
from penstock.review.verify.read import Reader

_KINDS: Final = (Kind.CLEAR, Kind.RELEASE, Kind.CANCEL, Kind.EXPIRE)
#: Why a follow-up of a payment that is still held may be refused.
_WHILE_HELD: Final = (Reason.AMOUNT_ABOVE_HOLD, Reason.BALANCE_TOO_LARGE)
_EXPECTED: Final = np.zeros((max(State) + 1, max(Kind) + 1), dtype=np.int64)
for (_state, _kind), _transition in TRANSITIONS.items():
    _EXPECTED[_state, _kind] = _transition.reason


class Refusals:
    """Remembers the state of every payment, one byte for each row of the lane."""

    def __init__(self, lane: int, reader: Reader, findings: Findings) -> None:
        self._lane = lane
        self._reader = reader
        self._findings = findings
        self._states = np.zeros(1024, dtype=np.int8)

    def feed(self, rows: Rows, effective: BoolArray) -> None:
        """Check these rows' refusals; ``effective`` (n,) marks the follow-ups that took effect."""
        if not len(rows):
            return
        self._grow(int(rows["seq"][-1]) + 1)
        pays = rows["kind"] == Kind.PAY
        self._states[rows["seq"][pays]] = np.clip(rows["state"][pays], 0, max(State))
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
        if size > len(self._states):
            bigger = np.zeros(max(size, 2 * len(self._states)), dtype=np.int8)
            bigger[: len(self._states)] = self._states
            self._states = bigger

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
        states = np.where(known, rows["state"][place][np.maximum(before, 0)], self._states[refs])
        refused = ~effective[place]
        self._check(rows, place[refused], states[refused])
        took = place[effective[place]]
        self._states[rows["ref_seq"][took]] = np.clip(rows["state"][took], 0, max(State))

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
        self._check_clients(rows["client"][place], seqs, refs)

    def _check_clients(self, clients: IntArray, seqs: IntArray, refs: IntArray) -> None:
        """A refusal that names a payment is told only to the payment's own client."""
        owners = self._reader.values_at(self._lane, ["client"], np.unique(refs).tolist()) if len(refs) else {}
        expected = np.array([owners.get(ref, (-1,))[0] for ref in refs.tolist()], dtype=np.int64)
        self._findings.mark(
            "ownership", (expected >= 0) & (clients != expected), seqs,
            "Row {seq} of client {found} names a payment of client {expected}.", expected=expected, found=clients,
        )  # fmt: skip
