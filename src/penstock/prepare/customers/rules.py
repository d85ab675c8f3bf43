"""Limits beside their use. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.contracts.commands import NEVER_US, PaymentType
from penstock.contracts.lane_port import OwnLimit, PurseAnswer, Used
from penstock.contracts.money import CURRENCIES
from penstock.contracts.policy import LIMIT_FIELDS, LimitRule, Policy
from penstock.contracts.words import TYPES, time_text
from penstock.prepare.customers.views import Allowance, LimitView, OwnLimitView


def limit_views(
    policy: Policy, tier: str, purses: tuple[PurseAnswer, ...], own: Sequence[OwnLimitView]
) -> list[LimitView]:
    """The limits in force in each currency in which the customer has accounts: the tier's, or its own."""
    used = {CURRENCIES[purse.currency_slot].code: purse.used for purse in purses}
    values = {(limit.type, limit.currency, limit.limit): limit.value for limit in own}
    return [
        _view(rule, used[rule.currency][PaymentType[rule.type.upper()]], values)
        for rule in policy.limits
        if rule.tier == tier and rule.currency in used
    ]


def own_views(own: Sequence[OwnLimit], time_us: int) -> list[OwnLimitView]:
    """The limits of a customer alone that have not ended."""
    return [
        OwnLimitView(
            TYPES[limit.payment_type], CURRENCIES[limit.currency_slot].code, LIMIT_FIELDS[limit.field], limit.value,
            time_text(limit.until_us) if limit.until_us < NEVER_US else None,
        )
        for limit in own
        if limit.until_us > time_us
    ]  # fmt: skip


def _view(rule: LimitRule, used: Used, own: dict[tuple[str, str, str], int]) -> LimitView:
    def limit(field: str) -> Any:
        return own.get((rule.type, rule.currency, field), getattr(rule, field))

    return LimitView(
        rule.type,
        rule.currency,
        limit("single"),
        Allowance(limit("day_amount"), used.day_amount),
        Allowance(limit("day_count"), used.day_count),
        Allowance(limit("month_amount"), used.month_amount),
        Allowance(limit("month_count"), used.month_count),
        Allowance(limit("year_amount"), used.year_amount),
        Allowance(limit("year_count"), used.year_count),
    )
