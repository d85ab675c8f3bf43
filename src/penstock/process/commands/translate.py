"""From bodies to ``COMMAND`` records: public ids become indices, names become numbers.

What the lane could not decide on is refused here, by field: malformed ids, text that is too long.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from penstock.contracts import ids as public
from penstock.contracts.commands import COMMAND, Kind
from penstock.contracts.ids import BadPublicId, PublicIds
from penstock.kit.http.problem import Problem, wrong_field
from penstock.process.commands import bodies, rules, sandbox
from penstock.process.commands.bodies import Body
from penstock.process.commands.records import WAYS, Given, Terms
from penstock.process.commands.rules import Place, field_name

_UUID7: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII
)
_HALVES: Final = struct.Struct(">qq")
#: The fields of each body that go into the side record, as they were given.
_SAID: Final = ("metadata", "name", "reason", "reference", "sha256", "to")
_TEXTS: Final = {
    item: tuple(name for name in _SAID if name in item.__struct_fields__)
    for item in WAYS
}
#: Where a reference may force an outcome in a sandbox.
_FORCIBLE: Final = frozenset({bodies.PayItem, bodies.DepositItem, bodies.WithdrawItem, bodies.RefundItem})

#: What to send instead, by the name of the field that could not be decoded.
FIXES: Final = {
    "id": "send a UUIDv7 as text",
    "amount_minor": "send a whole number of minor units from 1 to 1000000000000",
    "value": "send a whole number from 1 to 1000000000000",
    "currency": "send one of CNY, USD, EUR, HKD, JPY",
    "type": "send one of transfer, purchase, bill; for a limit also withdrawal or any",
    "arrival": "send one of instant, ordinary, next_day",
    "command": "send one of open_customer, open_account, deposit, withdraw, pay, clear, release, cancel, refund, return, chargeback, label",
    "hold_lifetime_s": "send a whole number of seconds from 1 to 31622400, together with hold_only",
    "hold_only": "send true or false",
    "release_rest": "send true or false",
    "from_suspense": "send true or false",
    "remove": "send true or false",
    "reference": "send a text of at most 140 characters",
    "reason": "send a text of 1 to 500 characters",
    "metadata": "send an object whose values are texts",
    "account": "send an account's id; in `to` an IBAN or account number of at most 34 characters",
    "agent": "send the bank's BIC or domestic code in at most 35 characters",
    "name": "send the creditor's name in at most 140 characters",
    "side": "send one of debit, credit, all, amount",
    "from": "send an ISO 8601 time with its zone, such as 2026-01-02T03:04:05Z",
    "until": "send an ISO 8601 time with its zone, such as 2026-01-02T03:04:05Z",
    "decision": "send approve or reject",
    "limit": "send one of single, day_amount, day_count, month_amount, month_count, year_amount, year_count",
    "correction": "send one of reverse, finish_paid, finish_unpaid",
    "operation": "send one of limits, unfreeze, review, recover, approvals, publish",
    "approvers": "send a whole number from 0 to 3",
    "label": "send fraud, genuine or none",
    "instrument": "send a text of 1 to 200 characters, or leave it out",
    "device": "send a text of 1 to 200 characters, or leave it out",
    "network": "send an IP address or another text of 1 to 200 characters, or leave it out",
    "place": "send a text of 1 to 200 characters, or leave it out",
    "category": "send a text of 1 to 200 characters, or leave it out",
    "location": "send latitude and longitude in degrees, or leave it out",
    "latitude": "send degrees from -90 to 90",
    "longitude": "send degrees from -180 to 180",
    "channel": "send one of app, web, pos, qr, atm, phone, branch, api",
    "extras": "send 1 to 4 numbers, null for one that is not known",
    "factors": "send an array of password, pin, sms, totp, device, passkey, fingerprint, face, certificate",
    "items": "send an array of commands",
}


def kind_of(item: Body) -> Kind:
    """The kind of command that an item asks for."""
    return WAYS[type(item)].kind


def translate(item: Body, ids: PublicIds, terms: Terms) -> tuple[bytes, bytes]:
    """Translate one body: its record and its payload.

    :raises Problem: 422, naming the field.
    """
    way = WAYS[type(item)]
    command_id = _command_id(item.id, "id")
    known = {}
    for kind, field in way.names:
        text = getattr(item, field)
        known[text] = index_of(ids, kind, field, text)
    rules.check(item, None)
    payload = payload_of(item, terms.payload_bytes, None)
    option = forced(item, None) if terms.sandbox else 0
    return way.pack(item, Given(*command_id, len(payload), option, terms, known)), payload


def translate_many(items: Sequence[Body], ids: PublicIds, terms: Terms) -> tuple[NDArray[Any], list[bytes] | None]:
    """Translate a batch: ``COMMAND`` records (items,) and their payloads, None when no item has one.

    :raises Problem: 422, naming ``items[n].field`` of the first that cannot be used.
    """
    high, low = _command_ids(items)
    known = _indices(items, ids)
    for number, item in enumerate(items):
        rules.check(item, number)
    payloads = [payload_of(item, terms.payload_bytes, number) for number, item in enumerate(items)]
    options = [forced(item, number) for number, item in enumerate(items)] if terms.sandbox else [0] * len(items)
    records = [
        WAYS[type(item)].pack(item, Given(hi, lo, len(payload), force, terms, known))
        for item, hi, lo, payload, force in zip(items, high, low, payloads, options, strict=True)
    ]
    commands = np.frombuffer(bytearray().join(records), dtype=COMMAND)  # that may be written to: a token comes to each
    return commands, payloads if commands["payload_bytes"].any() else None


def _command_id(text: str, field: str) -> tuple[int, int]:
    if not _UUID7.fullmatch(text):
        raise not_uuid7(field)
    high, low = _HALVES.unpack(bytes.fromhex(text.replace("-", "")))
    return high, low


def not_uuid7(field: str) -> Problem:
    """422 for a command's id that is none."""
    return wrong_field(field, "not a UUIDv7", "make a UUID of version 7 (RFC 9562) for each new command")


