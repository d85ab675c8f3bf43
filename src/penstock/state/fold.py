"""The fold: what one journal row does to the lane's memory. The same kernel runs online and in replay.

Each record is changed by a pure function of itself and the row, and carries the sequence of the last
row that touched it. So a record that a checkpoint caught later than its neighbours skips the rows it
has seen, and recovery ends in byte-identical state. The small tables (``holds``, ``totals``,
``scalars``, ``generations``) are caught together, and skip by the sequence in ``scalars``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from penstock.contracts.commands import Kind, Option, PaymentType
from penstock.contracts.money import BY_NUMERIC
from penstock.contracts.states import OPEN
from penstock.contracts.states import State as PaymentState
from penstock.kit.kernels import kernel
from penstock.state import layout as at
from penstock.state.controls import fold_account_change, fold_customer_change, fold_own_limit
from penstock.state.holds import find_hold, free_slot, index_hold, take_slot, unindex_hold
from penstock.state.labels import fold_label
from penstock.state.reaching import AHEAD, reach_ids, reach_money
from penstock.state.recent import generation_of, remember_id, remember_ref

_OPEN_CUSTOMER, _OPEN_ACCOUNT, _DEPOSIT, _WITHDRAW = (
    int(k) for k in (Kind.OPEN_CUSTOMER, Kind.OPEN_ACCOUNT, Kind.DEPOSIT, Kind.WITHDRAW)
)
_PAY, _PUBLISH, _REFUND, _RETURN = int(Kind.PAY), int(Kind.PUBLISH), int(Kind.REFUND), int(Kind.RETURN)
_CHARGEBACK, _RECOVER, _CLEAR, _DECIDE = (
    int(k) for k in (Kind.CHARGEBACK, Kind.RECOVER, Kind.CLEAR, Kind.DECIDE_REVIEW)
)
_EXPIRE = int(Kind.EXPIRE)
_SET_ACCOUNT, _SET_CUSTOMER, _SET_APPROVALS = (
    int(k) for k in (Kind.SET_ACCOUNT, Kind.SET_CUSTOMER, Kind.SET_APPROVALS)
)
_LABEL, _PUBLISH_MODEL = int(Kind.LABEL), int(Kind.PUBLISH_MODEL)
_FINISH_PAID, _FINISH_UNPAID = int(Option.FINISH_PAID), int(Option.FINISH_UNPAID)
_REVERSE, _APPROVALS = int(Option.REVERSE), int(Option.APPROVALS)
_ANY = int(PaymentType.ANY)
_DECLINED, _REVIEW = int(PaymentState.DECLINED), int(PaymentState.REVIEW)
#: Bit n is set when the state n keeps a hold open.
_OPEN_STATES = sum(1 << int(state) for state in OPEN)
HOUR_US = 3_600_000_000

_SLOT_BY_NUMERIC = np.full(1000, -1, dtype=np.int64)
for _currency in BY_NUMERIC.values():
    _SLOT_BY_NUMERIC[_currency.numeric] = _currency.slot


@kernel
def currency_slot(numeric: int) -> int:
    """The slot of an ISO numeric currency code, -1 = none."""
    return _SLOT_BY_NUMERIC[numeric] if 0 <= numeric < 1000 else -1


@kernel
def fee_account(slot: int) -> int:
    """The fee account of a currency slot: system accounts are opened first, three per currency."""
    return 3 * slot + 2


@kernel
def settlement_account(slot: int) -> int:
    """The settlement account of a currency slot."""
    return 3 * slot + 1


@kernel
def suspense_account(slot: int) -> int:
    """The suspense account of a currency slot."""
    return 3 * slot + 3


@kernel
def is_open(payment_state: int) -> bool:
    """Whether a payment in this state keeps funds held."""
    return (_OPEN_STATES >> payment_state) & 1 == 1


@kernel
def opens_hold(row: Any) -> bool:
    """Whether a row begins to hold funds: a new payment, or a refund that leaves through the bank."""
    kind = row["kind"]
    return kind in (_PAY, _WITHDRAW, _REFUND) and is_open(row["state"])


@kernel
def acts_on_hold(row: Any) -> bool:
    """Whether a row took effect on held funds."""
    kind = row["kind"]
    if row["ref_prev_seq"] == 0:
        return False
    if kind == _RECOVER:
        return row["option"] == _FINISH_PAID or row["option"] == _FINISH_UNPAID
    return (_CLEAR <= kind <= _EXPIRE) or kind == _DECIDE


@kernel
def month_of_day(day: int) -> int:
    """12 x year + month - 1 of a day since 1970-01-01.

    Source: H. Hinnant, *chrono-compatible low-level date algorithms*, ``civil_from_days``.
    """
    z = day + 719468
    era = z // 146097
    doe = z - era * 146097
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    month = mp + 3 if mp < 10 else mp - 9
    return 12 * (yoe + era * 400 + (1 if month <= 2 else 0)) + month - 1


@kernel
def fold_row(state: Any, row: Any) -> None:
    """Apply one journal row."""
    kind = row["kind"]
    if kind == _OPEN_CUSTOMER:
        _fold_customer(state, row)
    elif kind == _OPEN_ACCOUNT:
        _fold_account(state, row)
    elif kind == _SET_ACCOUNT:
        fold_account_change(state, row)
    elif kind == _SET_CUSTOMER:
        fold_customer_change(state, row)
    _fold_money(state, row)
    if row["limit_minor"] != 0 or row["limit_count"] != 0:
        fold_limits(state, row)
    if row["seq"] > state.scalars[0, at.LAST_SEQ]:
        _fold_hold(state, row)
        fold_own_limit(state, row)
        _fold_totals(state, row)
        _fold_scalars(state, row)
    _fold_ids(state, row)


@kernel
def fold_rows(state: Any, rows: Any) -> None:
    """Apply journal rows in order."""
    for i in range(rows.shape[0]):
        if i % AHEAD == 0:
            reach_ids(state, rows, i)
            reach_money(state, rows, i)
        fold_row(state, rows[i])


@kernel
def _fold_customer(state: Any, row: Any) -> None:
    customer = state.customers[row["customer"]]
    if row["state"] == _DECLINED or customer[at.CUSTOMER_LAST_SEQ] >= row["seq"]:
        return
    customer[at.TIER] = row["tier"]
    customer[at.CUSTOMER_CLIENT] = row["client"]
    customer[at.CUSTOMER_OPENED_SEQ] = row["seq"]
    customer[at.CUSTOMER_LAST_SEQ] = row["seq"]


@kernel
def _fold_account(state: Any, row: Any) -> None:
    if row["state"] == _DECLINED:
        return
    slot = currency_slot(row["currency"])
    account = state.accounts[row["payee_account"]]
    if account[at.ACCOUNT_LAST_SEQ] < row["seq"]:
        account[at.ACCOUNT_CUSTOMER] = row["customer"]
        account[at.ACCOUNT_PURSE] = row["purse"]
        account[at.ACCOUNT_CURRENCY] = slot
        account[at.ACCOUNT_OPENED_SEQ] = row["seq"]
        account[at.ACCOUNT_LAST_SEQ] = row["seq"]
        account[at.ACCOUNT_KIND] = at.KIND_CUSTOMER if row["customer"] > 0 else 2 + (row["payee_account"] - 1) % 3
    if row["customer"] == 0:
        return
    customer = state.customers[row["customer"]]
    if customer[at.CUSTOMER_LAST_SEQ] < row["seq"]:
        customer[at.CUSTOMER_ACCOUNTS] += 1
        customer[at.FIRST_PURSE + slot] = row["purse"]
        customer[at.CUSTOMER_LAST_SEQ] = row["seq"]
    purse = state.purses[row["purse"]]
    if purse[at.PURSE_LAST_SEQ] == 0:
        purse[at.PURSE_CUSTOMER] = row["customer"]
        purse[at.PURSE_CURRENCY] = slot
        purse[at.PURSE_LAST_SEQ] = row["seq"]


@kernel
def _fold_money(state: Any, row: Any) -> None:
    seq = row["seq"]
    held, moved, fee = row["held_minor"], row["moved_minor"], row["fee_minor"]
    payer = state.accounts[row["payer_account"]]
    if row["payer_account"] > 0 and payer[at.ACCOUNT_LAST_SEQ] < seq:
        payer[at.AVAILABLE] -= held + moved + fee
        payer[at.HELD] += held
        payer[at.ACCOUNT_LAST_SEQ] = seq
        if opens_hold(row):
            payer[at.OPEN_HOLDS] += 1
        elif acts_on_hold(row) and not is_open(row["state"]):
            payer[at.OPEN_HOLDS] -= 1
    if moved > 0:
        payee = state.accounts[row["payee_account"]]
        if payee[at.ACCOUNT_LAST_SEQ] < seq:
            payee[at.AVAILABLE] += moved
            payee[at.ACCOUNT_LAST_SEQ] = seq
    if fee > 0:
        fees = state.accounts[fee_account(currency_slot(row["currency"]))]
        if fees[at.ACCOUNT_LAST_SEQ] < seq:
            fees[at.AVAILABLE] += fee
            fees[at.ACCOUNT_LAST_SEQ] = seq


@kernel
def roll_purse(purse: Any, day: int) -> None:
    """Begin a new business day: counters of a day, month or year that is over start at 0."""
    if day == purse[at.DAY]:
        return
    month = month_of_day(day)
    for kind in range(at.TYPES):
        cell = at.FIRST_CELL + kind * at.CELL_WIDTH
        purse[cell + at.DAY_AMOUNT] = 0
        purse[cell + at.DAY_COUNT] = 0
        if month != purse[at.MONTH]:
            purse[cell + at.MONTH_AMOUNT] = 0
            purse[cell + at.MONTH_COUNT] = 0
        if month // 12 != purse[at.MONTH] // 12:
            purse[cell + at.YEAR_AMOUNT] = 0
            purse[cell + at.YEAR_COUNT] = 0
    purse[at.DAY] = day
    purse[at.MONTH] = month


@kernel
def fold_limits(state: Any, row: Any) -> None:
    """Change the limit counters of the row's purse."""
    purse = state.purses[row["purse"]]
    if purse[at.PURSE_LAST_SEQ] >= row["seq"]:
        return
    roll_purse(purse, row["business_day"])
    _count(purse, at.FIRST_CELL + _ANY * at.CELL_WIDTH, row)
    _count(purse, at.FIRST_CELL + row["payment_type"] * at.CELL_WIDTH, row)
    purse[at.PURSE_LAST_SEQ] = row["seq"]


