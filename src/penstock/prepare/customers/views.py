"""What a customer looks like to a caller."""

from __future__ import annotations

import msgspec


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


class CustomerView(msgspec.Struct, frozen=True):
    """A customer as of ``as_of_seq``."""

    customer: str
    tier: str
    accounts: int
    opened_seq: int
    limits: list[LimitView]
    as_of_seq: int