def _command_ids(items: Sequence[Body]) -> tuple[list[int], list[int]]:
    for number, item in enumerate(items):
        if not _UUID7.fullmatch(item.id):
            _command_id(item.id, f"items[{number}].id")
    halves = np.frombuffer(bytes.fromhex("".join([item.id for item in items]).replace("-", "")), dtype=">i8")
    return halves[::2].tolist(), halves[1::2].tolist()


def index_of(ids: PublicIds, kind: public.Kind, field: str, text: str) -> int:
    """The index of a public id.

    :raises Problem: 422, naming the field.
    """
    try:
        return ids.decode(kind, text)
    except BadPublicId as error:
        raise wrong_field(field, str(error), f"send the {kind.name.lower()} id as it was given to you") from error


def _indices(items: Sequence[Body], ids: PublicIds) -> dict[str, int]:
    """Resolve all public ids of a batch at once; the prefix of the text keeps the kinds apart."""
    texts: dict[public.Kind, list[str]] = {kind: [] for kind in public.Kind}
    for item in items:
        for kind, field in WAYS[type(item)].names:
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
            for kind, field in WAYS[type(item)].names:
                index_of(ids, kind, f"items[{number}].{field}", getattr(item, field))
    except Problem as problem:
        return problem
    raise AssertionError("decode and decode_many disagree on a public id")


def forced(item: Body, place: Place) -> int:
    """Sandbox: what the reference of an item forces, as an option."""
    if type(item) not in _FORCIBLE:
        return 0
    assert isinstance(item, bodies.WithText)
    return sandbox.option(item.reference, pays=isinstance(item, bodies.Pay), field=field_name(place, "reference"))


def payload_of(item: Body, most_bytes: int, place: Place) -> bytes:
    """The canonical JSON of a body's free text; ``place`` is its number in a batch."""
    given: dict[str, object] = {}
    for name in _TEXTS[type(item)]:
        if (value := getattr(item, name)) is not None:
            given[name] = value
    if not given:
        return b""
    text = msgspec.json.encode(given, order="sorted")
    if len(text) > most_bytes:
        raise too_much_text(field_name(place, next(iter(given))), len(text), most_bytes)
    return text


def too_much_text(field: str, size_bytes: int, most_bytes: int) -> Problem:
    """422 for texts that no side record has room for."""
    return wrong_field(field, f"{size_bytes} bytes of text", f"keep all texts together below {most_bytes} bytes of JSON")
