"""What happens to an existing payment, after the state × command table: by a command, or because its time has come. Kernels."""

from __future__ import annotations

from typing import Any

from penstock.contracts.commands import Flag, Kind, Operation, Option
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State as PaymentState
from penstock.kit.kernels import constant, kernel
from penstock.process.post.approvals import judge_approvals
from penstock.process.post.giving_back import give_back_cleared
from penstock.process.post.holding import at_bank, give_back, judge_payout, judge_room, pay_out, rest_of
from penstock.process.post.moving import forced_reason
from penstock.process.post.reviewing import decide, decide_by_default
from penstock.process.post.rows import begin_row, decline
from penstock.process.post.terms import REFUSALS
from penstock.state import layout as at
from penstock.state.holds import find_hold, next_due
from penstock.state.ownership import is_owned
from penstock.state.recent import find_ref

_HELD, _DELAYED, _REVIEW = constant(PaymentState.HELD), constant(PaymentState.DELAYED), constant(PaymentState.REVIEW)
_CLEAR, _RELEASE, _CANCEL, _EXPIRE = int(Kind.CLEAR), int(Kind.RELEASE), int(Kind.CANCEL), int(Kind.EXPIRE)
_REFUND, _RETURN, _CHARGEBACK = int(Kind.REFUND), int(Kind.RETURN), int(Kind.CHARGEBACK)
_DECIDE, _RECOVER = int(Kind.DECIDE_REVIEW), int(Kind.RECOVER)
_REVERSE, _FINISH_PAID, _FINISH_UNPAID = int(Option.REVERSE), int(Option.FINISH_PAID), int(Option.FINISH_UNPAID)
_RELEASE_REST, _OPERATES = int(Flag.RELEASE_REST), int(Flag.OPERATES)
_ABOVE_HOLD, _UNKNOWN = constant(Reason.AMOUNT_ABOVE_HOLD), constant(Reason.PAYMENT_UNKNOWN)
_OPEN, _AT_BANK, _REFUNDING = constant(Reason.PAYMENT_OPEN), constant(Reason.PAYMENT_AT_BANK), constant(Reason.PAYMENT_REFUNDING)
_OPERATION = constant(Operation.RECOVER)


@kernel
def follow_up(state: Any, terms: Any, row: Any, command: Any, known: Any, i: int) -> None:
    """Do something with a payment that exists."""
    slot = find_hold(state, command["ref_seq"])
    if not _may_act(state, command, known, i):
        decline(state, row, _UNKNOWN)
        return
    row["ref_seq"] = command["ref_seq"]
    reason = judge_approvals(state, row, _OPERATION) if row["kind"] == _RECOVER else 0
    if reason != 0:
        decline(state, row, reason)
    elif slot > 0:
        _act_on_hold(state, terms, row, slot)
    else:
        _act_on_ended(state, terms, row, known, i)


@kernel
def _may_act(state: Any, command: Any, known: Any, i: int) -> bool:
    """Whether the caller may do this to the payment: it is there, and the caller's, or the caller runs the system."""
    if known.ref_client[i] == 0:
        return False
    if command["flags"] & _OPERATES != 0:
        return True
    kind = command["kind"]
    if kind in (_DECIDE, _CHARGEBACK, _RECOVER):
        return False
    if known.ref_client[i] == command["client"]:
        return True
    return kind in (_REFUND, _RETURN) and is_owned(state, known.ref_payee[i], command["client"])


@kernel
def _act_on_ended(state: Any, terms: Any, row: Any, known: Any, i: int) -> None:
    """A payment that is not held: give back what was cleared, or say in which state it is."""
    news = find_ref(state, row["ref_seq"])
    if news[0] == 0:
        news = known.ref_last_seq[i], known.ref_state[i], known.ref_left[i]
    if row["kind"] in (_REFUND, _RETURN, _CHARGEBACK, _RECOVER):
        give_back_cleared(state, terms, row, known, i, news)
    else:
        decline(state, row, REFUSALS[news[1], row["kind"]])


@kernel
def _act_on_hold(state: Any, terms: Any, row: Any, slot: int) -> None:
    """A payment that is held."""
    hold, kind = state.holds[slot], row["kind"]
    reason = _judge_hold(terms, row, hold)
    amount = _amount(row, hold)
    if reason == 0 and amount > rest_of(hold):
        reason = _ABOVE_HOLD
    pays = kind == _CLEAR or (kind == _RECOVER and row["option"] == _FINISH_PAID)
    if reason == 0 and pays:
        banked = at_bank(hold)  # then the money has left, whatever became of the account since
        reason = judge_room(state, hold, amount) if banked else judge_payout(state, hold, amount, row["time_us"])
    if reason != 0:
        decline(state, row, reason)
    elif kind == _DECIDE:
        decide(state, terms, row, slot)
    elif pays:
        pay_out(state, row, slot, amount, row["flags"] & _RELEASE_REST != 0)
    else:
        give_back(state, row, slot, amount, 0)


@kernel
def _amount(row: Any, hold: Any) -> int:
    """How much of a hold a command is about; 0 = all that is held."""
    partial = row["kind"] in (_CLEAR, _RELEASE)
    return row["amount_minor"] if partial and row["amount_minor"] > 0 else rest_of(hold)


@kernel
def _judge_hold(terms: Any, row: Any, hold: Any) -> int:
    """Why a command is refused in the state in which the hold is, 0 = it is not."""
    kind = row["kind"]
    forced = forced_reason(terms, row["option"]) if kind == _REFUND else 0
    if forced > 0:
        return forced
    reason = REFUSALS[hold[at.HOLD_STATE], kind]
    if reason != 0:
        return reason
    return _judge_bank(row, hold)


@kernel
def _judge_bank(row: Any, hold: Any) -> int:
    """Why a command may not touch a payment that is at the bank, or must not treat one as if it were; 0 = it may."""
    kind, banked = row["kind"], at_bank(hold)
    waiting = hold[at.HOLD_STATE] == _HELD
    if kind == _RECOVER:
        if banked and row["option"] in (_FINISH_PAID, _FINISH_UNPAID):
            return 0
        return _OPEN if waiting else _REFUNDING
    if banked and (kind == _CANCEL or row["flags"] & _OPERATES == 0):
        return _AT_BANK if waiting else _REFUNDING
    return _ABOVE_HOLD if banked and _amount(row, hold) != rest_of(hold) else 0


@kernel
def expire_due(state: Any, terms: Any, rows: Any, first: int, most: int, time_us: int, day: int) -> int:
    """Write a row for each held payment whose time has come, at most ``most``; how many were written."""
    written = 0
    slot = next_due(state, time_us)
    while slot > 0 and written < most:
        row = rows[first + written]
        begin_row(state, terms, row, time_us, day)
        row["kind"] = _EXPIRE
        row["id_hi"] = 0x8000
        row["id_lo"] = row["seq"] - 0x7FFFFFFFFFFFFFFF - 1
        _fall_due(state, terms, row, slot)
        written += 1
        slot = next_due(state, time_us)
    return written


@kernel
def _fall_due(state: Any, terms: Any, row: Any, slot: int) -> None:
    """A hold runs out, a delayed payment arrives, a review ends by its default."""
    hold = state.holds[slot]
    if hold[at.HOLD_STATE] == _REVIEW:
        decide_by_default(state, terms, row, slot)
        return
    reason = 0
    if hold[at.HOLD_STATE] == _DELAYED:
        reason = judge_payout(state, hold, rest_of(hold), row["time_us"])
        if reason == 0:
            pay_out(state, row, slot, rest_of(hold), False)
            return
    give_back(state, row, slot, rest_of(hold), reason)
