"""Tiers and limits of single customers: what ``set_customer`` rows set, and what then stands in for the tier's."""

from __future__ import annotations

from typing import Final

import numpy as np

from penstock.contracts.commands import Flag, Kind, Operation, Option
from penstock.contracts.states import State
from penstock.review.verify.approvals import Approvals
from penstock.review.verify.changes import Changes
from penstock.review.verify.columns import BoolArray, IntArray, Rows
from penstock.review.verify.entities import Entities, slots_of
from penstock.review.verify.findings import Findings

#: single, then amount and count of day, month and year, as in a policy's rule.
FIELDS: Final = 7
_LAST_LIMIT: Final = Option.LIMIT_SINGLE + FIELDS - 1


class OwnLimits:
    """Follows the tiers and own limits of one lane's customers."""

    def __init__(self, entities: Entities, approvals: Approvals, findings: Findings) -> None:
        self.tier = Changes(1)  # customer → tier + 1, 0 = as opened
        self._limit = Changes(3)  # place in ``_keys`` + 1 → value, until, sequence
        self._numbers: dict[int, int] = {}  # key → place + 1
        self._keys: IntArray = np.zeros(0, dtype=np.int64)
        self._numbered: IntArray = np.zeros(0, dtype=np.int64)
        self._entities = entities
        self._approvals = approvals
        self._findings = findings

    def feed(self, rows: Rows, tiers: IntArray) -> None:
        """Learn what these rows set; ``tiers`` (n,) is the number of tiers of the policy in force."""
        place = np.flatnonzero((rows["kind"] == Kind.SET_CUSTOMER) & (rows["state"] != State.DECLINED))
        known = self._entities.customers.exists(rows["customer"][place], rows["seq"][place])
        seqs, option = rows["seq"][place], rows["option"][place]
        self._findings.mark(
            "ownership", ~known | (rows["flags"][place] & Flag.OPERATES == 0), seqs,
            "Row {seq} of client {found} sets what a customer may: the customer is unknown, or the client does not operate "
            "the system.", found=rows["client"][place],
        )  # fmt: skip
        is_limit = (option >= Option.LIMIT_SINGLE) & (option <= _LAST_LIMIT)
        self._findings.mark(
            "range", ~is_limit & (option != Option.TIER), seqs,
            "Row {seq} sets what a customer may by the option {found}, which does not exist.", found=option,
        )  # fmt: skip
        self._approvals.check(rows, place, Operation.LIMITS)
        self._set_tiers(rows, place[known & (option == Option.TIER)], tiers)
        self._set_limits(rows, place[known & is_limit])

    def in_place_of(
        self, rows: Rows, place: IntArray, purse: IntArray, kind: IntArray, most: IntArray
    ) -> IntArray:
        """The limits (k, 7) of payments of some kinds: ``most`` of the tier, or the purse's own while they last."""
        if not self._limit.ever:
            return most
        mine = np.flatnonzero(self._overridden(purse))
        if not len(mine):
            return most
        limits: IntArray = most.copy()
        times = rows["time_us"][place[mine]]
        for field in range(FIELDS):
            number = self._number_of(_key(purse[mine], kind[mine], field))
            found = self._limit.before(number, place[mine])
            lasts = (number > 0) & (times < found[:, 1])
            limits[mine[lasts], field] = found[lasts, 0]
        return limits

    def records(self) -> dict[int, tuple[int, int, int]]:
        """Every own limit after everything fed: key → value, until, sequence. The key is purse, type and field."""
        found = self._limit.now(self._numbered).tolist()
        return {key: (value, until, seq) for key, (value, until, seq) in zip(self._keys.tolist(), found, strict=True)}

    def settle(self) -> None:
        """Give the customers their tiers as they are after the rows fed."""
        customers = np.arange(self._entities.customers.count + 1)
        if self.tier.ever:
            tier = self.tier.now(customers)[:, 0]
            column = self._entities.customers["tier"]
            column[customers] = np.where(tier > 0, tier - 1, column[customers])

    def _overridden(self, purse: IntArray) -> BoolArray:
        column = self._entities.purses["overridden"]
        return column[np.where((purse > 0) & (purse < len(column)), purse, 0)] > 0

    def _set_tiers(self, rows: Rows, place: IntArray, tiers: IntArray) -> None:
        customer, tier = rows["customer"][place], rows["tier"][place]
        self._findings.mark(
            "numbering", (tier < 0) | (tier >= tiers[place]), rows["seq"][place],
            "Row {seq} gives a customer the tier {found}; the policy has {expected} tiers.", expected=tiers[place], found=tier,
        )  # fmt: skip
        self.tier.begin(len(rows), customer, place, np.maximum(tier, 0)[:, np.newaxis] + 1)
        np.maximum.at(self._entities.customers["last_seq"], customer, rows["seq"][place])

    def _set_limits(self, rows: Rows, place: IntArray) -> None:
        customer, slot = rows["customer"][place], np.maximum(slots_of(rows["currency"][place]), 0)
        purse, seqs = self._entities.purse_of[customer, slot], rows["seq"][place]
        self._findings.mark(
            "ownership", (purse == 0) | (rows["purse"][place] != purse), seqs,
            "Row {seq} sets a limit of purse {found}; the customer's purse in this currency is {expected}.",
            expected=purse, found=rows["purse"][place],
        )  # fmt: skip
        until, times = rows["expires_us"][place], rows["time_us"][place]
        removes = rows["flags"][place] & Flag.REMOVE != 0
        self._findings.mark(
            "limits", np.where(removes, until != times, until == 0), seqs,
            "Row {seq} sets a limit until {found} µs; a removed one ends with its row, at {expected} µs, another has an end.",
            expected=times, found=until,
        )  # fmt: skip
        place, purse = place[purse > 0], purse[purse > 0]
        field = rows["option"][place] - Option.LIMIT_SINGLE
        numbers = self._take_keys(_key(purse, rows["payment_type"][place], field))
        values = np.stack((rows["amount_minor"][place], rows["expires_us"][place], rows["seq"][place]), axis=1)
        self._limit.begin(len(rows), numbers, place, values)
        self._entities.purses["overridden"][purse] = 1
        np.maximum.at(self._entities.purses["last_seq"], purse, rows["seq"][place])

    def _take_keys(self, keys: IntArray) -> IntArray:
        numbers = [self._numbers.setdefault(key, len(self._numbers) + 1) for key in keys.tolist()]
        if len(self._numbers) > len(self._keys):
            found = np.fromiter(self._numbers.items(), dtype=np.dtype([("key", "i8"), ("number", "i8")]))
            found = found[np.argsort(found["key"])]
            self._keys, self._numbered = found["key"].copy(), found["number"].copy()
        return np.array(numbers, dtype=np.int64)

    def _number_of(self, keys: IntArray) -> IntArray:
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[at] == keys, self._numbered[at], 0)


def _key(purse: IntArray, kind: IntArray, field: IntArray | int) -> IntArray:
    return purse << 16 | kind << 8 | field
