"""Limits beside their use. Pure."""

from __future__ import annotations

from penstock.contracts.commands import PaymentType
from penstock.contracts.lane_port import PurseAnswer, Used
from penstock.contracts.money import CURRENCIES
from penstock.contracts.policy import LimitRule, Policy
from penstock.prepare.customers.views import Allowance, LimitView


def limit_views(policy: Policy, tier: str, purses: tuple[PurseAnswer, ...]) -> list[LimitView]:
    """The tier's limits in each currency in which the customer has accounts."""
    used = {CURRENCIES[purse.currency_slot].code: purse.used for purse in purses}
    return [
        _view(rule, used[rule.currency][PaymentType[rule.type.upper()]])
        for rule in policy.limits
        if rule.tier == tier and rule.currency in used
    ]


def _view(rule: LimitRule, used: Used) -> LimitView:
    return LimitView(
        rule.type,
        rule.currency,
        rule.single,
        Allowance(rule.day_amount, used.day_amount),
        Allowance(rule.day_count, used.day_count),
        Allowance(rule.month_amount, used.month_amount),
        Allowance(rule.month_count, used.month_count),
        Allowance(rule.year_amount, used.year_amount),
        Allowance(rule.year_count, used.year_count),
    )
