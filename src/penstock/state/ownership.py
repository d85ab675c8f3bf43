"""Whose an account is. None of this changes once an account has been opened. Kernels."""

from __future__ import annotations

from typing import Any

from penstock.contracts.commands import Flag
from penstock.kit.kernels import kernel
from penstock.state import layout as at

_OPERATES = int(Flag.OPERATES)


@kernel
def is_customer_account(state: Any, account: int) -> bool:
    """Whether a number names an account of a customer, open or closed."""
    if not 0 < account <= state.scalars[0, at.ACCOUNTS]:
        return False
    return state.accounts[account, at.ACCOUNT_CUSTOMER] > 0


@kernel
def is_owned(state: Any, account: int, client: int) -> bool:
    """Whether a number names an account of one of the client's customers."""
    if not is_customer_account(state, account):
        return False
    return state.customers[state.accounts[account, at.ACCOUNT_CUSTOMER], at.CUSTOMER_CLIENT] == client


@kernel
def may_use(state: Any, account: int, client: int, flags: int) -> bool:
    """Whether a number names a customer's account that is the client's, or the caller runs the system."""
    return is_customer_account(state, account) if flags & _OPERATES != 0 else is_owned(state, account, client)
