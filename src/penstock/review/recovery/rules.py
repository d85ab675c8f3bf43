"""What looks the same, which correction fits, and how cases read. Pure."""

from __future__ import annotations

import hashlib
import json
import struct
import uuid
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from penstock.contracts.commands import COMMAND, Flag, Kind, Option
from penstock.contracts.states import State
from penstock.review.recovery.finding import BankRow, Cleared, Waiting


class CaseKind(StrEnum):
    """What looks wrong."""

    DUPLICATE = "duplicate"
    STUCK_WITHDRAWAL = "stuck_withdrawal"
    STUCK_REFUND = "stuck_refund"
    SUSPENSE = "suspense"


class Correction(StrEnum):
    """What can be proposed; the names are those of the command ``recover``."""

    REVERSE = "reverse"
    FINISH_PAID = "finish_paid"
    FINISH_UNPAID = "finish_unpaid"
    MOVE_SUSPENSE = "move_suspense"


#: The corrections that fit each kind of case.
CHOICES: Final = {
    CaseKind.DUPLICATE: (Correction.REVERSE,),
    CaseKind.STUCK_WITHDRAWAL: (Correction.FINISH_PAID, Correction.FINISH_UNPAID),
    CaseKind.STUCK_REFUND: (Correction.FINISH_PAID, Correction.FINISH_UNPAID),
    CaseKind.SUSPENSE: (Correction.MOVE_SUSPENSE,),
}
#: Title of each kind, in English and Chinese.
TITLES: Final = {
    CaseKind.DUPLICATE: ("The same charge was made twice", "疑似重复扣款"),
    CaseKind.STUCK_WITHDRAWAL: ("A withdrawal has no answer from the bank", "提现未收到银行结果"),
    CaseKind.STUCK_REFUND: ("A refund has no answer from the bank", "退款未收到银行结果"),
    CaseKind.SUSPENSE: ("Money went to suspense", "资金进入挂账"),
}
#: What each outcome says, in English and Chinese.
OUTCOMES: Final = {
    "corrected": ("put right by an approved correction", "已经审批更正"),
    "given_back": ("the payment was given back", "该笔支付已退回"),
    "other_given_back": ("the payment that it repeated was given back", "原支付已退回"),
    "answered": ("the bank's answer came", "已收到银行结果"),
    "dismissed": ("dismissed by a person", "人工排除"),
}


class _Side(msgspec.Struct):
    reference: str | None = None
    metadata: dict[str, str] | None = None


class Bank(NamedTuple):
    """What is known of a payment's credit transfer at the bank."""

    state: str
    reason: str
    asked: int
    bank_reference: str
    on_statement: bool


class Sameness(NamedTuple):
    """What equal-looking payments have in common: a number of it, and whether a reference is part of it."""

    same: uuid.UUID
    bare: bool


def sameness(found: Cleared) -> Sameness:
    """What a payment looks like: parties, amount, currency, type and reference; without a reference, its metadata.

    Payments whose words differ are different; so are one with a reference and one without.
    """
    side = _read(found.side)
    bare = side is None or not side.reference
    if side is None:
        words = "unreadable " + (found.side or b"").hex()
    else:
        words = json.dumps(side.metadata or {}, sort_keys=True) if bare else str(side.reference)
    numbers = struct.pack(
        "<qqqhh?", found.payer_account, found.payee_account, found.amount_minor, found.currency, found.payment_type, bare
    )
    digest = hashlib.sha256(numbers + words.encode()).digest()
    return Sameness(uuid.UUID(bytes=digest[:16]), bare)


def reference(side: bytes | None) -> str | None:
    """The payer's own words for a payment, from its side record."""
    found = _read(side)
    return None if found is None else found.reference


def _read(side: bytes | None) -> _Side | None:
    """A payment's words; None = they are in another form than ours, which must not stop the tail."""
    if side is None:
        return _Side()
    try:
        return msgspec.json.decode(side, type=_Side)
    except msgspec.DecodeError:
        return None


def begins_to_wait(row: BankRow) -> bool:
    """Whether a payment is at the bank from this row on."""
    if row.first_kind == Kind.WITHDRAW:
        return row.state == State.HELD
    return row.state == State.REFUNDING


def waiting(row: BankRow, lane: int) -> Waiting:
    """What is noted of a payment that begins to wait."""
    withdrawal = row.first_kind == Kind.WITHDRAW
    kind = CaseKind.STUCK_WITHDRAWAL if withdrawal else CaseKind.STUCK_REFUND
    amount = row.first_amount_minor if withdrawal else row.held_minor
    return Waiting(
        lane, row.payment, row.seq, kind, row.client, row.payer_account, row.payee_account, amount, row.currency,
        row.payment_type, row.time_us,
    )  # fmt: skip


def proposal(kind: CaseKind, bank: Bank | None) -> Correction | None:
    """The correction that the evidence speaks for; None = a person has to find out what the bank did."""
    if len(CHOICES[kind]) == 1:
        return CHOICES[kind][0]
    if bank is not None and (bank.on_statement or bank.state == "paid"):
        return Correction.FINISH_PAID
    if bank is not None and bank.state == "rejected":
        return Correction.FINISH_UNPAID
    return None


def explanation(kind: CaseKind, gap_s: float, waited_s: float, *, bare: bool) -> tuple[str, str]:
    """Why the case is one, in English and Chinese."""
    if kind == CaseKind.SUSPENSE:
        return (
            "The account could not be credited, or nobody knows whose money it is.",
            "收款账户无法入账，或资金归属不明。",
        )
    if kind == CaseKind.DUPLICATE:
        english = "without a reference on either" if bare else "with the same reference"
        chinese = "且均无备注" if bare else "且备注相同"
        return (
            f"Same payer, payee, amount, currency and type, {english}, cleared {gap_s:.1f} s after the other.",
            f"付款方、收款方、金额、币种、类型均相同，{chinese}，与另一笔相隔 {gap_s:.1f} 秒到账。",
        )
    return f"The bank has not answered for {waited_s:.0f} s.", f"银行已 {waited_s:.0f} 秒未给出结果。"


def record(correction: Correction, payment: int, account: int, amount_minor: int, currency: int) -> bytes:
    """The ``COMMAND`` record of a correction; id, client, maker and approvals are filled in when it is sent."""
    command: Any = np.zeros(1, dtype=COMMAND)
    command["kind"], command["flags"] = Kind.RECOVER, Flag.OPERATES
    command["option"] = Option[correction.name]
    if correction == Correction.MOVE_SUSPENSE:
        command["payee_account"], command["amount_minor"], command["currency"] = account, amount_minor, currency
    else:
        command["ref_seq"] = payment  # amount 0: all that is left, all that is held
    return bytes(command.tobytes())
