"""From one body to its ``COMMAND`` record, once its public ids are known: names become numbers."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from penstock.contracts import ids as public
from penstock.contracts.commands import COMMAND, Flag, Kind, Operation, Option, PaymentType
from penstock.contracts.marks import Marks
from penstock.contracts.money import BY_CODE
from penstock.contracts.policy import LIMIT_FIELDS
from penstock.process.commands import bodies, control_bodies
from penstock.process.commands.bodies import Body
from penstock.process.commands.origin import NOTHING, origin_of

#: One ``COMMAND`` record; ten times faster to fill than a numpy one.
_RECORD: Final = struct.Struct("<15q13i10h")
assert _RECORD.size == COMMAND.itemsize

#: Sent for a tier that the policy does not name, so that the lane refuses it with a row.
UNKNOWN_TIER: Final = 32_767

CURRENCIES: Final = {code: currency.numeric for code, currency in BY_CODE.items()}
TYPES: Final = {kind.name.lower(): int(kind) for kind in PaymentType}
MICROSECONDS: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Plain numbers, because looking a member of an enum up costs more than the rest of its line.
_PAY: Final = int(Kind.PAY)
HOLD_ONLY: Final = int(Flag.HOLD_ONLY)
ARRIVALS: Final = {"instant": 0, "ordinary": int(Flag.ORDINARY), "next_day": int(Flag.NEXT_DAY)}
_FREEZES: Final = {side: Option[f"FREEZE_{side.upper()}"] for side in ("debit", "credit", "all", "amount")}
_UNFREEZES: Final = {side: Option[f"UNFREEZE_{side.upper()}"] for side in ("debit", "credit", "all", "amount")}
_LIMITS: Final = {field: Option.LIMIT_SINGLE + place for place, field in enumerate(LIMIT_FIELDS)}
_DECISIONS: Final = {"approve": Option.APPROVE, "reject": Option.REJECT}
_LABELS: Final = {"fraud": Option.LABEL_FRAUD, "genuine": Option.LABEL_GENUINE, "none": Option.LABEL_NONE}


class Terms(NamedTuple):
    """What translation needs besides the body."""

    client: int
    tiers: Mapping[str, int]
    payload_bytes: int
    marks: Marks
    #: The person who asks, 0 = not known.
    maker: int = 0
    #: Commands that this caller gives as one who operates the system.
    operates: frozenset[int] = frozenset()
    sandbox: bool = False


class Given(NamedTuple):
    """What is known of one body before its record is packed."""

    id_hi: int
    id_lo: int
    payload_bytes: int
    #: Sandbox: what its reference forces, 0 = nothing.
    forced: int
    terms: Terms
    #: Public id → index, for every public id that the body names.
    known: Mapping[str, int]


def _pack(
    given: Given,
    kind: Kind,
    *,
    payer: int = 0,
    payee: int = 0,
    amount: int = 0,
    ref_seq: int = 0,
    from_us: int = 0,
    until_us: int = 0,
    customer: int = 0,
    payment_type: int = 0,
    currency: int = 0,
    tier: int = 0,
    flags: int = 0,
    option: int = 0,
) -> bytes:
    terms = given.terms
    if kind in terms.operates:
        flags |= Flag.OPERATES
    return _RECORD.pack(
        0, given.id_hi, given.id_lo, payer, payee, amount, ref_seq, 0, from_us, until_us, *NOTHING.marks,
        terms.client, customer, given.payload_bytes, terms.maker, 0, 0, 0, *NOTHING.numbers,
        kind, payment_type, currency, tier, flags, option or given.forced, *NOTHING.way,
    )  # fmt: skip


def _open_customer(body: bodies.OpenCustomer, given: Given) -> bytes:
    return _pack(given, Kind.OPEN_CUSTOMER, tier=given.terms.tiers.get(body.tier, UNKNOWN_TIER))


def _open_account(body: bodies.OpenAccount, given: Given) -> bytes:
    currency = CURRENCIES[body.currency]
    return _pack(given, Kind.OPEN_ACCOUNT, customer=given.known[body.customer], currency=currency)


def _deposit(body: bodies.Deposit, given: Given) -> bytes:
    payee, currency = given.known[body.account], CURRENCIES[body.currency]
    return _pack(given, Kind.DEPOSIT, payee=payee, amount=body.amount_minor, currency=currency)


def _withdraw(body: bodies.Withdraw, given: Given) -> bytes:
    return _pack(
        given, Kind.WITHDRAW, payer=given.known[body.account], amount=body.amount_minor,
        currency=CURRENCIES[body.currency], payment_type=PaymentType.WITHDRAWAL, flags=Flag.RAIL if body.to else 0,
    )  # fmt: skip


def _pay(body: bodies.Pay, given: Given) -> bytes:
    terms = given.terms
    origin = origin_of(body, terms.marks)
    return _RECORD.pack(  # not by _pack: this is the busiest line of the edge
        0, given.id_hi, given.id_lo, given.known[body.payer], given.known[body.payee], body.amount_minor, 0,
        (body.hold_lifetime_s or 0) * MICROSECONDS, 0, 0, *origin.marks, terms.client, 0, given.payload_bytes, terms.maker,
        0, 0, 0, *origin.numbers, _PAY, TYPES[body.type], CURRENCIES[body.currency], 0,
        ARRIVALS[body.arrival] | (HOLD_ONLY if body.hold_only else 0) | origin.flags, given.forced, *origin.way,
    )  # fmt: skip


def _clear(body: Any, given: Given) -> bytes:
    flags = Flag.RELEASE_REST if body.release_rest else 0
    return _pack(given, Kind.CLEAR, amount=body.amount_minor or 0, ref_seq=given.known[body.payment], flags=flags)


def _part(kind: Kind) -> Callable[[Any, Given], bytes]:
    """A follow-up of an amount, absent = all that there is."""

    def pack(body: Any, given: Given) -> bytes:
        flags = Flag.FROM_SUSPENSE if getattr(body, "from_suspense", False) else 0
        return _pack(given, kind, amount=body.amount_minor or 0, ref_seq=given.known[body.payment], flags=flags)

    return pack


def _cancel(body: Any, given: Given) -> bytes:
    return _pack(given, Kind.CANCEL, ref_seq=given.known[body.payment])


def _label(body: bodies.LabelItem, given: Given) -> bytes:
    return _pack(given, Kind.LABEL, ref_seq=given.known[body.payment], option=_LABELS[body.label])


def _decide(body: control_bodies.DecideItem, given: Given) -> bytes:
    option = _DECISIONS[body.decision]
    return _pack(given, Kind.DECIDE_REVIEW, ref_seq=given.known[body.payment], option=option)


def _freeze(body: control_bodies.FreezeItem, given: Given) -> bytes:
    return _pack(
        given, Kind.SET_ACCOUNT, payer=given.known[body.account], amount=body.amount_minor or 0,
        from_us=_time_us(body.from_), until_us=_time_us(body.until), option=_FREEZES[body.side],
    )  # fmt: skip


def _unfreeze(body: control_bodies.UnfreezeItem, given: Given) -> bytes:
    return _pack(given, Kind.SET_ACCOUNT, payer=given.known[body.account], option=_UNFREEZES[body.side])


def _close(body: control_bodies.CloseItem, given: Given) -> bytes:
    return _pack(given, Kind.SET_ACCOUNT, payer=given.known[body.account], option=Option.CLOSE)


def _set_tier(body: control_bodies.SetTierItem, given: Given) -> bytes:
    tier = given.terms.tiers.get(body.tier, UNKNOWN_TIER)
    return _pack(given, Kind.SET_CUSTOMER, customer=given.known[body.customer], tier=tier, option=Option.TIER)


def _set_limit(body: control_bodies.SetLimitItem, given: Given) -> bytes:
    return _pack(
        given, Kind.SET_CUSTOMER, customer=given.known[body.customer], amount=body.value or 0,
        until_us=_time_us(body.until), payment_type=TYPES[body.type], currency=CURRENCIES[body.currency],
        flags=Flag.REMOVE if body.remove else 0, option=_LIMITS[body.limit],
    )  # fmt: skip


def _recover(body: control_bodies.RecoverItem, given: Given) -> bytes:
    return _pack(
        given, Kind.RECOVER, amount=body.amount_minor or 0, ref_seq=given.known[body.payment],
        flags=Flag.FROM_SUSPENSE if body.from_suspense else 0, option=Option[body.correction.upper()],
    )  # fmt: skip


def _move_suspense(body: control_bodies.MoveSuspense, given: Given) -> bytes:
    return _pack(
        given, Kind.RECOVER, payee=given.known[body.account], amount=body.amount_minor,
        currency=CURRENCIES[body.currency], option=Option.MOVE_SUSPENSE,
    )  # fmt: skip


def _set_approvals(body: control_bodies.SetApprovals, given: Given) -> bytes:
    option = Option.APPROVALS + Operation[body.operation.upper()]
    return _pack(given, Kind.SET_APPROVALS, amount=body.approvers, option=option)


def _publish_model(_: control_bodies.PublishModelItem, given: Given) -> bytes:
    return _pack(given, Kind.PUBLISH_MODEL, option=Option.MODEL_IN_FORCE)  # which model is in the side record


def _withdraw_model(_: control_bodies.WithdrawModel, given: Given) -> bytes:
    return _pack(given, Kind.PUBLISH_MODEL, option=Option.MODEL_WITHDRAWN)


def _time_us(time: datetime | None) -> int:
    """A time in µs since 1970, 0 = none."""
    return 0 if time is None else (time - _EPOCH) // timedelta(microseconds=1)


class Way(NamedTuple):
    """How one body becomes a record: its kind, its public ids by field, and its packing."""

    kind: Kind
    names: tuple[tuple[public.Kind, str], ...]
    pack: Callable[[Any, Given], bytes]


_ACCOUNT: Final = ((public.Kind.ACCOUNT, "account"),)
_CUSTOMER: Final = ((public.Kind.CUSTOMER, "customer"),)
_PAYMENT: Final = ((public.Kind.PAYMENT, "payment"),)
WAYS: Final[dict[type[Body], Way]] = {
    bodies.OpenCustomerItem: Way(Kind.OPEN_CUSTOMER, (), _open_customer),
    bodies.OpenAccountItem: Way(Kind.OPEN_ACCOUNT, _CUSTOMER, _open_account),
    bodies.DepositItem: Way(Kind.DEPOSIT, _ACCOUNT, _deposit),
    bodies.WithdrawItem: Way(Kind.WITHDRAW, _ACCOUNT, _withdraw),
    bodies.PayItem: Way(Kind.PAY, ((public.Kind.ACCOUNT, "payer"), (public.Kind.ACCOUNT, "payee")), _pay),
    bodies.ClearItem: Way(Kind.CLEAR, _PAYMENT, _clear),
    bodies.ReleaseItem: Way(Kind.RELEASE, _PAYMENT, _part(Kind.RELEASE)),
    bodies.CancelItem: Way(Kind.CANCEL, _PAYMENT, _cancel),
    bodies.RefundItem: Way(Kind.REFUND, _PAYMENT, _part(Kind.REFUND)),
    bodies.ReturnItem: Way(Kind.RETURN, _PAYMENT, _part(Kind.RETURN)),
    bodies.ChargebackItem: Way(Kind.CHARGEBACK, _PAYMENT, _part(Kind.CHARGEBACK)),
    bodies.LabelItem: Way(Kind.LABEL, _PAYMENT, _label),
    control_bodies.DecideItem: Way(Kind.DECIDE_REVIEW, _PAYMENT, _decide),
    control_bodies.FreezeItem: Way(Kind.SET_ACCOUNT, _ACCOUNT, _freeze),
    control_bodies.UnfreezeItem: Way(Kind.SET_ACCOUNT, _ACCOUNT, _unfreeze),
    control_bodies.CloseItem: Way(Kind.SET_ACCOUNT, _ACCOUNT, _close),
    control_bodies.SetTierItem: Way(Kind.SET_CUSTOMER, _CUSTOMER, _set_tier),
    control_bodies.SetLimitItem: Way(Kind.SET_CUSTOMER, _CUSTOMER, _set_limit),
    control_bodies.RecoverItem: Way(Kind.RECOVER, _PAYMENT, _recover),
    control_bodies.MoveSuspense: Way(Kind.RECOVER, _ACCOUNT, _move_suspense),
    control_bodies.SetApprovals: Way(Kind.SET_APPROVALS, (), _set_approvals),
    control_bodies.PublishModelItem: Way(Kind.PUBLISH_MODEL, (), _publish_model),
    control_bodies.WithdrawModel: Way(Kind.PUBLISH_MODEL, (), _withdraw_model),
}
