"""How a payment begins: cleared at once, held, delayed or in review, as asked for and as the policy's reviews say."""

from __future__ import annotations

from typing import Final

import numpy as np

from penstock.contracts.commands import FORCE_STATE, NEVER_US, Flag, Kind
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from penstock.review.verify.columns import BoolArray, IntArray, Rows
from penstock.review.verify.entities import slots_of
from penstock.review.verify.findings import Findings
from penstock.review.verify.groups import start_places, starts_of
from penstock.review.verify.policies import Policies
from penstock.review.verify.verdicts import REVIEW

_HOUR_US: Final = 3_600_000_000
_BEGINS: Final = (Kind.PAY, Kind.WITHDRAW)
#: Outcomes that a test value may force in a sandbox; the journal does not say whether it is one.
_FORCED: Final = (State.HELD, State.DELAYED, State.REVIEW, State.CHALLENGE)


class Reviews:
    """Follows how many reviews have begun in an hour of lane time."""

    def __init__(self, policies: Policies, findings: Findings) -> None:
        self.hour = 0
        self.begun = 0
        self._policies = policies
        self._findings = findings

    def feed(self, rows: Rows, in_force: IntArray, verdicts: IntArray) -> None:
        """Check the states in which these rows begin payments, and when those fall due; ``verdicts`` (n,) on their risk."""
        place = np.flatnonzero(np.isin(rows["kind"], _BEGINS))
        if not len(place):
            return
        version, slot = in_force[place], np.maximum(slots_of(rows["currency"][place]), 0)
        free, refuses = self._capacity(rows, place, version)
        rule = self._policies.reviews[version, rows["payment_type"][place], slot]
        due = self._needs_review(rows, place, rule[:, 0]) | (verdicts[place] == REVIEW)
        intended = _intended(rows, place)
        expected = np.where(due & free, int(State.REVIEW), intended)
        forced = rows["option"][place] - FORCE_STATE
        as_forced = np.isin(forced, _FORCED) & (rows["state"][place] == forced) & (rows["kind"][place] == Kind.PAY)
        expected = np.where(as_forced, forced, expected)
        done = rows["state"][place] != State.DECLINED
        compare = self._findings.compare
        challenged = rows["state"][place] == State.CHALLENGE  # whether rightly so, its verdict says
        begun = done & ~challenged
        compare("state", rows, place[begun], "state", expected[begun])
        self._findings.mark(
            "reviews", begun & due & ~free & refuses & ~as_forced, rows["seq"][place],
            "Row {seq} accepts a payment that needs a review, of which no more could begin in its hour.",
        )  # fmt: skip
        full = (rows["reason"][place] == Reason.REVIEWS_FULL) & (rows["option"][place] == 0)
        self._findings.mark(
            "reviews", full & ~done & (free | ~refuses | ~due), rows["seq"][place],
            "Row {seq} refuses a payment because no more reviews can begin; another one could, or none was needed.",
        )  # fmt: skip
        self._check_due(rows, place[done], version[done], rule[done])

    def _capacity(self, rows: Rows, place: IntArray, version: IntArray) -> tuple[BoolArray, BoolArray]:
        """Whether another review could begin at each row, and whether the policy refuses payments when none can."""
        hours, reviewed = rows["time_us"][place] // _HOUR_US, rows["state"][place] == State.REVIEW
        before = np.cumsum(reviewed) - reviewed
        starts = starts_of(hours)
        begun = before - before[start_places(starts)] + np.where(hours == self.hour, self.begun, 0)
        last = np.flatnonzero(reviewed)
        if len(last):
            self.hour, self.begun = int(hours[last[-1]]), int(begun[last[-1]]) + 1
        return begun < self._policies.capacity[version, 0], self._policies.capacity[version, 1] == 1

    @staticmethod
    def _needs_review(rows: Rows, place: IntArray, above: IntArray) -> BoolArray:
        """A withdrawal without a bank has arrived before anybody could look at it."""
        at_once = (rows["kind"][place] == Kind.WITHDRAW) & (rows["flags"][place] & Flag.RAIL == 0)
        needed: BoolArray = (rows["amount_minor"][place] > above) & ~at_once
        return needed

    def _check_due(self, rows: Rows, place: IntArray, version: IntArray, rule: IntArray) -> None:
        state, times, flags = rows["state"][place], rows["time_us"][place], rows["flags"][place]
        found = rows["expires_us"][place]
        _, ordinary, next_day = self._policies.times[version].T
        expected = np.zeros(len(place), dtype=np.int64)
        held = state == State.HELD
        lasts = np.where(flags & Flag.RAIL != 0, NEVER_US, np.maximum(found, times + 1))
        expected[held] = lasts[held]  # a hold's lifetime is the caller's
        arrives = times + np.where(flags & Flag.NEXT_DAY != 0, next_day, ordinary)
        expected[state == State.DELAYED] = arrives[state == State.DELAYED]
        in_review = state == State.REVIEW
        expected[in_review] = (times + rule[:, 1])[in_review]
        self._findings.compare("expiry", rows, place, "expires_us", expected)


def _intended(rows: Rows, place: IntArray) -> IntArray:
    """What the caller wanted to become of each payment."""
    flags = rows["flags"][place]
    later = np.where(flags & (Flag.ORDINARY | Flag.NEXT_DAY) != 0, int(State.DELAYED), int(State.CLEARED))
    return np.where(flags & (Flag.HOLD_ONLY | Flag.RAIL) != 0, int(State.HELD), later)
