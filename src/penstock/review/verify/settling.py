"""Steps on funds that are held for a payment: clear, release, cancel, expire, a review's decision, the bank's answer.

A payment of the amount A with the fee F, of which C is cleared and R released, has taken the fee F x C // A
and keeps frozen: the rest A - C - R and the fee F x (A - R) // A less what was taken; nothing when no rest is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from penstock.contracts.commands import NEVER_US, Flag, Kind, Operation, Option
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from penstock.review.verify.approvals import Approvals
from penstock.review.verify.columns import BoolArray, IntArray, Rows
from penstock.review.verify.entities import slots_of
from penstock.review.verify.findings import Findings
from penstock.review.verify.freezes import Freezes
from penstock.review.verify.limits import Approved
from penstock.review.verify.policies import Policies
from penstock.review.verify.steps import Steps, fee_taken, frozen

_ENDED_BY: Final = {
    Kind.CLEAR: State.CLEARED, Kind.RELEASE: State.RELEASED, Kind.CANCEL: State.CANCELLED, Kind.EXPIRE: State.EXPIRED,
    Kind.DECIDE_REVIEW: State.REJECTED, Kind.RECOVER: State.RELEASED,
}  # fmt: skip
#: Columns in which a follow-up repeats its payment: the row's name and the kept one.
_REPEATED: Final = {
    "payer_account": "payer", "payee_account": "payee", "purse": "purse", "payment_type": "payment_type",
}  # fmt: skip
#: Why an approval by default may fail besides frozen and closed accounts; a delayed payment for the last one only.
_STOPS: Final = (*(r for r in Reason if Reason.TYPE_NOT_OFFERED <= r <= Reason.LIMIT_YEAR_COUNT), Reason.BALANCE_TOO_LARGE)


@dataclass(frozen=True)
class _Outcomes:
    """What each step does with the rest: pays it out, leaves it held as another state, or gives it back; all (m,)."""

    pays: BoolArray
    goes_on: BoolArray
    meant: IntArray  # the state in which it goes on, CLEARED = it does not


class Settling:
    """Checks steps on authorised payments, to the minor unit."""

    def __init__(self, policies: Policies, freezes: Freezes, approvals: Approvals, findings: Findings) -> None:
        self._policies = policies
        self._freezes = freezes
        self._approvals = approvals
        self._findings = findings

    def check(self, rows: Rows, steps: Steps, in_force: IntArray) -> Approved:
        """Check steps whose payments were held, delayed or in review; those that let a reviewed payment go on."""
        version = in_force[steps.place]
        outcomes = self._outcomes(rows, steps, version)
        self._check_amounts(rows, steps, outcomes)
        self._check_names(rows, steps)
        self._check_times(rows, steps, outcomes, version)
        self._check_decisions(rows, steps, version)
        passes = (outcomes.pays | outcomes.goes_on) & ~steps.at_bank
        passing = steps.pick(passes)
        self._freezes.check_passage(rows, passing.place, passing.payment["payer"], passing.payment["payee"])
        approved = passing.pick(passing.state == State.REVIEW)
        return Approved(approved.place, approved.payment["amount_minor"], approved.payment["limit_day"])

    def _outcomes(self, rows: Rows, steps: Steps, version: IntArray) -> _Outcomes:
        kind, option = rows["kind"][steps.place], rows["option"][steps.place]
        due = kind == Kind.EXPIRE
        default = self._policies.reviews[version, steps.payment["payment_type"], steps.payment["currency_slot"], 2]
        in_review = steps.state == State.REVIEW
        stopped = self._stopped(rows, steps, in_review & (default == Option.APPROVE))
        approves = (kind == Kind.DECIDE_REVIEW) & (option == Option.APPROVE)
        approves |= due & in_review & (default == Option.APPROVE) & ~stopped
        flags = steps.payment["flags"]
        delayed = flags & (Flag.ORDINARY | Flag.NEXT_DAY) != 0
        held = flags & (Flag.HOLD_ONLY | Flag.RAIL) != 0
        meant = np.where(held, int(State.HELD), np.where(delayed, int(State.DELAYED), int(State.CLEARED)))
        goes_on = approves & (meant != State.CLEARED)
        pays = (kind == Kind.CLEAR) | (approves & ~goes_on) | (due & (steps.state == State.DELAYED) & ~stopped)
        pays |= (kind == Kind.RECOVER) & (option == Option.FINISH_PAID)
        return _Outcomes(pays, goes_on, meant)

    def _stopped(self, rows: Rows, steps: Steps, would_approve: BoolArray) -> BoolArray:
        """Whether a due payment is given back because it cannot go on; its row says the reason, which is checked."""
        found = rows["reason"][steps.place]
        due = rows["kind"][steps.place] == Kind.EXPIRE
        goes = due & (would_approve | (steps.state == State.DELAYED))
        reason = self._freezes.objection(rows, steps.place, steps.payment["payer"], steps.payment["payee"])
        others = np.where(would_approve, np.isin(found, _STOPS), found == Reason.BALANCE_TOO_LARGE)
        right = np.where(reason > 0, found == reason, (found == Reason.OK) | others)
        right = np.where(goes, right, found == Reason.OK)
        self._findings.mark(
            "payments", due & ~right, rows["seq"][steps.place],
            "Row {seq} lets a payment fall due with the reason {found}; its accounts ask for {expected} (0: for none).",
            expected=np.where(goes, reason, 0), found=found,
        )  # fmt: skip
        stopped: BoolArray = goes & (found != Reason.OK)
        return stopped

    def _check_amounts(self, rows: Rows, steps: Steps, outcomes: _Outcomes) -> None:
        """Every number of a follow-up is determined by what it asks and what was done before."""
        place, kind = steps.place, rows["kind"][steps.place]
        asked, pays = rows["amount_minor"][place], outcomes.pays
        in_part = (kind == Kind.CLEAR) | (kind == Kind.RELEASE)
        wanted = np.where(in_part & (asked > 0), asked, steps.rest_before)
        self._findings.mark(
            "payments", steps.at_bank & (wanted != steps.rest_before), rows["seq"][place],
            "Row {seq} takes {found} minor units of a payment at the bank, which is ended as a whole: {expected}.",
            expected=steps.rest_before, found=wanted,
        )  # fmt: skip
        release_rest = (kind == Kind.CLEAR) & (rows["flags"][place] & Flag.RELEASE_REST != 0)
        given = np.where(pays, np.where(release_rest, steps.rest_before - wanted, 0), wanted)
        given = np.where(outcomes.goes_on, 0, given)
        beyond = "total of what is cleared and released beyond the authorised amount"
        compare = self._findings.compare
        compare("authorised", rows, place, beyond, 0, np.maximum(-steps.rest, 0))
        compare("payments", rows, place, "moved_minor", np.where(pays, wanted, 0))
        compare("payments", rows, place, "limit_minor", -given)
        fee = fee_taken(steps.payment, steps.cleared) - fee_taken(steps.payment, steps.cleared_before)
        compare("fees", rows, place, "fee_minor", fee)
        still = frozen(steps.payment, steps.cleared, steps.released)
        held = still - frozen(steps.payment, steps.cleared_before, steps.released_before)
        compare("holds", rows, place, "held_minor", held)
        state = _state_after(steps, kind, still, outcomes)
        compare("state", rows, place, "state", state)
        compare("left", rows, place, "left_minor", np.where(state == State.CLEARED, steps.cleared, 0))
        ends_unpaid = (still == 0) & (steps.cleared == 0)
        compare("payments", rows, place, "limit_count", np.where(ends_unpaid, -1, 0))

    def _check_names(self, rows: Rows, steps: Steps) -> None:
        """A follow-up names the accounts, purse, type, currency, client and day of its payment."""
        place, payment, compare = steps.place, steps.payment, self._findings.compare
        for name, kept_as in _REPEATED.items():
            compare("payments", rows, place, name, payment[kept_as])
        slots = slots_of(rows["currency"][place])
        compare("payments", rows, place, "currency's slot", payment["currency_slot"], slots)
        operates = rows["flags"][place] & Flag.OPERATES != 0
        may = np.where(operates, rows["client"][place], np.where(steps.at_bank, 0, payment["client"]))
        only = np.isin(rows["kind"][place], (Kind.DECIDE_REVIEW, Kind.RECOVER)) & ~operates
        may = np.where(only | (rows["kind"][place] == Kind.EXPIRE), 0, may)
        compare("ownership", rows, place, "client", may)
        gives_back = rows["limit_minor"][place] != 0
        compare("limits", rows, place, "limit_day", np.where(gives_back, payment["limit_day"], 0))

    def _check_times(self, rows: Rows, steps: Steps, outcomes: _Outcomes, version: IntArray) -> None:
        place, due = steps.place, rows["kind"][steps.place] == Kind.EXPIRE
        times, seqs = rows["time_us"][place], rows["seq"][place]
        self._findings.mark(
            "expiry", ~due & (times > steps.expires), seqs,
            "Row {seq} acts at {found} µs on a payment that fell due at {expected} µs.", expected=steps.expires, found=times,
        )  # fmt: skip
        self._findings.mark(
            "expiry", due & (times < steps.expires), seqs,
            "Row {seq} lets a payment fall due at {found} µs that lasts until {expected} µs.",
            expected=steps.expires, found=times,
        )  # fmt: skip
        lifetime, ordinary, next_day = self._policies.times[version].T
        flags = steps.payment["flags"]
        arrives = times + np.where(flags & Flag.NEXT_DAY != 0, next_day, ordinary)
        ends = np.where(flags & Flag.RAIL != 0, NEVER_US, times + lifetime)
        expires = np.where(outcomes.meant == State.DELAYED, arrives, ends)
        self._findings.compare("expiry", rows, place, "expires_us", np.where(outcomes.goes_on, expires, 0))

    def _check_decisions(self, rows: Rows, steps: Steps, version: IntArray) -> None:
        place, kind, option = steps.place, rows["kind"][steps.place], rows["option"][steps.place]
        decides, recovers = kind == Kind.DECIDE_REVIEW, kind == Kind.RECOVER
        known = np.where(decides, np.isin(option, (Option.APPROVE, Option.REJECT)),
                         np.isin(option, (Option.FINISH_PAID, Option.FINISH_UNPAID)))  # fmt: skip
        self._findings.mark(
            "range", (decides | recovers) & ~known, rows["seq"][place],
            "Row {seq} decides a payment by the option {found}, which does not exist.", found=option,
        )  # fmt: skip
        self._findings.mark(
            "payments", recovers & ~steps.at_bank, rows["seq"][place],
            "Row {seq} finishes the payment {found}, which is not at the bank.", found=steps.payment["origin_seq"],
        )  # fmt: skip
        above = steps.payment["amount_minor"] > self._policies.capacity[version, 2]
        self._approvals.check(rows, place[decides & above], Operation.REVIEW)


def _state_after(steps: Steps, kind: IntArray, still: IntArray, outcomes: _Outcomes) -> IntArray:
    ended = np.full(len(kind), int(State.CLEARED))
    for ending, state in _ENDED_BY.items():
        ended[(kind == ending) & (steps.cleared == 0)] = state
    ended[(kind == Kind.EXPIRE) & (steps.state == State.REVIEW) & (steps.cleared == 0)] = State.REJECTED
    after = np.where(still > 0, steps.state, ended)
    return np.where(outcomes.goes_on, outcomes.meant, after)