@kernel
def _count(purse: Any, cell: int, row: Any) -> None:
    """Change the counters of each window to which the day of the authorisation still belongs."""
    month, used_month = purse[at.MONTH], month_of_day(row["limit_day"])
    if row["limit_day"] == purse[at.DAY]:
        purse[cell + at.DAY_AMOUNT] += row["limit_minor"]
        purse[cell + at.DAY_COUNT] += row["limit_count"]
    if used_month == month:
        purse[cell + at.MONTH_AMOUNT] += row["limit_minor"]
        purse[cell + at.MONTH_COUNT] += row["limit_count"]
    if used_month // 12 == month // 12:
        purse[cell + at.YEAR_AMOUNT] += row["limit_minor"]
        purse[cell + at.YEAR_COUNT] += row["limit_count"]


@kernel
def _fold_hold(state: Any, row: Any) -> None:
    if opens_hold(row):
        _open_hold(state, row)
    elif acts_on_hold(row):
        slot = find_hold(state, row["ref_seq"])
        if not is_open(row["state"]):
            unindex_hold(state, slot)
            free_slot(state, slot)
            return
        hold = state.holds[slot]
        hold[at.HOLD_CLEARED] += row["moved_minor"]
        hold[at.HOLD_FEE_TAKEN] += row["fee_minor"]
        hold[at.HOLD_RELEASED] -= row["limit_minor"]
        hold[at.HOLD_LAST_SEQ] = row["seq"]
        hold[at.HOLD_STATE] = row["state"]
        if row["expires_us"] > 0:
            unindex_hold(state, slot)
            hold[at.EXPIRES_US] = row["expires_us"]
            index_hold(state, slot)


