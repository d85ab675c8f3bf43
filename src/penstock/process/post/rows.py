"""Filling a journal row, and closing it: link it into the histories and fold it into the state. Kernel."""

from __future__ import annotations

from typing import Any

from penstock.contracts.commands import Flag, Kind
from penstock.contracts.states import State as PaymentState
from penstock.kit.kernels import constant, kernel
from penstock.state import layout as at
from penstock.state.fold import currency_slot, fee_account, fold_row

_DECLINED = constant(PaymentState.DECLINED)
_WITHDRAW, _PAY = constant(Kind.WITHDRAW), int(Kind.PAY)
_TO_SUSPENSE, _RAIL = int(Flag.TO_SUSPENSE), int(Flag.RAIL)


@kernel
def begin_row(state: Any, terms: Any, row: Any, time_us: int, day: int) -> None:
    """Write what every row carries. The row is zero before."""
    row["lane"] = terms.lane
    row["seq"] = state.scalars[0, at.LAST_SEQ] + 1
    row["time_us"] = time_us
    row["business_day"] = day
    row["policy_version"] = terms.policy_version


@kernel
def describe_command(row: Any, command: Any, fingerprint: int) -> None:
    """Write what the caller asked for."""
    row["id_hi"] = command["id_hi"]
    row["id_lo"] = command["id_lo"]
    row["client"] = command["client"]
    row["fingerprint"] = fingerprint
    row["kind"] = command["kind"]
    row["amount_minor"] = command["amount_minor"]
    row["payment_type"] = command["payment_type"]
    row["currency"] = command["currency"]
    # the lane says what went to suspense, and which refund leaves by the bank
    row["flags"] = command["flags"] & ~(_TO_SUSPENSE if command["kind"] == _WITHDRAW else _TO_SUSPENSE | _RAIL)
    row["option"] = command["option"]
    if command["kind"] == _PAY:
        _describe_way(row, command)
    row["maker"] = command["maker"]
    row["approval_1"] = command["approval_1"]
    row["approval_2"] = command["approval_2"]
    row["approval_3"] = command["approval_3"]


@kernel
def _describe_way(row: Any, command: Any) -> None:
    """Write by what, from where and how surely a payment was asked for."""
    row["instrument"] = command["instrument"]
    row["device"] = command["device"]
    row["network"] = command["network"]
    row["place"] = command["place"]
    row["category"] = command["category"]
    row["latitude_e4"] = command["latitude_e4"]
    row["longitude_e4"] = command["longitude_e4"]
    row["channel"] = command["channel"]
    row["factors"] = command["factors"]
    row["verification"] = command["verification"]


@kernel
def name_payer(state: Any, row: Any, account: int) -> None:
    """Write who pays: the account, its customer, purse and tier."""
    customer = state.accounts[account, at.ACCOUNT_CUSTOMER]
    row["payer_account"] = account
    row["customer"] = customer
    row["purse"] = state.accounts[account, at.ACCOUNT_PURSE]
    row["tier"] = state.customers[customer, at.TIER]


@kernel
def close_row(state: Any, row: Any, payment_state: int, reason: int) -> None:
    """Set the outcome, link the row into the histories of its accounts, and fold it into the state."""
    row["state"] = payment_state
    row["reason"] = reason
    if row["payer_account"] > 0:
        row["payer_prev_seq"] = state.accounts[row["payer_account"], at.ACCOUNT_LAST_SEQ]
    if row["moved_minor"] > 0:
        row["payee_prev_seq"] = state.accounts[row["payee_account"], at.ACCOUNT_LAST_SEQ]
    if row["fee_minor"] > 0:
        fees = fee_account(currency_slot(row["currency"]))
        row["fee_prev_seq"] = state.accounts[fees, at.ACCOUNT_LAST_SEQ]
    fold_row(state, row)


@kernel
def decline(state: Any, row: Any, reason: int) -> None:
    """Close a row that moves nothing."""
    close_row(state, row, _DECLINED, reason)
