"""From bodies to ``COMMAND`` records: public ids become indices, names become numbers.

What the lane could not decide on is refused here, by field: malformed ids, text that is too long.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from penstock.contracts import ids as public
from penstock.contracts.commands import COMMAND, Flag, Kind, PaymentType
from penstock.contracts.ids import BadPublicId, PublicIds
from penstock.contracts.money import BY_CODE
from penstock.kit.http.problem import Problem, wrong_field
from penstock.process.commands import bodies
from penstock.process.commands.bodies import Body

#: One ``COMMAND`` record; ten times faster to fill than a numpy one.
_RECORD: Final = struct.Struct("<8q3i6h")
assert _RECORD.size == COMMAND.itemsize

#: Sent for a tier that the policy does not name, so that the lane refuses it with a row.
UNKNOWN_TIER: Final = 32_767

_UUID7: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII
)
_CURRENCIES: Final = {code: currency.numeric for code, currency in BY_CODE.items()}
_TYPES: Final = {kind.name.lower(): int(kind) for kind in PaymentType}
_MICROSECONDS: Final = 1_000_000
#: Plain numbers, because looking a member of an enum up costs more than the rest of its line.
_PAY: Final = int(Kind.PAY)
_HOLD_ONLY: Final = int(Flag.HOLD_ONLY)

#: What to send instead, by the name of the field that could not be decoded.
FIXES: Final = {
    "id": "send a UUIDv7 as text",
    "amount_minor": "send a whole number of minor units from 1 to 1000000000000",
    "currency": "send one of CNY, USD, EUR, HKD, JPY",
    "type": "send one of transfer, purchase, bill",
    "command": "send one of open_customer, open_account, deposit, withdraw, pay, clear, release, cancel",
    "hold_lifetime_s": "send a whole number of seconds from 1 to 31622400, together with hold_only",
    "hold_only": "send true or false",
    "release_rest": "send true or false",
    "reference": "send a text of at most 140 characters",
    "metadata": "send an object whose values are texts",
    "items": "send an array of commands",
}


class Terms(NamedTuple):
    """What translation needs besides the body."""

    client: int
    tiers: Mapping[str, int]
    payload_bytes: int


class Given(NamedTuple):
    """What is known of one body before its record is packed."""

    id_hi: int
    id_lo: int
    payload_bytes: int
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
    lifetime_us: int = 0,
    customer: int = 0,
    payment_type: int = 0,
    currency: int = 0,
    tier: int = 0,
    flags: int = 0,
) -> bytes:
    return _RECORD.pack(
        0, given.id_hi, given.id_lo, payer, payee, amount, ref_seq, lifetime_us,
        given.terms.client, customer, given.payload_bytes, kind, payment_type, currency, tier, flags, 0,
    )  # fmt: skip


def _open_customer(body: bodies.OpenCustomer, given: Given) -> bytes:
    return _pack(given, Kind.OPEN_CUSTOMER, tier=given.terms.tiers.get(body.tier, UNKNOWN_TIER))


def _open_account(body: bodies.OpenAccount, given: Given) -> bytes:
    currency = _CURRENCIES[body.currency]
    return _pack(given, Kind.OPEN_ACCOUNT, customer=given.known[body.customer], currency=currency)


def _deposit(body: bodies.Deposit, given: Given) -> bytes:
    payee, currency = given.known[body.account], _CURRENCIES[body.currency]
    return _pack(given, Kind.DEPOSIT, payee=payee, amount=body.amount_minor, currency=currency)


def _withdraw(body: bodies.Withdraw, given: Given) -> bytes:
    payer, currency = given.known[body.account], _CURRENCIES[body.currency]
    kind = PaymentType.WITHDRAWAL
    return _pack(given, Kind.WITHDRAW, payer=payer, amount=body.amount_minor, currency=currency, payment_type=kind)


def _pay(body: bodies.Pay, given: Given) -> bytes:
    lifetime_s = body.hold_lifetime_s or 0
    return _RECORD.pack(  # not by _pack: this is the busiest line of the edge
        0, given.id_hi, given.id_lo, given.known[body.payer], given.known[body.payee], body.amount_minor, 0,
        lifetime_s * _MICROSECONDS, given.terms.client, 0, given.payload_bytes, _PAY, _TYPES[body.type],
        _CURRENCIES[body.currency], 0, _HOLD_ONLY if body.hold_only else 0, 0,
    )  # fmt: skip


def _clear(body: Any, given: Given) -> bytes:
    flags = Flag.RELEASE_REST if body.release_rest else 0
    return _pack(given, Kind.CLEAR, amount=body.amount_minor or 0, ref_seq=given.known[body.payment], flags=flags)


def _release(body: Any, given: Given) -> bytes:
    return _pack(given, Kind.RELEASE, amount=body.amount_minor or 0, ref_seq=given.known[body.payment])


def _cancel(body: Any, given: Given) -> bytes:
    return _pack(given, Kind.CANCEL, ref_seq=given.known[body.payment])


class _Way(NamedTuple):
    """How one kind of body is translated: its public ids by field, and its record."""

    kind: Kind
    names: tuple[tuple[public.Kind, str], ...]
    pack: Callable[[Any, Given], bytes]


_ACCOUNT, _PAYMENT = public.Kind.ACCOUNT, public.Kind.PAYMENT
_BY_TAG: Final = {
    "open_customer": _Way(Kind.OPEN_CUSTOMER, (), _open_customer),
    "open_account": _Way(Kind.OPEN_ACCOUNT, ((public.Kind.CUSTOMER, "customer"),), _open_account),
    "deposit": _Way(Kind.DEPOSIT, ((_ACCOUNT, "account"),), _deposit),
    "withdraw": _Way(Kind.WITHDRAW, ((_ACCOUNT, "account"),), _withdraw),
    "pay": _Way(Kind.PAY, ((_ACCOUNT, "payer"), (_ACCOUNT, "payee")), _pay),
    "clear": _Way(Kind.CLEAR, ((_PAYMENT, "payment"),), _clear),
    "release": _Way(Kind.RELEASE, ((_PAYMENT, "payment"),), _release),
    "cancel": _Way(Kind.CANCEL, ((_PAYMENT, "payment"),), _cancel),
}
ITEMS: Final[tuple[type[Body], ...]] = (
    bodies.OpenCustomerItem, bodies.OpenAccountItem, bodies.DepositItem, bodies.WithdrawItem,
    bodies.PayItem, bodies.ClearItem, bodies.ReleaseItem, bodies.CancelItem,
)  # fmt: skip
_WAYS: Final[dict[type, _Way]] = {item: _BY_TAG[str(item.__struct_config__.tag)] for item in ITEMS}


def kind_of(item: Body) -> Kind:
    """The kind of command that a batch's item asks for."""
    return _WAYS[type(item)].kind


