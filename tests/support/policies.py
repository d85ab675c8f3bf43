"""A policy whose tiers have one narrow limit each, so that a few payments reach it."""

from __future__ import annotations

from datetime import datetime

from penstock.contracts.policy import FeeRule, LimitRule, Policy, ReviewRule
from support.lanes import policy_toml

TYPES = ("transfer", "purchase", "bill", "withdrawal")
#: The mission's limits, in minor units.
SINGLE, DAY = 500_000, 2_000_000
#: Bills in dollars above this wait for a person.
REVIEWED = 50_000
#: Tier → its only limit, on all types together.
NARROW = {
    "day_amount": 10_000, "day_count": 3, "month_amount": 10_000, "month_count": 3, "year_amount": 10_000, "year_count": 3,
}  # fmt: skip


def journey_policy(now: datetime, reviews_per_hour: int = 1_000, review_deadline_s: int = 3) -> str:
    """The policy as TOML; it is about noon in its time zone, so that no test sees midnight.

    :param now: in UTC.
    """
    limits = [LimitRule("basic", kind, "CNY", single=SINGLE, day_amount=DAY) for kind in TYPES]
    limits.append(LimitRule("basic", "any", "CNY", single=SINGLE, day_amount=DAY))
    limits += [LimitRule("large", kind, currency) for kind in TYPES for currency in ("CNY", "USD")]
    limits += [LimitRule("transfers", "transfer", "CNY", day_amount=5_000), LimitRule("transfers", "bill", "CNY")]
    for limit, most in NARROW.items():
        limits += [LimitRule(limit, kind, "CNY") for kind in TYPES]
        limits.append(LimitRule(limit, "any", "CNY", **{limit: most}))
    return policy_toml(
        Policy(
            name="journey",
            time_zone=_zone_where_it_is_noon(now),
            tiers=("basic", "large", "transfers", *NARROW),
            hold_lifetime_s=3600,
            limits=tuple(limits),
            fees=(
                FeeRule("purchase", "CNY", fixed=3, basis_points=125, most=40),
                FeeRule("withdrawal", "CNY", fixed=7),
                FeeRule("chargeback", "CNY", fixed=15),
            ),
            reviews=(ReviewRule("bill", "USD", deadline_s=review_deadline_s, default="reject", above=REVIEWED),),
            reviews_per_hour=reviews_per_hour,
            ordinary_s=2,
        )
    )


def purchase_fee(amount_minor: int) -> int:
    """The fee of a purchase under this policy, said again in plain numbers."""
    return min(40, 3 + (amount_minor * 125 + 5_000) // 10_000)


def _zone_where_it_is_noon(now: datetime) -> str:
    ahead = 12 - now.hour  # hours that the zone is ahead of UTC; the zone's name has the opposite sign
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"