@kernel
def _open_hold(state: Any, row: Any) -> None:
    slot = take_slot(state)
    hold = state.holds[slot]
    refund = row["kind"] == _REFUND
    amount = row["held_minor"] if refund else row["amount_minor"]
    hold[at.ORIGIN_SEQ] = row["ref_seq"] if refund else row["seq"]
    hold[at.HOLD_PAYER] = row["payer_account"]
    hold[at.HOLD_PAYEE] = row["payee_account"]
    hold[at.HOLD_PURSE] = row["purse"]
    hold[at.HOLD_CLIENT] = row["client"]
    hold[at.HOLD_TYPE] = row["payment_type"]
    hold[at.HOLD_CURRENCY] = currency_slot(row["currency"])
    hold[at.HOLD_LIMIT_DAY] = row["limit_day"]
    hold[at.HOLD_AMOUNT] = amount
    hold[at.HOLD_FEE] = row["held_minor"] - amount
    hold[at.EXPIRES_US] = row["expires_us"]
    hold[at.HOLD_LAST_SEQ] = row["seq"]
    hold[at.HOLD_STATE] = row["state"]
    hold[at.HOLD_FLAGS] = row["flags"]
    hold[at.HOLD_KIND] = row["kind"]
    hold[at.HOLD_LEFT] = row["left_minor"]
    index_hold(state, slot)