def translate(item: Body, ids: PublicIds, terms: Terms) -> tuple[bytes, bytes]:
    """Translate one body: its record and its payload.

    :raises Problem: 422, naming the field.
    """
    way = _WAYS[type(item)]
    command_id = _command_id(item.id, "id")
    known = {text: _index(ids, kind, field, text) for kind, field in way.names for text in (getattr(item, field),)}
    payload = _payload(item, terms.payload_bytes, "")
    return way.pack(item, Given(*command_id, len(payload), terms, known)), payload


def translate_many(items: Sequence[Body], ids: PublicIds, terms: Terms) -> tuple[NDArray[Any], list[bytes] | None]:
    """Translate a batch: ``COMMAND`` records (items,) and their payloads, None when no item has one.

    :raises Problem: 422, naming ``items[n].field`` of the first that cannot be used.
    """
    high, low = _command_ids(items)
    known = _indices(items, ids)
    payloads = [_payload(item, terms.payload_bytes, number) for number, item in enumerate(items)]
    records = [
        _WAYS[type(item)].pack(item, Given(hi, lo, len(payload), terms, known))
        for item, hi, lo, payload in zip(items, high, low, payloads, strict=True)
    ]
    commands = np.frombuffer(b"".join(records), dtype=COMMAND)
    return commands, payloads if commands["payload_bytes"].any() else None


def _command_id(text: str, field: str) -> tuple[int, int]:
    if not _UUID7.fullmatch(text):
        raise wrong_field(field, "not a UUIDv7", "make a UUID of version 7 (RFC 9562) for each new command")
    high, low = struct.unpack(">qq", bytes.fromhex(text.replace("-", "")))
    return high, low


def _command_ids(items: Sequence[Body]) -> tuple[list[int], list[int]]:
    for number, item in enumerate(items):
        if not _UUID7.fullmatch(item.id):
            _command_id(item.id, f"items[{number}].id")
    halves = np.frombuffer(bytes.fromhex("".join([item.id for item in items]).replace("-", "")), dtype=">i8")
    return halves[::2].tolist(), halves[1::2].tolist()


def _index(ids: PublicIds, kind: public.Kind, field: str, text: str) -> int:
    try:
        return ids.decode(kind, text)
    except BadPublicId as error:
        raise wrong_field(field, str(error), f"send the {kind.name.lower()} id as it was given to you") from error


def _indices(items: Sequence[Body], ids: PublicIds) -> dict[str, int]:
    """Resolve all public ids of a batch at once; the prefix of the text keeps the kinds apart."""
    texts: dict[public.Kind, list[str]] = {kind: [] for kind in public.Kind}
    for item in items:
        for kind, field in _WAYS[type(item)].names:
            texts[kind].append(getattr(item, field))
    known: dict[str, int] = {}
    for kind, named in texts.items():
        if named:
            indices = ids.decode_many(kind, named)
            if not indices.all():
                raise _first_bad(items, ids)
            known.update(zip(named, indices.tolist(), strict=True))
    return known


def _first_bad(items: Sequence[Body], ids: PublicIds) -> Problem:
    try:
        for number, item in enumerate(items):
            for kind, field in _WAYS[type(item)].names:
                _index(ids, kind, f"items[{number}].{field}", getattr(item, field))
    except Problem as problem:
        return problem
    raise AssertionError("decode and decode_many disagree on a public id")


def _payload(item: Body, most_bytes: int, place: int | str) -> bytes:
    """The canonical JSON of a body's free text; ``place`` is its number in a batch, or empty."""
    if not isinstance(item, bodies.WithText):
        return b""
    if isinstance(item, bodies.Pay) and item.hold_lifetime_s is not None and not item.hold_only:
        raise wrong_field(
            _field(place, "hold_lifetime_s"), "only a hold has a lifetime", "send hold_only: true, or leave it out"
        )
    if item.reference is None and item.metadata is None:
        return b""
    given = {"metadata": item.metadata, "reference": item.reference}
    text = msgspec.json.encode({key: value for key, value in given.items() if value is not None}, order="sorted")
    if len(text) > most_bytes:
        fix = f"keep reference and metadata together below {most_bytes} bytes of JSON"
        raise wrong_field(_field(place, "metadata"), f"{len(text)} bytes of text", fix)
    return text


def _field(place: int | str, name: str) -> str:
    return name if place == "" else f"items[{place}].{name}"
