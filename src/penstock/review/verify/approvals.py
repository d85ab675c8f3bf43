"""Approvals: every dangerous row carries enough people who are not its maker."""

from __future__ import annotations

from typing import Final

import numpy as np

from penstock.contracts.commands import APPROVERS, MOST_APPROVERS, Flag, Kind, Operation, Option
from penstock.contracts.states import State
from penstock.review.verify.changes import Changes
from penstock.review.verify.columns import IntArray, Rows
from penstock.review.verify.findings import Findings

_DEFAULTS: Final = np.array([APPROVERS[operation] for operation in sorted(Operation)], dtype=np.int64)
_OPERATIONS: Final = len(_DEFAULTS)
_PEOPLE: Final = ("approval_1", "approval_2", "approval_3")


class Approvals:
    """How many approvers each operation needs, and whether rows have them."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._set = Changes(1)  # operation → approvers + 1, 0 = as many as the contracts say

    def feed(self, rows: Rows) -> None:
        """Learn what these rows set, and check those that lower a number."""
        place = np.flatnonzero((rows["kind"] == Kind.SET_APPROVALS) & (rows["state"] != State.DECLINED))
        operation, number = rows["option"][place] - Option.APPROVALS, rows["amount_minor"][place]
        known = (operation >= 0) & (operation < _OPERATIONS) & (number <= MOST_APPROVERS)
        self._findings.mark(
            "approvals", ~known, rows["seq"][place],
            "Row {seq} sets {found} approvers for an operation; there are none of that number, or at most "
            "{expected} may be asked for.", expected=MOST_APPROVERS, found=number,
        )  # fmt: skip
        place, operation, number = place[known], operation[known], number[known]
        self._set.begin(len(rows), operation, place, number[:, np.newaxis] + 1)
        self._check_sender(rows, place)
        lowered = number < self._needed(operation, place)
        self.check(rows, place[lowered], Operation.APPROVALS)

    def check(self, rows: Rows, place: IntArray, operation: Operation) -> None:
        """Check that the rows at ``place`` carry the approvals that an operation needs."""
        needed = self._needed(np.full(len(place), int(operation)), place)
        people = np.stack([rows[name][place] for name in _PEOPLE], axis=1)
        maker = rows["maker"][place]
        seqs = rows["seq"][place]
        own = (people == maker[:, np.newaxis]) & (people > 0)
        self._findings.mark(
            "approvals", own.any(axis=1), seqs,
            "Row {seq} was approved by person {found}, who asked for it.", found=maker,
        )  # fmt: skip
        ordered = np.sort(np.where(own, 0, people), axis=1)
        fresh = np.concatenate((ordered[:, :1] > 0, (ordered[:, 1:] > 0) & (ordered[:, 1:] != ordered[:, :-1])), axis=1)
        count = np.where(maker > 0, fresh.sum(axis=1), 0)
        self._findings.mark(
            "approvals", count < needed, seqs,
            f"Row {{seq}} took effect with {{found}} approvers other than its maker; the operation "
            f"{operation.name.lower()} needs {{expected}}.", expected=needed, found=count,
        )  # fmt: skip

    def needed(self) -> list[int]:
        """Approvers + 1 by operation, 0 where never set, after everything fed."""
        return [int(value) for value in self._set.now(np.arange(_OPERATIONS))[:, 0]]

    def _needed(self, operation: IntArray, place: IntArray) -> IntArray:
        found = self._set.before(operation, place)[:, 0]
        return np.where(found > 0, found - 1, _DEFAULTS[operation])

    def _check_sender(self, rows: Rows, place: IntArray) -> None:
        self._findings.mark(
            "ownership", rows["flags"][place] & Flag.OPERATES == 0, rows["seq"][place],
            "Row {seq} of client {found} sets approvers without operating the system.", found=rows["client"][place],
        )  # fmt: skip
