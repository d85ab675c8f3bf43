"""The life of payments: what each row may do after the state × command table, and to the minor unit.

A payment of the amount A with the fee F, of which C is cleared and R released, has taken the fee F x C // A
and keeps frozen: the rest A - C - R and the fee F x (A - R) // A less what was taken; nothing when no rest is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from penstock.contracts.commands import Flag, Kind
from penstock.contracts.states import TRANSITIONS, State
from penstock.review.verify.columns import BoolArray, IntArray, Rows
from penstock.review.verify.entities import Entities, slots_of
from penstock.review.verify.findings import Findings
from penstock.review.verify.groups import ends_of, order_by, running_sums, starts_of
from penstock.review.verify.refusals import Refusals

_FOLLOW_UPS: Final = (Kind.CLEAR, Kind.RELEASE, Kind.CANCEL, Kind.EXPIRE)
_ENDED_BY: Final = {Kind.RELEASE: State.RELEASED, Kind.CANCEL: State.CANCELLED, Kind.EXPIRE: State.EXPIRED}
#: What is kept of an open hold, sorted by ``origin_seq``.
_HOLD: Final = (
    "origin_seq", "payer", "payee", "purse", "client", "payment_type", "currency_slot", "limit_day", "amount_minor",
    "fee_minor", "cleared_minor", "fee_taken_minor", "released_minor", "expires_us", "last_seq",
)  # fmt: skip
#: Columns in which a follow-up repeats its payment: the row's name and the hold's.
_REPEATED: Final = {
    "payer_account": "payer", "payee_account": "payee", "purse": "purse", "payment_type": "payment_type",
}  # fmt: skip
Holds = dict[str, IntArray]


@dataclass(frozen=True)
class _Steps:
    """Follow-ups that took effect, sorted by payment: totals before and after each, all (m,)."""

    place: IntArray  # in the rows
    hold: Holds  # of each follow-up's payment, as it was before the chunk
    starts: BoolArray
    cleared_before: IntArray
    cleared: IntArray
    released_before: IntArray
    released: IntArray

    @property
    def rest_before(self) -> IntArray:
        return self.hold["amount_minor"] - self.cleared_before - self.released_before

    @property
    def rest(self) -> IntArray:
        return self.hold["amount_minor"] - self.cleared - self.released


class Payments:
    """Follows the payments of one lane."""

    def __init__(self, entities: Entities, findings: Findings) -> None:
        self.holds: Holds = {name: np.zeros(0, dtype=np.int64) for name in _HOLD}
        self._entities = entities
        self._findings = findings
        self._refusals = Refusals(findings)
        self._last_time_us = 0

    def feed(self, rows: Rows) -> None:
        """Check what these rows do to payments."""
        self._open(rows)
        effective = np.isin(rows["kind"], _FOLLOW_UPS) & (rows["state"] != State.DECLINED)
        steps = self._match(rows, np.flatnonzero(effective))
        self._check(rows, steps)
        self._refusals.feed(rows, effective)
        self._close(rows, steps)
        # before a client's command every hold that is due expires; the lane's own rows may be a part of many
        self._last_time_us = int(rows["time_us"][rows["client"] > 0].max(initial=self._last_time_us))

    def finish(self, last_seq: int) -> None:
        """Compare the held balances with the open holds, and look for holds that should have run out."""
        self._check_held(last_seq)
        overdue = self.holds["expires_us"] < self._last_time_us - 5_000_000
        self._findings.mark(
            "expiry", overdue, self.holds["origin_seq"],
            "The hold of row {seq} ran out at {expected} µs and was still open when the last command was decided, at {found} µs.",
            expected=self.holds["expires_us"], found=np.full(len(overdue), self._last_time_us), account=self.holds["payer"],
            until_seq=last_seq,
        )  # fmt: skip

    def frozen(self) -> IntArray:
        """What each open hold keeps frozen, amount and fee, minor units."""
        hold = self.holds
        return _frozen(hold, hold["cleared_minor"], hold["released_minor"])

    def _open(self, rows: Rows) -> None:
        """Take up the holds that these rows begin."""
        place = np.flatnonzero((rows["kind"] == Kind.PAY) & (rows["state"] == State.HELD))
        fresh = {
            "origin_seq": rows["seq"], "payer": rows["payer_account"], "payee": rows["payee_account"],
            "purse": rows["purse"], "client": rows["client"], "payment_type": rows["payment_type"],
            "currency_slot": slots_of(rows["currency"]), "limit_day": rows["limit_day"],
            "amount_minor": rows["amount_minor"], "fee_minor": rows["held_minor"] - rows["amount_minor"],
            "expires_us": rows["expires_us"], "last_seq": rows["seq"],
        }  # fmt: skip
        nothing = np.zeros(len(rows), dtype=np.int64)
        # bounded, so that F x A fits whatever a changed row says; the change itself is found by `fees`
        fresh["fee_minor"] = np.clip(fresh["fee_minor"], 0, 9 * 10**6)
        self.holds = {
            name: np.concatenate((kept, fresh.get(name, nothing)[place])) for name, kept in self.holds.items()
        }
        opened = self._entities.accounts.exists(rows["payer_account"][place], rows["seq"][place])
        np.add.at(self._entities.accounts["open_holds"], rows["payer_account"][place][opened], 1)

    def _match(self, rows: Rows, place: IntArray) -> _Steps:
        """Find each follow-up's payment and add up what was done to it."""
        refs, origins = rows["ref_seq"][place], self.holds["origin_seq"]
        at = np.minimum(np.searchsorted(origins, refs), max(len(origins) - 1, 0))
        known = (origins[at] == refs) & (refs < rows["seq"][place]) if len(origins) else np.zeros(len(refs), np.bool_)
        self._findings.mark(
            "payments", ~known, rows["seq"][place],
            "Row {seq} takes effect on the payment {found}, which is not held.", found=refs,
        )  # fmt: skip
        place, at = place[known], at[known]
        order = order_by(at)
        place, at = place[order], at[order]
        hold = {name: column[at] for name, column in self.holds.items()}
        starts = starts_of(at)
        moved = np.where(rows["kind"][place] == Kind.CLEAR, rows["moved_minor"][place], 0)
        given = np.maximum(-rows["limit_minor"][place], 0)
        cleared = running_sums(moved, starts) + hold["cleared_minor"]
        released = running_sums(given, starts) + hold["released_minor"]
        return _Steps(place, hold, starts, cleared - moved, cleared, released - given, released)

    def _check(self, rows: Rows, steps: _Steps) -> None:
        self._check_order(rows, steps)
        self._check_amounts(rows, steps)
        self._check_names(rows, steps)
        self._check_times(rows, steps)

    def _check_order(self, rows: Rows, steps: _Steps) -> None:
        """A payment that has ended takes no more, and its rows are chained."""
        place, seqs = steps.place, rows["seq"][steps.place]
        states = rows["state"][place]
        after_end = ~steps.starts & (np.roll(states, 1) != State.HELD)
        self._findings.mark(
            "payments", after_end, seqs, "Row {seq} takes effect on the payment {found}, which had ended before.",
            found=steps.hold["origin_seq"],
        )  # fmt: skip
        before = np.where(steps.starts, steps.hold["last_seq"], np.roll(seqs, 1))
        expected = np.zeros(len(rows), dtype=np.int64)
        expected[place] = before
        self._findings.mark(
            "links", rows["ref_prev_seq"] != expected, rows["seq"],
            "Row {seq} says that {found} is the row before it in its payment; it is {expected}.",
            expected=expected, found=rows["ref_prev_seq"],
        )  # fmt: skip
        pointless = (rows["ref_seq"] != 0) & ~np.isin(rows["kind"], _FOLLOW_UPS)
        self._findings.mark(
            "links", pointless, rows["seq"], "Row {seq} names the payment {found}, but is of a kind that is about none.",
            expected=0, found=rows["ref_seq"],
        )  # fmt: skip

    def _check_amounts(self, rows: Rows, steps: _Steps) -> None:
        """Every number of a follow-up is determined by what it asks and what was done before."""
        place, kind = steps.place, rows["kind"][steps.place]
        asked, clear = rows["amount_minor"][place], kind == Kind.CLEAR
        partial = clear | (kind == Kind.RELEASE)
        wanted = np.where(partial & (asked > 0), asked, steps.rest_before)
        release_rest = clear & (rows["flags"][place] & Flag.RELEASE_REST != 0)
        moved = np.where(clear, wanted, 0)
        given = np.where(clear, np.where(release_rest, steps.rest_before - wanted, 0), wanted)
        self._compare("authorised", rows, place, "total of what is cleared and released beyond the authorised amount",
                      np.maximum(-steps.rest, 0), np.zeros(len(place), dtype=np.int64))  # fmt: skip
        self._compare("payments", rows, place, "moved_minor", rows["moved_minor"][place], moved)
        self._compare("payments", rows, place, "limit_minor", rows["limit_minor"][place], -given)
        fee = _taken(steps.hold, steps.cleared) - _taken(steps.hold, steps.cleared_before)
        self._compare("fees", rows, place, "fee_minor", rows["fee_minor"][place], fee)
        still = _frozen(steps.hold, steps.cleared, steps.released)
        held = still - _frozen(steps.hold, steps.cleared_before, steps.released_before)
        self._compare("holds", rows, place, "held_minor", rows["held_minor"][place], held)
        state = self._state_after(kind, still, steps.cleared)
        self._compare("state", rows, place, "state", rows["state"][place], state)
        count = np.where((still == 0) & (steps.cleared == 0), -1, 0)
        self._compare("payments", rows, place, "limit_count", rows["limit_count"][place], count)

    def _state_after(self, kind: IntArray, still: IntArray, cleared: IntArray) -> IntArray:
        ended = np.full(len(kind), int(State.CLEARED))
        for ending, state in _ENDED_BY.items():
            assert TRANSITIONS[State.HELD, ending].next == state
            ended[(kind == ending) & (cleared == 0)] = state
        return np.where(still > 0, int(State.HELD), ended)

    def _check_names(self, rows: Rows, steps: _Steps) -> None:
        """A follow-up names the accounts, purse, type, currency, client and day of its payment."""
        place, hold = steps.place, steps.hold
        for name, held_as in _REPEATED.items():
            self._compare("payments", rows, place, name, rows[name][place], hold[held_as])
        self._compare(
            "payments", rows, place, "currency's slot", slots_of(rows["currency"][place]), hold["currency_slot"]
        )
        client = np.where(rows["kind"][place] == Kind.EXPIRE, 0, hold["client"])
        self._compare("ownership", rows, place, "client", rows["client"][place], client)
        gives_back = rows["limit_minor"][place] != 0
        limit_day = np.where(gives_back, hold["limit_day"], 0)
        self._compare("limits", rows, place, "limit_day", rows["limit_day"][place], limit_day)

    def _check_times(self, rows: Rows, steps: _Steps) -> None:
        place, expires = steps.place, steps.hold["expires_us"]
        times, kind, seqs = rows["time_us"][place], rows["kind"][place], rows["seq"][place]
        self._findings.mark(
            "expiry", (kind == Kind.CLEAR) & (times > expires), seqs,
            "Row {seq} clears a hold at {found} µs that ran out at {expected} µs.", expected=expires, found=times,
        )  # fmt: skip
        self._findings.mark(
            "expiry", (kind == Kind.EXPIRE) & (times < expires), seqs,
            "Row {seq} lets a hold run out at {found} µs that lasts until {expected} µs.", expected=expires, found=times,
        )  # fmt: skip

    def _compare(self, check: str, rows: Rows, place: IntArray, name: str, found: IntArray, expected: IntArray) -> None:
        self._findings.mark(
            check, found != expected, rows["seq"][place],
            f"Row {{seq}} has the {name} {{found}}; after what was asked and done before it should be {{expected}}.",
            expected=expected, found=found, account=rows["payer_account"][place],
        )  # fmt: skip

    def _close(self, rows: Rows, steps: _Steps) -> None:
        """Keep what is still held, as it is after these rows."""
        last = ends_of(steps.starts) if len(steps.starts) else steps.starts
        origins = steps.hold["origin_seq"][last]
        at = np.searchsorted(self.holds["origin_seq"], origins)
        hold = self.holds
        hold["cleared_minor"][at] = steps.cleared[last]
        hold["released_minor"][at] = steps.released[last]
        hold["fee_taken_minor"][at] = _taken(steps.hold, steps.cleared)[last]
        hold["last_seq"][at] = rows["seq"][steps.place[last]]
        ended = at[rows["state"][steps.place[last]] != State.HELD]
        payers = hold["payer"][ended]
        known = (payers > 0) & (payers <= self._entities.accounts.count)
        np.subtract.at(self._entities.accounts["open_holds"], payers[known], 1)
        keep = np.ones(len(hold["origin_seq"]), dtype=np.bool_)
        keep[ended] = False
        if len(ended):
            self.holds = {name: column[keep] for name, column in hold.items()}

    def _check_held(self, last_seq: int) -> None:
        accounts = self._entities.accounts
        count = accounts.count + 1
        payers = self.holds["payer"]
        known = (payers > 0) & (payers < count)
        expected = np.zeros(count, dtype=np.int64)
        np.add.at(expected, payers[known], self.frozen()[known])
        found, numbers = accounts["held"][:count], np.arange(count)
        self._findings.mark(
            "holds", found != expected, np.full(count, last_seq),
            "Account {account} has {found} minor units held after row {seq}; its open holds sum to {expected}.",
            expected=expected, found=found, account=numbers,
        )  # fmt: skip


def _taken(hold: Holds, cleared: IntArray) -> IntArray:
    """The fee that has been taken after clearing a total, pro rata and rounded down."""
    amount = np.maximum(hold["amount_minor"], 1)
    return hold["fee_minor"] * np.clip(cleared, 0, amount) // amount


def _frozen(hold: Holds, cleared: IntArray, released: IntArray) -> IntArray:
    """What stays held after totals cleared and released."""
    amount = np.maximum(hold["amount_minor"], 1)
    rest = hold["amount_minor"] - cleared - released
    fee = hold["fee_minor"] * np.clip(amount - released, 0, amount) // amount - _taken(hold, cleared)
    return np.where(rest > 0, rest + fee, 0)
