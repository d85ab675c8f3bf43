"""Answers to questions, from memory as of the last committed sequence. The arrays are documented per function."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import Query, Status
from penstock.contracts.reasons import Reason
from penstock.process.post.terms import Int64
from penstock.state import layout as at
from penstock.state.fold import roll_purse
from penstock.state.holds import find_hold
from penstock.state.recent import find_ref
from penstock.state.tables import State

_SEES_ALL = 1  # a query's flag: the caller operates the system


def answer(state: State, query: NDArray[Any], day: int, status: Int64) -> tuple[Status, Reason, bytes]:
    """Answer one ``COMMAND`` record that holds a query.

    :returns: how it was treated, why not, and int64 numbers as bytes.
    """
    everything = bool(query["flags"] & _SEES_ALL)
    number, client = int(query["ref_seq"]), int(query["client"])
    if query["kind"] == Query.STATUS:
        return Status.ANSWERED, Reason.OK, status.tobytes()
    if query["kind"] == Query.PAYMENT:
        return Status.ANSWERED, Reason.OK, _payment(state, number).tobytes()
    if query["kind"] == Query.ACCOUNT:
        found = _account(state, number, client, everything)
        return _found(found, Reason.PAYER_UNKNOWN)
    return _found(_customer(state, number, client, everything, day), Reason.CUSTOMER_UNKNOWN)


def _found(numbers: Int64 | None, reason: Reason) -> tuple[Status, Reason, bytes]:
    if numbers is None:
        return Status.REFUSED, reason, b""
    return Status.ANSWERED, Reason.OK, numbers.tobytes()


def _account(state: State, account: int, client: int, everything: bool) -> Int64 | None:
    """[available, held, last_seq, customer, purse, currency_slot, kind, opened_seq, open_holds]."""
    if not 0 < account <= state.scalars[0, at.ACCOUNTS]:
        return None
    record = state.accounts[account]
    owner = state.customers[record[at.ACCOUNT_CUSTOMER], at.CUSTOMER_CLIENT]
    return record[: at.OPEN_HOLDS + 1].copy() if everything or owner == client else None


def _customer(state: State, customer: int, client: int, everything: bool, day: int) -> Int64 | None:
    """[tier, client, opened_seq, accounts, purses, then per purse: currency_slot, day, counters per payment type]."""
    if not 0 < customer <= state.scalars[0, at.CUSTOMERS]:
        return None
    record = state.customers[customer]
    if not everything and record[at.CUSTOMER_CLIENT] != client:
        return None
    purses = [int(p) for p in record[at.FIRST_PURSE : at.FIRST_PURSE + at.CURRENCY_SLOTS] if p]
    head = [record[at.TIER], record[at.CUSTOMER_CLIENT], record[at.CUSTOMER_OPENED_SEQ], record[at.CUSTOMER_ACCOUNTS]]
    parts = [np.array([*head, len(purses)], np.int64)]
    for purse in purses:
        counters = state.purses[purse].copy()
        roll_purse(counters, day)
        cells = counters[at.FIRST_CELL : at.FIRST_CELL + at.TYPES * at.CELL_WIDTH]
        parts.append(np.concatenate([[counters[at.PURSE_CURRENCY], day], cells]))
    return np.concatenate(parts).astype(np.int64)


def _payment(state: State, origin_seq: int) -> Int64:
    """[open, last_seq, state, cleared, released, fee_taken, remaining, expires_us]; zeros = not in memory."""
    slot = int(find_hold(state, origin_seq))
    if slot == 0:
        last_seq, payment_state = find_ref(state, origin_seq)
        return np.array([0, last_seq, payment_state, 0, 0, 0, 0, 0], np.int64)
    hold = state.holds[slot]
    rest = hold[at.HOLD_AMOUNT] - hold[at.HOLD_CLEARED] - hold[at.HOLD_RELEASED]
    return np.array(
        [1, hold[at.HOLD_LAST_SEQ], 3, hold[at.HOLD_CLEARED], hold[at.HOLD_RELEASED], hold[at.HOLD_FEE_TAKEN], rest,
         hold[at.EXPIRES_US]], np.int64,
    )  # fmt: skip


def warm(state: State) -> None:
    """Load the kernels that answers use."""
    _payment(state, 1)
    roll_purse(state.purses[0], 1)
