"""What a customer looks like to a caller."""

from __future__ import annotations

import msgspec

from penstock.office.approvals.views import RequestView


class Allowance(msgspec.Struct, frozen=True):
    """A limit (null = none) and what is used of it in the window of now."""

    limit: int | None
    used: int


class LimitView(msgspec.Struct, frozen=True):
    """The limits of one payment type and currency, over all accounts of the customer."""

    type: str
    currency: str
    single_minor: int | None
    day_amount_minor: Allowance
    day_count: Allowance
    month_amount_minor: Allowance
    month_count: Allowance
    year_amount_minor: Allowance
    year_count: Allowance


class OwnLimitView(msgspec.Struct, frozen=True):
    """A limit of this customer alone, which stands in for its tier's; ``until`` null = it does not end by itself."""

    type: str
    currency: str
    limit: str
    value: int
    until: str | None


class CustomerView(msgspec.Struct, frozen=True):
    """A customer as of ``as_of_seq``. ``limits`` are those in force: the tier's, and its own where it has some."""

    customer: str
    tier: str
    accounts: int
    opened_seq: int
    limits: list[LimitView]
    own_limits: list[OwnLimitView]
    approvals_pending: list[RequestView]
    as_of_seq: int