@kernel
def _fold_totals(state: Any, row: Any) -> None:
    slot = currency_slot(row["currency"])
    if slot < 0:
        return
    totals = state.totals[slot]
    totals[at.TOTAL_HELD] += row["held_minor"]
    totals[at.TOTAL_FEES] += row["fee_minor"]
    totals[_total_of(row)] += row["moved_minor"]


@kernel
def _total_of(row: Any) -> int:
    """The total that counts what a row moves."""
    kind = row["kind"]
    if kind == _DEPOSIT:
        return at.TOTAL_DEPOSITED
    if kind in (_REFUND, _RETURN, _CHARGEBACK):
        return at.TOTAL_GIVEN_BACK
    if kind == _RECOVER and row["option"] == _REVERSE:
        return at.TOTAL_GIVEN_BACK
    if row["payee_account"] == settlement_account(currency_slot(row["currency"])):
        return at.TOTAL_WITHDRAWN
    return at.TOTAL_CLEARED


@kernel
def _fold_scalars(state: Any, row: Any) -> None:
    scalars = state.scalars[0]
    scalars[at.LAST_SEQ] = row["seq"]
    scalars[at.LAST_TIME_US] = row["time_us"]
    if row["state"] == _DECLINED:
        return
    if row["kind"] == _OPEN_CUSTOMER:
        scalars[at.CUSTOMERS] = row["customer"]
    elif row["kind"] == _OPEN_ACCOUNT:
        scalars[at.ACCOUNTS] = row["payee_account"]
        scalars[at.PURSES] = max(scalars[at.PURSES], row["purse"])
    elif row["kind"] == _PUBLISH:
        scalars[at.POLICY_VERSION] = row["policy_version"]
        scalars[at.POLICY_SEQ] = row["seq"]
    elif row["kind"] == _SET_APPROVALS:
        scalars[at.APPROVERS_NEEDED + row["option"] - _APPROVALS] = row["amount_minor"] + 1
    elif row["kind"] == _LABEL:
        fold_label(state, row)
    elif row["kind"] == _PUBLISH_MODEL:
        scalars[at.MODEL_VERSION] = row["model_version"]
        scalars[at.MODEL_SEQ] = row["seq"]
        scalars[at.MODELS] = max(scalars[at.MODELS], row["model_version"])
    elif row["state"] == _REVIEW and opens_hold(row):
        hour = row["time_us"] // HOUR_US
        begun = scalars[at.REVIEWS_IN_HOUR] if scalars[at.REVIEW_HOUR] == hour else 0
        scalars[at.REVIEW_HOUR] = hour
        scalars[at.REVIEWS_IN_HOUR] = begun + 1


@kernel
def _fold_ids(state: Any, row: Any) -> None:
    generation = generation_of(state, row["seq"], row["time_us"])
    if generation < 0:
        return
    if row["client"] > 0:
        remember_id(state, generation, row["client"], row["id_hi"], row["id_lo"], row["fingerprint"], row["seq"])
    if row["ref_prev_seq"] > 0:
        remember_ref(state, generation, row["ref_seq"], row["seq"], row["state"], row["left_minor"])
