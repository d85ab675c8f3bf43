"""Opening customers and accounts. Kernels."""

from __future__ import annotations

from typing import Any

from penstock.contracts.reasons import Reason
from penstock.contracts.states import State as PaymentState
from penstock.kit.kernels import constant, kernel
from penstock.process.post.rows import close_row, decline
from penstock.state import layout as at
from penstock.state.fold import currency_slot

_DONE = constant(PaymentState.DONE)
_CUSTOMER_UNKNOWN, _TIER_UNKNOWN = constant(Reason.CUSTOMER_UNKNOWN), constant(Reason.TIER_UNKNOWN)
_CURRENCY_MISMATCH = constant(Reason.CURRENCY_MISMATCH)
_CUSTOMERS_FULL, _ACCOUNTS_FULL = constant(Reason.CUSTOMERS_FULL), constant(Reason.ACCOUNTS_FULL)


@kernel
def open_customer(state: Any, terms: Any, row: Any, command: Any) -> None:
    """Open a customer of a tier; it belongs to the client that asks."""
    row["tier"] = command["tier"]
    if not 0 <= command["tier"] < terms.offered.shape[0]:
        decline(state, row, _TIER_UNKNOWN)
    elif state.scalars[0, at.CUSTOMERS] + 1 >= state.customers.shape[0]:
        decline(state, row, _CUSTOMERS_FULL)
    else:
        row["customer"] = state.scalars[0, at.CUSTOMERS] + 1
        close_row(state, row, _DONE, 0)


@kernel
def open_account(state: Any, row: Any, command: Any) -> None:
    """Open an account of a customer in a currency; accounts of one currency share a purse of limit counters."""
    customer, slot = command["customer"], currency_slot(command["currency"])
    known = 0 < customer <= state.scalars[0, at.CUSTOMERS]
    if not known or state.customers[customer, at.CUSTOMER_CLIENT] != command["client"]:
        decline(state, row, _CUSTOMER_UNKNOWN)
        return
    row["customer"] = customer
    row["tier"] = state.customers[customer, at.TIER]
    if slot < 0:
        decline(state, row, _CURRENCY_MISMATCH)
    elif state.scalars[0, at.ACCOUNTS] + 1 >= state.accounts.shape[0]:
        decline(state, row, _ACCOUNTS_FULL)
    else:
        purse = state.customers[customer, at.FIRST_PURSE + slot]
        row["purse"] = purse if purse > 0 else state.scalars[0, at.PURSES] + 1
        row["payee_account"] = state.scalars[0, at.ACCOUNTS] + 1
        close_row(state, row, _DONE, 0)
