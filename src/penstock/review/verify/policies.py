"""The policies that were published, as numbers by version; and the business day of a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import Kind, Option, PaymentType
from penstock.contracts.money import BY_CODE, CURRENCIES
from penstock.contracts.policy import VERDICTS, BadPolicy, Policy, check_policy
from penstock.contracts.states import State
from penstock.review.verify.columns import BoolArray, IntArray, Rows
from penstock.review.verify.findings import Findings
from penstock.review.verify.groups import grown
from penstock.review.verify.read import Sides

UNLIMITED: Final = 2**62
#: The windows' fields of a limit rule, amount and count in turn, in the order of the counters.
WINDOW_FIELDS: Final = ("day_amount", "day_count", "month_amount", "month_count", "year_amount", "year_count")
_TYPES, _SLOTS = len(PaymentType), len(CURRENCIES)
#: Where ``fees`` has the chargeback's, after those of the payment types.
CHARGEBACK: Final = _TYPES
_SECOND_US: Final = 1_000_000
#: Of a review whose type has no rule: four hours, then it is rejected.
_DEADLINE_US: Final = 4 * 3600 * _SECOND_US
_DECISIONS: Final = {"approve": int(Option.APPROVE), "reject": int(Option.REJECT)}
#: Time zones change their offset only at quarters of an hour.
_QUARTER_US: Final = 15 * 60 * 1_000_000
_RISKS: Final = ("challenge", "review", "block")
_DAY_US: Final = 86_400 * 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_US: Final = 250_000_000_000 * 1_000_000  # in the year 9892; beyond, datetime ends


class Policies:
    """The policy in force at each row, learned from the ``publish`` rows.

    ``limits`` int64 (versions, tiers, types, currencies, 7: single and the six windows), ``offered`` bool of
    the same shape without the last axis, ``fees`` int64 (versions, types and chargebacks, currencies, [fixed, basis
    points, most]), ``tiers`` int64 (versions,). ``reviews`` int64 (versions, types, currencies, [above, deadline µs,
    default: 1 approve, 2 reject]), ``times`` int64 (versions, [lifetime of a hold, ordinary arrival, next day's] in µs),
    ``capacity`` int64 (versions, [reviews per hour, 1 = beyond is refused, amount above which a decision needs
    approvals]). ``risk`` float32 (versions, types, [challenge, review, block]), infinite where never; ``verdicts`` int64
    (versions, [kinds of factor that pass a challenge, verdict without a score]). Version 0 offers nothing.
    """

    def __init__(self, findings: Findings) -> None:
        self.version = 0
        self.tiers: IntArray = np.zeros(4, dtype=np.int64)
        self.limits: IntArray = np.zeros((4, 16, _TYPES, _SLOTS, 7), dtype=np.int64)
        self.fees: IntArray = np.zeros((4, CHARGEBACK + 1, _SLOTS, 3), dtype=np.int64)
        self.reviews: IntArray = np.zeros((4, _TYPES, _SLOTS, 3), dtype=np.int64)
        self.times: IntArray = np.zeros((4, 3), dtype=np.int64)
        self.capacity: IntArray = np.zeros((4, 3), dtype=np.int64)
        self.risk: NDArray[np.float32] = np.zeros((4, _TYPES, len(_RISKS)), dtype=np.float32)
        self.verdicts: IntArray = np.zeros((4, 2), dtype=np.int64)
        self.maturity_us = 0
        self._offered: IntArray = np.zeros((4, 16, _TYPES, _SLOTS), dtype=np.int64)
        self._zones: dict[int, ZoneInfo] = {}
        self._findings = findings

    @property
    def offered(self) -> BoolArray:
        """Whether a tier may make payments of a type in a currency, by version."""
        return self._offered.astype(np.bool_)

    def feed(self, rows: Rows, sides: Sides) -> IntArray:
        """Learn the policies that are published in these rows; the version in force for each row (n,)."""
        published = np.flatnonzero((rows["kind"] == Kind.PUBLISH) & (rows["state"] != State.DECLINED))
        in_force = np.full(len(rows), self.version, dtype=np.int64)
        for place in published:
            seq = int(rows["seq"][place])
            version = self._next_version(seq, int(rows["policy_version"][place]))
            self._learn(version, seq, sides.body_of(seq))
            in_force[place:] = version
        self._findings.mark(
            "policy", rows["policy_version"] != in_force, rows["seq"],
            "Row {seq} says policy version {found}; in force is {expected}.",
            expected=in_force, found=rows["policy_version"],
        )  # fmt: skip
        self._check_days(rows, in_force)
        return in_force

    def _next_version(self, seq: int, found: int) -> int:
        if found != self.version + 1:
            self._findings.add(
                "policy", seq, f"Row {seq} publishes policy version {found} after version {self.version}.",
                expected=self.version + 1, found=found,
            )  # fmt: skip
        self.version += 1
        return self.version

    def _learn(self, version: int, seq: int, body: bytes) -> None:
        for name in ("tiers", "limits", "fees", "reviews", "times", "capacity", "risk", "verdicts", "_offered"):
            setattr(self, name, grown(getattr(self, name), version + 1))
        try:
            policy = msgspec.json.decode(body, type=Policy)
            check_policy(policy)
        except (msgspec.MsgspecError, BadPolicy) as error:
            self._findings.add("policy", seq, f"The policy that row {seq} publishes cannot be read: {error}.")
            return
        self._zones[version] = ZoneInfo(policy.time_zone)
        self.tiers[version] = len(policy.tiers)
        self.limits[version] = UNLIMITED
        for rule in policy.limits:
            place = version, policy.tiers.index(rule.tier), PaymentType[rule.type.upper()], BY_CODE[rule.currency].slot
            self._offered[place] = 1
            named = [getattr(rule, field) for field in ("single", *WINDOW_FIELDS)]
            self.limits[place] = [UNLIMITED if value is None else value for value in named]
        for fee in policy.fees:
            kind = CHARGEBACK if fee.type == "chargeback" else PaymentType[fee.type.upper()]
            self.fees[version, kind, BY_CODE[fee.currency].slot] = fee.fixed, fee.basis_points, fee.most
        self._learn_reviews(version, policy)
        self._learn_risk(version, policy)
        self._learn_maturity(seq, policy.label_maturity_s * _SECOND_US)

    def _learn_reviews(self, version: int, policy: Policy) -> None:
        self.reviews[version] = UNLIMITED, _DEADLINE_US, int(Option.REJECT)
        for rule in policy.reviews:
            place = version, PaymentType[rule.type.upper()], BY_CODE[rule.currency].slot
            above = UNLIMITED if rule.above is None else rule.above
            self.reviews[place] = above, rule.deadline_s * _SECOND_US, _DECISIONS[rule.default]
        lasts = policy.hold_lifetime_s, policy.ordinary_s, policy.next_day_s
        self.times[version] = [seconds * _SECOND_US for seconds in lasts]
        refuses = int(policy.review_overflow == "reject")
        self.capacity[version] = policy.reviews_per_hour, refuses, policy.review_approval_above

    def _learn_risk(self, version: int, policy: Policy) -> None:
        rules = {rule.type: rule for rule in policy.risk}
        for kind in PaymentType:
            rule = rules.get(kind.name.lower()) or rules.get("any")
            scores = [getattr(rule, name, None) for name in _RISKS]
            self.risk[version, kind] = [np.inf if score is None else score for score in scores]
        self.verdicts[version] = policy.challenge_factors, VERDICTS.index(policy.without_score)

    def _learn_maturity(self, seq: int, maturity_us: int) -> None:
        """After which time a payment without a label counts as genuine: the same for a journal's life."""
        if self.maturity_us not in (0, maturity_us):
            self._findings.add(
                "policy", seq, f"Row {seq} publishes a policy with another maturity of labels than the first one.",
                expected=self.maturity_us, found=maturity_us,
            )  # fmt: skip
        self.maturity_us = self.maturity_us or maturity_us

    def quarters(self, times_us: IntArray, versions: IntArray) -> IntArray:
        """The local quarters of an hour (n,) of the day at some times (n,), under some versions (n,)."""
        found = np.zeros(len(times_us), dtype=np.int64)
        for version in np.unique(versions):
            zone, here = self._zones.get(int(version)), versions == version
            if zone is not None:
                found[here] = local_times(times_us[here], zone) % _DAY_US // _QUARTER_US
        return found

    def _check_days(self, rows: Rows, in_force: IntArray) -> None:
        for version in np.unique(in_force):
            zone = self._zones.get(int(version))
            if zone is None:
                continue
            here = in_force == version
            days = business_days(rows["time_us"][here], zone)
            self._findings.mark(
                "business_day", rows["business_day"][here] != days, rows["seq"][here],
                "Row {seq} has the business day {found}; by its time it is {expected}.",
                expected=days, found=rows["business_day"][here],
            )  # fmt: skip


def business_days(times_us: IntArray, zone: ZoneInfo) -> IntArray:
    """The days since 1970-01-01 on the calendars of ``zone`` at some times (n,)."""
    return local_times(times_us, zone) // _DAY_US


def local_times(times_us: IntArray, zone: ZoneInfo) -> IntArray:
    """What clocks of ``zone`` show at some times (n,), in µs since their 1970."""
    quarters, places = np.unique(np.clip(times_us, 0, _LATEST_US) // _QUARTER_US, return_inverse=True)
    offsets = [_offset_us(int(quarter) * _QUARTER_US, zone) for quarter in quarters]
    local: NDArray[np.int64] = times_us + np.array(offsets, dtype=np.int64)[places]
    return local


def _offset_us(time_us: int, zone: ZoneInfo) -> int:
    offset = (_EPOCH + timedelta(microseconds=time_us)).astimezone(zone).utcoffset()
    assert offset is not None
    return offset // timedelta(microseconds=1)
