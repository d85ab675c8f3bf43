"""The fold of what operators set: freezes, closing, tiers, limits of one customer. Kernels.

Like every fold, each record changes by a pure function of itself and the row (see ``fold.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.contracts.commands import Kind, Option
from penstock.contracts.states import State as PaymentState
from penstock.kit.kernels import kernel
from penstock.state import layout as at
from penstock.state.overrides import set_override

_DECLINED = int(PaymentState.DECLINED)
_SET_CUSTOMER = int(Kind.SET_CUSTOMER)
_FREEZE_DEBIT, _FREEZE_CREDIT = int(Option.FREEZE_DEBIT), int(Option.FREEZE_CREDIT)
_FREEZE_ALL, _FREEZE_AMOUNT = int(Option.FREEZE_ALL), int(Option.FREEZE_AMOUNT)
_UNFREEZE_DEBIT, _UNFREEZE_CREDIT = int(Option.UNFREEZE_DEBIT), int(Option.UNFREEZE_CREDIT)
_UNFREEZE_ALL, _UNFREEZE_AMOUNT = int(Option.UNFREEZE_ALL), int(Option.UNFREEZE_AMOUNT)
_CLOSE, _TIER, _FIRST_LIMIT = int(Option.CLOSE), int(Option.TIER), int(Option.LIMIT_SINGLE)


@kernel
def touches_debit(option: int) -> bool:
    """Whether a freeze or unfreeze is about what leaves the account."""
    return option in (_FREEZE_DEBIT, _FREEZE_ALL, _UNFREEZE_DEBIT, _UNFREEZE_ALL)


@kernel
def touches_credit(option: int) -> bool:
    """Whether a freeze or unfreeze is about what is credited to the account."""
    return option in (_FREEZE_CREDIT, _FREEZE_ALL, _UNFREEZE_CREDIT, _UNFREEZE_ALL)


@kernel
def fold_account_change(state: Any, row: Any) -> None:
    """Set or end a freeze, or close; an unfreeze has no span, so it leaves zeros. Before the row's money is folded."""
    account = state.accounts[row["payer_account"]]
    option = row["option"]
    if row["state"] == _DECLINED or account[at.ACCOUNT_LAST_SEQ] >= row["seq"]:
        return
    if touches_debit(option):
        account[at.DEBIT_FROM_US] = row["from_us"]
        account[at.DEBIT_UNTIL_US] = row["expires_us"]
    if touches_credit(option):
        account[at.CREDIT_FROM_US] = row["from_us"]
        account[at.CREDIT_UNTIL_US] = row["expires_us"]
    if option in (_FREEZE_AMOUNT, _UNFREEZE_AMOUNT):
        account[at.FROZEN_MINOR] = row["amount_minor"]
        account[at.FROZEN_FROM_US] = row["from_us"]
        account[at.FROZEN_UNTIL_US] = row["expires_us"]
    if option == _CLOSE:
        account[at.ACCOUNT_KIND] = at.KIND_CLOSED


@kernel
def fold_customer_change(state: Any, row: Any) -> None:
    """Set a tier, or mark the purse as one with limits of its own."""
    if row["state"] == _DECLINED:
        return
    customer = state.customers[row["customer"]]
    if row["option"] == _TIER:
        if customer[at.CUSTOMER_LAST_SEQ] < row["seq"]:
            customer[at.TIER] = row["tier"]
            customer[at.CUSTOMER_LAST_SEQ] = row["seq"]
        return
    purse = state.purses[row["purse"]]
    if purse[at.PURSE_LAST_SEQ] < row["seq"]:
        purse[at.OVERRIDDEN] = 1
        purse[at.PURSE_LAST_SEQ] = row["seq"]


@kernel
def fold_own_limit(state: Any, row: Any) -> None:
    """Enter a limit of one customer; the table is caught together with the other small ones."""
    if row["kind"] != _SET_CUSTOMER or row["state"] == _DECLINED or row["option"] == _TIER:
        return
    purse: Any = np.int64(row["purse"])
    kind: Any = np.int64(row["payment_type"])
    field: Any = np.int64(row["option"] - _FIRST_LIMIT)
    set_override(state, purse, kind, field, row["amount_minor"], row["expires_us"], row["seq"])
