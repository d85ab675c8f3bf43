"""The way out: from ``REPLY`` records to outcomes, one by one or for a whole batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from penstock.contracts import ids as public
from penstock.contracts.commands import NEVER_US, Flag, Kind, Status
from penstock.contracts.ids import PublicIds
from penstock.contracts.lane_port import Reply
from penstock.contracts.reasons import EXPLANATIONS
from penstock.contracts.states import FOLLOW_UPS, STARTS
from penstock.contracts.words import CURRENCY_CODES, KINDS, REASONS, STATES, TYPES, score_told, time_text
from penstock.kit.http.problem import Problem

#: Plain numbers, because looking a member of an enum up costs more than the rest of its line.
_REFUSED: Final = int(Status.REFUSED)
#: Where a reply holds them: a plain tuple is enough for a batch.
_STATUS: Final = Reply._fields.index("status")
_REASON: Final = Reply._fields.index("reason")
_REPLAYED: Final = int(Status.REPLAYED)
_LAST_OPENING: Final = int(Kind.OPEN_ACCOUNT)
_PAY: Final = int(Kind.PAY)
_SET_ACCOUNT: Final = int(Kind.SET_ACCOUNT)
_TO_SUSPENSE: Final = int(Flag.TO_SUSPENSE)
#: What starts a payment: the row's own sequence names it. Follow-ups say which one they are about.
_STARTS: Final = frozenset(map(int, STARTS))
_FOLLOW_UPS: Final = frozenset(map(int, (*FOLLOW_UPS, Kind.LABEL)))
#: What moves no money, so that its outcome has no amounts.
_SETTINGS: Final = frozenset(map(int, (
    Kind.SET_ACCOUNT, Kind.SET_CUSTOMER, Kind.SET_APPROVALS, Kind.LABEL, Kind.PUBLISH_MODEL,
)))  # fmt: skip
#: What is about a customer.
_OF_CUSTOMERS: Final = frozenset(map(int, (Kind.OPEN_CUSTOMER, Kind.OPEN_ACCOUNT, Kind.SET_CUSTOMER)))


class Words(msgspec.Struct, frozen=True, gc=False):
    """A sentence for people, in both languages."""

    en: str
    zh: str


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What was decided. Fields that a command does not have are absent."""

    id: str
    command: str
    state: str
    reason: str
    reason_code: int
    time: str
    seq: int
    as_of_seq: int
    replayed: bool
    payment: str | UnsetType = UNSET
    customer: str | UnsetType = UNSET
    account: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    amount_minor: int | UnsetType = UNSET
    held_minor: int | UnsetType = UNSET
    moved_minor: int | UnsetType = UNSET
    fee_minor: int | UnsetType = UNSET
    #: Of the model in force, null while there is none; ``model_version`` is 0 then.
    score: float | UnsetType | None = UNSET
    model_version: int | UnsetType = UNSET
    refundable_minor: int | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    payer: str | UnsetType = UNSET
    payee: str | UnsetType = UNSET
    expires: str | UnsetType = UNSET
    to_suspense: bool | UnsetType = UNSET
    message: Words | UnsetType = UNSET
    next_step: Words | UnsetType = UNSET
    retry: str | UnsetType = UNSET
    iso20022: str | UnsetType = UNSET
    status: int | UnsetType = UNSET


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """An item of a batch with which nothing was done and nothing was recorded."""

    id: str
    command: str
    state: str
    reason: str
    reason_code: int
    message: Words
    next_step: Words
    retry: str
    iso20022: str
    as_of_seq: int
    replayed: bool
    status: int


_MESSAGES: Final = {int(r): Words(e.en, e.zh) for r, e in EXPLANATIONS.items()}
_NEXT_STEPS: Final = {int(r): Words(e.next_en, e.next_zh) for r, e in EXPLANATIONS.items()}
_HTTP: Final = {int(r): e.http for r, e in EXPLANATIONS.items()}
_RETRIES: Final = {int(r): e.retry.value for r, e in EXPLANATIONS.items()}
_ISO: Final = {int(r): e.iso20022 for r, e in EXPLANATIONS.items()}


def http_status(reply: Reply) -> int:
    """The HTTP status of an outcome: 201, or the reason's own."""
    return _HTTP[reply.reason]


def refusal_problem(reply: Reply, command_id: str) -> Problem:
    """The problem that tells a single caller why nothing was done with its id."""
    reason = reply.reason
    words, step = _MESSAGES[reason], _NEXT_STEPS[reason]
    extra = {
        "id": command_id.lower(), "command": KINDS[reply.kind], "reason": REASONS[reason], "reason_code": reason,
        "message": words, "next_step": step, "retry": _RETRIES[reason], "iso20022": _ISO[reason],
        "as_of_seq": reply.as_of_seq, "replayed": False,
    }  # fmt: skip
    return Problem(_HTTP[reason], REASONS[reason], words.en, step.en, extra=extra)


