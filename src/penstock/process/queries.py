"""Answers to questions, from memory as of the last committed sequence. The arrays are documented per function."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.contracts.commands import Operation, PaymentType, Query, Status
from penstock.contracts.policy import LIMIT_FIELDS
from penstock.contracts.reasons import Reason
from penstock.process.post.approvals import approvers_needed
from penstock.process.post.terms import Int64
from penstock.state import layout as at
from penstock.state.fold import roll_purse
from penstock.state.holds import find_hold
from penstock.state.labels import find_label
from penstock.state.overrides import find_override
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
        return _found(found, Reason.ACCOUNT_UNKNOWN)
    if query["kind"] == Query.APPROVALS:
        needed = [approvers_needed(state, int(operation)) for operation in Operation]
        return Status.ANSWERED, Reason.OK, np.array(needed, np.int64).tobytes()
    if query["kind"] == Query.MODEL:
        return Status.ANSWERED, Reason.OK, state.scalars[0, [at.MODEL_VERSION, at.MODEL_SEQ]].astype(np.int64).tobytes()
    return _found(_customer(state, number, client, everything, day), Reason.CUSTOMER_UNKNOWN)


def _found(numbers: Int64 | None, reason: Reason) -> tuple[Status, Reason, bytes]:
    if numbers is None:
        return Status.REFUSED, reason, b""
    return Status.ANSWERED, Reason.OK, numbers.tobytes()


def _account(state: State, account: int, client: int, everything: bool) -> Int64 | None:
    """The columns of ``layout``'s accounts, in the order of ``lane_port.AccountAnswer``."""
    if not 0 < account <= state.scalars[0, at.ACCOUNTS]:
        return None
    record = state.accounts[account]
    owner = state.customers[record[at.ACCOUNT_CUSTOMER], at.CUSTOMER_CLIENT]
    return record[: at.FROZEN_UNTIL_US + 1].copy() if everything or owner == client else None


def _customer(state: State, customer: int, client: int, everything: bool, day: int) -> Int64 | None:
    """The numbers of a customer, None = it is unknown to the client.

    [tier, client, opened_seq, accounts, purses, then per purse: currency_slot, day, counters per payment type; then per
    own limit that lasts: currency_slot, payment type, field, value, until].
    """
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
    parts += [_own_limits(state, purse) for purse in purses]
    return np.concatenate(parts).astype(np.int64)


def _own_limits(state: State, purse: int) -> Int64:
    """[currency_slot, payment type, field, value, until] of each limit of the purse that has not ended."""
    found = []
    slot, now_us = state.purses[purse, at.PURSE_CURRENCY], state.scalars[0, at.LAST_TIME_US]
    pairs = itertools.product(PaymentType, range(len(LIMIT_FIELDS))) if state.purses[purse, at.OVERRIDDEN] else ()
    for kind, field in pairs:
        own = state.overrides[find_override(state, purse, int(kind), field)]
        if own[at.OVERRIDE_KEY] and own[at.OVERRIDE_UNTIL_US] > now_us:
            found += [slot, kind, field, own[at.OVERRIDE_VALUE], own[at.OVERRIDE_UNTIL_US]]
    return np.array(found, np.int64)


def _payment(state: State, origin_seq: int) -> Int64:
    """[open, last_seq, state, cleared, released, fee_taken, remaining, expires_us, left, label, the label's row].

    Zeros = not in memory, where the labels of all payments are.
    """
    slot = int(find_hold(state, origin_seq))
    label = state.labels[find_label(state, origin_seq), at.LABEL_OPTION : at.LABEL_SEQ + 1].tolist()
    if slot == 0:
        last_seq, payment_state, left = find_ref(state, origin_seq)
        return np.array([0, last_seq, payment_state, 0, 0, 0, 0, 0, left, *label], np.int64)
    hold = state.holds[slot]
    rest = hold[at.HOLD_AMOUNT] - hold[at.HOLD_CLEARED] - hold[at.HOLD_RELEASED]
    return np.array(
        [1, hold[at.HOLD_LAST_SEQ], hold[at.HOLD_STATE], hold[at.HOLD_CLEARED], hold[at.HOLD_RELEASED],
         hold[at.HOLD_FEE_TAKEN], rest, hold[at.EXPIRES_US], hold[at.HOLD_LEFT], *label], np.int64,
    )  # fmt: skip


def warm(state: State) -> None:
    """Load the kernels that answers use."""
    _payment(state, 1)
    roll_purse(state.purses[0], 1)
    find_override(state, 1, 0, 0)
    approvers_needed(state, 0)
