"""Money: int64 minor units of an ISO 4217 currency, never a float.

A currency has a *slot*, the small number by which arrays are indexed, and an ISO numeric
code, which is what the journal stores. Slots are never reused.
"""

from __future__ import annotations

from typing import Final, NamedTuple

#: The largest amount of one command: ten billion major units of a two-digit currency.
MAX_AMOUNT_MINOR: Final = 10**12
#: The largest balance an account may reach; far enough below 2**63 that sums of all accounts fit.
MAX_BALANCE_MINOR: Final = 10**15
#: The largest fee, so that fee x amount stays below 2**63 in the pro-rata rule of partial clears.
MAX_FEE_MINOR: Final = 9 * 10**6


class Currency(NamedTuple):
    """One currency: array slot, ISO 4217 alphabetic and numeric code, digits after the point."""

    slot: int
    code: str
    numeric: int
    digits: int


CURRENCIES: Final = (
    Currency(0, "CNY", 156, 2),
    Currency(1, "USD", 840, 2),
    Currency(2, "EUR", 978, 2),
    Currency(3, "HKD", 344, 2),
    Currency(4, "JPY", 392, 0),
)
BY_CODE: Final = {c.code: c for c in CURRENCIES}
BY_NUMERIC: Final = {c.numeric: c for c in CURRENCIES}


def format_minor(amount_minor: int, currency: Currency) -> str:
    """Write an amount for people, such as ``5,000.00 CNY``."""
    sign = "-" if amount_minor < 0 else ""
    whole, part = divmod(abs(amount_minor), 10**currency.digits)
    fraction = f".{part:0{currency.digits}d}" if currency.digits else ""
    return f"{sign}{whole:,}{fraction} {currency.code}"