def outcome(reply: Reply, command_id: str, ids: PublicIds) -> Outcome:
    """The outcome of one command."""
    payment = _payment_seq(reply)
    return _form(
        reply,
        command_id.lower(),
        ids.encode(public.Kind.PAYMENT, payment) if payment else "",
        ids.encode(public.Kind.ACCOUNT, reply.payer_account) if reply.payer_account else "",
        ids.encode(public.Kind.ACCOUNT, reply.payee_account) if reply.payee_account else "",
        ids,
        UNSET,
    )


def outcomes(replies: NDArray[Any], command_ids: Sequence[str], ids: PublicIds) -> list[Outcome | Refusal]:
    """The outcomes of a batch, in order, each with its own HTTP status.

    :param replies: ``REPLY`` records (commands,).
    """
    follows = np.isin(replies["kind"], list(_FOLLOW_UPS)) & (replies["ref_seq"] != replies["seq"])
    named = np.where(follows, replies["ref_seq"], 0)
    first = np.where(np.isin(replies["kind"], list(_STARTS)), replies["seq"], named)
    payments = _encode(ids, public.Kind.PAYMENT, first)
    payers = _encode(ids, public.Kind.ACCOUNT, replies["payer_account"])
    payees = _encode(ids, public.Kind.ACCOUNT, replies["payee_account"])
    names = zip(replies.tolist(), command_ids, payments, payers, payees, strict=True)
    return [
        _refusal(Reply._make(reply), command_id.lower())
        if reply[_STATUS] == _REFUSED
        else _form(reply, command_id.lower(), payment, payer, payee, ids, _HTTP[reply[_REASON]])
        for reply, command_id, payment, payer, payee in names
    ]


def from_row(reply: Reply, row: Sequence[Any]) -> Reply:
    """A replayed reply, completed from the journal row of the first time (see ``store.rows``)."""
    return reply._replace(**dict(zip(ROW_FIELDS, row, strict=True)))


#: The fields of a reply that a journal row has as well, in the order of ``store.rows``.
ROW_FIELDS: Final = (
    "seq", "time_us", "ref_seq", "payer_account", "payee_account", "amount_minor", "held_minor", "moved_minor",
    "fee_minor", "expires_us", "left_minor", "score", "model_version", "customer", "kind", "state", "reason",
    "payment_type", "currency", "flags",
)  # fmt: skip
assert set(ROW_FIELDS) < set(Reply._fields)


def _payment_seq(reply: Reply) -> int:
    if reply.kind in _STARTS:
        return reply.seq
    follows = reply.kind in _FOLLOW_UPS and reply.ref_seq != reply.seq  # a row about no payment refers to itself
    return reply.ref_seq if follows else 0


def _encode(ids: PublicIds, kind: public.Kind, indices: NDArray[np.int64]) -> list[str]:
    """Encode the indices above 0; the others become empty texts."""
    if indices.all():
        return ids.encode_many(kind, indices)
    texts = iter(ids.encode_many(kind, indices[indices > 0]))
    return [next(texts) if index else "" for index in indices.tolist()]


def _refusal(reply: Reply, command_id: str) -> Refusal:
    reason = reply.reason
    return Refusal(
        command_id, KINDS[reply.kind], "refused", REASONS[reason], reason, _MESSAGES[reason], _NEXT_STEPS[reason],
        _RETRIES[reason], _ISO[reason], reply.as_of_seq, False, _HTTP[reason],
    )  # fmt: skip


def _form(
    reply: Sequence[Any],
    command_id: str,
    payment: str,
    payer: str,
    payee: str,
    ids: PublicIds,
    status: int | UnsetType,
) -> Outcome:
    (_, seq, as_of_seq, time_us, _, _, _, amount, held, moved, fee, expires_us, left, score, model_version, customer, _,
     kind, treated, state, reason, payment_type, currency, flags) = reply  # fmt: skip
    opened = kind <= _LAST_OPENING
    moves = not opened and kind not in _SETTINGS
    account = payee if opened else payer if kind == _SET_ACCOUNT else ""
    declined = reason != 0
    return Outcome(
        command_id,
        KINDS[kind],
        STATES[state],
        REASONS[reason],
        reason,
        time_text(time_us),
        seq,
        as_of_seq,
        treated == _REPLAYED,
        payment or UNSET,
        ids.encode(public.Kind.CUSTOMER, customer) if customer and kind in _OF_CUSTOMERS else UNSET,
        account or UNSET,
        TYPES[payment_type] if payment_type else UNSET,
        amount if moves or amount else UNSET,
        held if moves else UNSET,
        moved if moves else UNSET,
        fee if moves else UNSET,
        score_told(score, model_version) if kind == _PAY else UNSET,
        model_version if kind == _PAY else UNSET,
        left if payment and moves and not declined else UNSET,
        CURRENCY_CODES[currency] or UNSET,
        payer or UNSET if moves else UNSET,
        payee or UNSET if moves else UNSET,
        time_text(expires_us) if 0 < expires_us < NEVER_US else UNSET,
        True if flags & _TO_SUSPENSE else UNSET,
        _MESSAGES[reason] if declined else UNSET,
        _NEXT_STEPS[reason] if declined else UNSET,
        _RETRIES[reason] if declined else UNSET,
        _ISO[reason] if declined else UNSET,
        status,
    )
