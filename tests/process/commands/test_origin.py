"""What comes with a payment: fields of the record, bounds that name field and fix, and marks that tell nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.contracts import ids as public
from penstock.contracts.commands import COMMAND, FACTOR_KINDS, Channel, Factor, Flag
from penstock.contracts.ids import PublicIds, make_uuid7
from penstock.contracts.marks import Marks
from penstock.improve.observing.events import fixed_logarithm
from penstock.kit.http.problem import Problem, from_decoding
from penstock.process.commands import bodies
from penstock.process.commands.origin import extra_numbers, verified_by
from penstock.process.commands.records import Terms
from penstock.process.commands.translate import FIXES, translate, translate_many

KEY = bytes(range(32))
IDS = PublicIds(bytes(16))
KINDS = ("instrument", "device", "network", "place", "category")
ACCOUNT = IDS.encode(public.Kind.ACCOUNT, 7)
BODY: dict[str, Any] = {
    "id": str(make_uuid7(1, bytes(10))), "payer": ACCOUNT, "payee": ACCOUNT, "amount_minor": 1, "currency": "CNY", "type": "bill",
}  # fmt: skip
DECODER = msgspec.json.Decoder(bodies.PayItem)


def terms() -> Terms:
    return Terms(client=9, tiers={}, payload_bytes=200, marks=Marks(KEY))


def packed(**more: Any) -> Any:
    """The record of a body, as it came over the wire."""
    item = DECODER.decode(msgspec.json.encode({**BODY, "command": "pay", **more}))
    record, payload = translate(item, IDS, terms())
    assert payload == b""
    (command,) = np.frombuffer(record, COMMAND)
    many, _ = translate_many([item, item], IDS, terms())
    assert many.tobytes() == 2 * record
    return command


def test_a_silent_payment_has_zeros() -> None:
    command = packed()
    assert [command[name] for name in KINDS] == [0] * 5
    named = ("latitude_e4", "longitude_e4", "extra_1", "extras_given", "channel", "factors", "verification", "flags")
    assert [command[name] for name in named] == [0] * 8
    assert packed(factors=[])["factors"] == 0


def test_marks_are_equal_across_edges_and_restarts_and_apart_across_kinds() -> None:
    first, again = packed(**dict.fromkeys(KINDS, "x")), packed(**dict.fromkeys(KINDS, "x"))
    found = [int(first[name]) for name in KINDS]
    assert found == [int(again[name]) for name in KINDS]
    assert len(set(found)) == 5
    assert all(0 < mark < 2**63 for mark in found)
    assert int(packed(device="y")["device"]) not in found


def test_marks_need_the_key() -> None:
    assert Marks(KEY).device("x") == Marks(KEY).device("x") != Marks(bytes(32)).device("x")
    with pytest.raises(ValueError, match="32 bytes, not 16"):
        Marks(bytes(16))


@given(st.lists(st.text(min_size=1, max_size=20), min_size=2, max_size=50, unique=True))
@settings(deadline=None)
def test_different_texts_have_different_marks(texts: list[str]) -> None:
    marks = Marks(KEY)
    assert len({marks.place(text) for text in texts}) == len(texts)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:0:1::1", "2001:DB8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64", True),
        ("::ffff:198.51.100.7", "198.51.100.7", True),
        ("198.51.100.7", "198.51.100.8", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("office: third floor", "office: fourth floor", False),
    ],
)
def test_a_network_is_an_address_or_the_first_half_of_one(one: str, other: str, same: bool) -> None:
    marks = Marks(KEY)
    assert (marks.network(one) == marks.network(other)) is same


def test_a_location_is_rounded_to_ten_thousandths() -> None:
    command = packed(location={"latitude": -31.23046, "longitude": 180})
    assert (command["latitude_e4"], command["longitude_e4"], command["flags"]) == (-312305, 1_800_000, Flag.LOCATED)
    assert packed(location={"latitude": 0, "longitude": 0}, hold_only=True)["flags"] == Flag.LOCATED | Flag.HOLD_ONLY


def test_extra_numbers_are_those_of_training() -> None:
    values = [0.0, -1.0, 1234.5, 1e300]
    few, given = extra_numbers(values)
    assert list(few) == fixed_logarithm(np.array(values)).tolist()
    assert given == 0b1111
    command = packed(extras=[None, -3, None])
    assert (command["extra_1"], command["extra_2"], command["extras_given"]) == (0, -2 * 65_536, 0b10)


def test_every_channel_and_factor_can_be_said() -> None:
    for channel in Channel:
        assert packed(channel=channel.name.lower())["channel"] == channel
    for factor in Factor:
        assert packed(factors=[str(factor.name).lower()])["factors"] == factor


@pytest.mark.parametrize(
    ("factors", "kinds"),
    [(["pin"], 1), (["pin", "password"], 1), (["pin", "sms"], 2), (["sms", "totp"], 1), (["face", "pin", "device"], 3)],
)
def test_kinds_of_factor_are_counted(factors: list[str], kinds: int) -> None:
    mask, counted = verified_by(tuple(factors))
    assert counted == kinds == sum(bool(mask & kind) for kind in FACTOR_KINDS)
    assert packed(factors=factors)["verification"] == kinds


WRONG = [
    ({"device": ""}, "device"), ({"device": 5}, "device"), ({"instrument": "x" * 201}, "instrument"),
    ({"network": ""}, "network"), ({"place": []}, "place"), ({"category": {}}, "category"),
    ({"location": {"latitude": 90.1, "longitude": 0}}, "location.latitude"),
    ({"location": {"latitude": 0, "longitude": -181}}, "location.longitude"),
    ({"location": {"latitude": 0}}, "location.longitude"), ({"location": [1, 2]}, "location"),
    ({"channel": "fax"}, "channel"), ({"factors": ["pin", "hope"]}, "factors[1]"), ({"factors": "pin"}, "factors"),
    ({"extras": []}, "extras"), ({"extras": [1, 2, 3, 4, 5]}, "extras"), ({"extras": ["1"]}, "extras[0]"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "field"), WRONG, ids=[f"{field}-{place}" for place, (_, field) in enumerate(WRONG)])
def test_what_cannot_be_used_is_named_with_its_fix(more: dict[str, Any], field: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        DECODER.decode(msgspec.json.encode({**BODY, "command": "pay", **more}))
    (error,) = from_decoding(caught.value, "items", FIXES).errors
    assert error.field == f"items.{field}"
    assert error.fix != "send a value as /docs describes it"
    assert isinstance(from_decoding(caught.value), Problem)


def test_what_is_not_a_finite_number_is_refused() -> None:
    body = msgspec.json.encode({**BODY, "command": "pay"})[:-1]
    for number in (b"1e999", b"NaN", b"Infinity"):
        with pytest.raises(msgspec.DecodeError):
            DECODER.decode(body + b',"extras":[' + number + b"]}")
