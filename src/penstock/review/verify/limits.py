"""The limit counters of each purse, recomputed, and no accepted payment above the policy in force.

Each row that changes counters is two events: for its payment type, and for the sum over all types.
Sorted by purse and type they give each window's counter as a running sum that starts anew with the window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from penstock.contracts.commands import PaymentType
from penstock.review.verify.columns import BoolArray, IntArray, Rows
from penstock.review.verify.entities import Entities, slots_of
from penstock.review.verify.findings import Findings
from penstock.review.verify.groups import ends_of, grown, order_by, running_sums, starts_of
from penstock.review.verify.own_limits import OwnLimits
from penstock.review.verify.policies import WINDOW_FIELDS, Policies

_TYPES: Final = len(PaymentType)
_WINDOWS: Final = 3  # day, month, year


def month_of(days: IntArray) -> IntArray:
    """12 x year + month - 1 of days since 1970-01-01 (n,)."""
    months: IntArray = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return months + 12 * 1970


def windows_of(days: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """The day, month and year to which business days (n,) belong."""
    months = month_of(days)
    return days, months, months // 12


@dataclass(frozen=True)
class Approved:
    """Rows that let a reviewed payment go on: its place (k,), what was authorised (k,) and when it was counted (k,)."""

    place: IntArray
    amount: IntArray
    day: IntArray


class Limits:
    """Follows the limit counters of one lane.

    ``counters`` int64 (purses x types, 6) in the order of ``WINDOW_FIELDS``, true for the business day ``day`` (purses x types,).
    """

    def __init__(self, entities: Entities, policies: Policies, own: OwnLimits, findings: Findings) -> None:
        self.counters: IntArray = np.zeros((1024, 2 * _WINDOWS), dtype=np.int64)
        self.day: IntArray = np.zeros(1024, dtype=np.int64)
        self._entities = entities
        self._policies = policies
        self._own = own
        self._findings = findings

    def feed(self, rows: Rows, in_force: IntArray, approved: Approved) -> None:
        """Count what these rows use and give back; ``in_force`` (n,) is each row's policy version."""
        changed = (rows["limit_minor"] != 0) | (rows["limit_count"] != 0)
        accepted = rows["limit_minor"] > 0
        # an approval changes no counter, but what the counters say by then must be within the limits
        used, amount = rows["limit_day"].copy(), rows["amount_minor"].copy()
        used[approved.place], amount[approved.place] = approved.day, approved.amount
        accepted[approved.place] = changed[approved.place] = True
        place = np.flatnonzero(changed & self._has_purse(rows, changed))
        self._check_offer(rows, place[accepted[place]], amount, in_force)
        groups = [rows["purse"][place] * _TYPES + of for of in (0, rows["payment_type"][place])]
        both, group = np.concatenate((place, place)), np.concatenate(groups)
        order = order_by(group * len(rows) + both)
        self._count(rows.replace(limit_day=used), both[order], group[order], in_force, accepted)

    def at_day(self, purses: int, day: int) -> IntArray:
        """The counters (purses + 1, types, 6) as they count on a day: those of windows that are over are 0."""
        size = (purses + 1) * _TYPES
        counters, days = grown(self.counters, size)[:size].copy(), grown(self.day, size)[:size]
        current = windows_of(np.array([day]))
        for window, (mine, now) in enumerate(zip(windows_of(days), current, strict=True)):
            counters[mine != now, 2 * window : 2 * window + 2] = 0
        return counters.reshape(purses + 1, _TYPES, 2 * _WINDOWS)

    def _has_purse(self, rows: Rows, changed: BoolArray) -> BoolArray:
        purses = rows["purse"]
        known = (purses > 0) & (purses <= self._entities.purses.count)
        self._findings.mark(
            "limits", changed & ~known, rows["seq"], "Row {seq} changes the counters of purse {found}, which does not exist.",
            found=purses,
        )  # fmt: skip
        return known

    def _check_offer(self, rows: Rows, place: IntArray, amounts: IntArray, in_force: IntArray) -> None:
        """The type is offered, and the single amount is within the limits of the type and of all types."""
        version, tier, slot = self._terms(rows, place, in_force)
        kind, amount, seqs = rows["payment_type"][place], amounts[place], rows["seq"][place]
        self._findings.mark(
            "limits", ~self._policies.offered[version, tier, kind, slot], seqs,
            "Row {seq} accepts a payment of type {found}, which is not offered to the payer's tier.", found=kind,
            account=rows["payer_account"][place],
        )  # fmt: skip
        most = np.minimum(*(self._limits(rows, place, of, in_force)[:, 0] for of in (0 * kind, kind)))
        self._findings.mark(
            "limits", amount > most, seqs, "Row {seq} accepts a payment of {found}; the limit of a single one is {expected}.",
            expected=most, found=amount, account=rows["payer_account"][place],
        )  # fmt: skip

    def _terms(self, rows: Rows, place: IntArray, in_force: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        version = in_force[place]
        tier = np.clip(rows["tier"][place], 0, self._policies.limits.shape[1] - 1)
        return version, tier, np.maximum(slots_of(rows["currency"][place]), 0)

    def _limits(self, rows: Rows, place: IntArray, kind: IntArray, in_force: IntArray) -> IntArray:
        """The limits (k, 7) that hold for payments of some kinds: the tier's, or the customer's own."""
        version, tier, slot = self._terms(rows, place, in_force)
        most = self._policies.limits[version, tier, kind, slot]
        return self._own.in_place_of(rows, place, rows["purse"][place], kind, most)

    def _count(self, rows: Rows, place: IntArray, group: IntArray, in_force: IntArray, accepted: BoolArray) -> None:
        size = (self._entities.purses.count + 1) * _TYPES
        self.counters, self.day = grown(self.counters, size), grown(self.day, size)
        starts = starts_of(group)
        first = np.flatnonzero(starts)
        business = rows["business_day"][place]
        added = np.stack((rows["limit_minor"][place], rows["limit_count"][place]), axis=1)
        after = np.empty((len(place), 2 * _WINDOWS), dtype=np.int64)
        kept_windows = windows_of(self.day[group[first]])
        windows = zip(windows_of(business), windows_of(rows["limit_day"][place]), kept_windows, strict=True)
        counted = np.zeros((len(place), 2 * _WINDOWS), dtype=np.bool_)
        for window, (now, used, kept) in enumerate(windows):
            columns = slice(2 * window, 2 * window + 2)
            counted[:, columns] = (accepted[place] & (used == now))[:, np.newaxis]
            change = added * (used == now)[:, np.newaxis]
            # the kept counter goes on in the first window of the group, if that is the same window
            change[first] += self.counters[group[first], columns] * (kept == now[first])[:, np.newaxis]
            after[:, columns] = running_sums(change, starts | (now != np.roll(now, 1)))
        self._check_counters(rows, place, group, after, counted, in_force)
        last = np.flatnonzero(ends_of(starts))
        self.counters[group[last]] = after[last]
        self.day[group[last]] = business[last]
        changes = np.flatnonzero((rows["limit_minor"][place] != 0) | (rows["limit_count"][place] != 0))
        np.maximum.at(self._entities.purses["last_seq"], group[changes] // _TYPES, rows["seq"][place[changes]])

    def _check_counters(
        self, rows: Rows, place: IntArray, group: IntArray, after: IntArray, counted: BoolArray, in_force: IntArray
    ) -> None:
        """No counter is below 0, and none that an accepted payment is ``counted`` in (k, 6) is above its limit."""
        most = self._limits(rows, place, group % _TYPES, in_force)[:, 1:]
        above = (after > most) & counted
        seqs, payer = rows["seq"][place], rows["payer_account"][place]
        for column in np.flatnonzero((above | (after < 0)).any(axis=0)):
            name, found = WINDOW_FIELDS[column], after[:, column]
            self._findings.mark(
                "limits", above[:, column], seqs,
                f"Row {{seq}} accepts a payment that raises the {name} to {{found}}; the limit is {{expected}}.",
                expected=most[:, column], found=found, account=payer,
            )  # fmt: skip
            self._findings.mark(
                "limits", found < 0, seqs, f"Row {{seq}} lowers the {name} of a purse to {{found}}.",
                expected=0, found=found, account=payer,
            )  # fmt: skip
