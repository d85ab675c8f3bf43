"""From bodies to records, one by one and in batches."""

from __future__ import annotations

import uuid

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.contracts import ids as public
from penstock.contracts.commands import COMMAND, Flag, Kind, PaymentType
from penstock.contracts.ids import MAX_INDEX, BadPublicId, PublicIds, make_uuid7
from penstock.kit.http.problem import Problem
from penstock.process.commands import bodies
from penstock.process.commands.translate import ITEMS, UNKNOWN_TIER, Terms, translate, translate_many

IDS = PublicIds(bytes(range(16)))
TERMS = Terms(client=9, tiers={"basic": 0, "gold": 1}, payload_bytes=200)

indices = st.integers(1, MAX_INDEX)
accounts = indices.map(lambda index: IDS.encode(public.Kind.ACCOUNT, index))
payments = indices.map(lambda index: IDS.encode(public.Kind.PAYMENT, index))
customers = st.integers(1, 2**31 - 1).map(lambda index: IDS.encode(public.Kind.CUSTOMER, index))
ids = st.builds(make_uuid7, st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10)).map(str)
amounts = st.integers(1, 10**12)
currencies = st.sampled_from(["CNY", "USD", "EUR", "HKD", "JPY"])
texts = st.none() | st.text(st.characters(codec="utf-8"), max_size=20)
money = {"amount_minor": amounts, "currency": currencies, "reference": texts}
items = st.one_of(
    st.builds(bodies.OpenCustomerItem, id=ids, tier=st.sampled_from(["basic", "gold", "lead"])),
    st.builds(bodies.OpenAccountItem, id=ids, customer=customers, currency=currencies),
    st.builds(bodies.DepositItem, id=ids, account=accounts, **money),
    st.builds(bodies.WithdrawItem, id=ids, account=accounts, **money),
    st.builds(
        bodies.PayItem, id=ids, payer=accounts, payee=accounts, type=st.just("bill"), hold_only=st.booleans(), **money
    ),
    st.builds(bodies.ClearItem, id=ids, payment=payments, amount_minor=st.none() | amounts, release_rest=st.booleans()),
    st.builds(bodies.ReleaseItem, id=ids, payment=payments, amount_minor=st.none() | amounts),
    st.builds(bodies.CancelItem, id=ids, payment=payments),
)


@given(st.lists(items, min_size=1, max_size=20))
@settings(deadline=None)
def test_a_batch_is_translated_like_its_parts(batch: list[bodies.Body]) -> None:
    commands, payloads = translate_many(batch, IDS, TERMS)
    singles = [translate(item, IDS, TERMS) for item in batch]
    assert commands.tobytes() == b"".join(record for record, _ in singles)
    assert payloads in (None, [payload for _, payload in singles])
    assert (payloads is None) == (not any(payload for _, payload in singles))


@given(st.lists(items, min_size=1, max_size=20))
@settings(deadline=None)
def test_items_survive_the_wire(batch: list[bodies.Body]) -> None:
    assert msgspec.json.decode(msgspec.json.encode(batch), type=list[bodies.Item]) == batch


def test_a_payment_becomes_a_record() -> None:
    command_id = uuid.UUID("019b76da-a800-7000-8000-0000000000ff")
    item = bodies.PayItem(
        id=str(command_id).upper(), payer=IDS.encode(public.Kind.ACCOUNT, 5), payee=IDS.encode(public.Kind.ACCOUNT, 6),
        amount_minor=12, currency="JPY", type="purchase", hold_only=True, hold_lifetime_s=30,
        reference="r", metadata={"b": "2", "a": "1"},
    )  # fmt: skip
    record, payload = translate(item, IDS, TERMS)
    (command,) = np.frombuffer(record, COMMAND)
    assert (command["payer_account"], command["payee_account"], command["amount_minor"]) == (5, 6, 12)
    assert (command["kind"], command["payment_type"], command["currency"]) == (Kind.PAY, PaymentType.PURCHASE, 392)
    assert (command["flags"], command["lifetime_us"], command["client"]) == (Flag.HOLD_ONLY, 30_000_000, 9)
    assert (command["id_hi"], command["id_lo"]) == public.split_uuid(command_id)
    assert payload == b'{"metadata":{"a":"1","b":"2"},"reference":"r"}'
    assert command["payload_bytes"] == len(payload)


def test_an_unknown_tier_is_left_to_the_lane() -> None:
    record, _ = translate(bodies.OpenCustomerItem(id=str(make_uuid7(1, bytes(10))), tier="lead"), IDS, TERMS)
    assert np.frombuffer(record, COMMAND)["tier"] == [UNKNOWN_TIER]


@pytest.mark.parametrize(
    "text",
    ["", "x", str(uuid.UUID(int=0)), "019b76da-a800-4000-8000-0000000000ff", "019b76da-a800-7000-c000-0000000000ff",
     "019b76daa80070008000-0000000000ff----", "019b76da-a800-7000-8000-0000000000ff\n"],
)  # fmt: skip
def test_what_is_no_uuid7_is_refused(text: str) -> None:
    good = bodies.OpenCustomerItem(id=str(make_uuid7(1, bytes(10))), tier="basic")
    bad = bodies.OpenCustomerItem(id=text, tier="basic")
    with pytest.raises(Problem) as alone:
        translate(bad, IDS, TERMS)
    assert alone.value.errors[0].field == "id"
    with pytest.raises(Problem) as among:
        translate_many([good, bad], IDS, TERMS)
    assert among.value.errors[0].field == "items[1].id"


def test_every_kind_of_command_has_a_way() -> None:
    assert len(ITEMS) == len(Kind) - 2  # expire and publish are the lane's own


@given(st.lists(indices, min_size=1, max_size=30), st.sampled_from(list(public.Kind)))
@settings(deadline=None)
def test_many_public_ids_are_written_and_read_like_single_ones(numbers: list[int], kind: public.Kind) -> None:
    written = IDS.encode_many(kind, np.array(numbers))
    assert written == [IDS.encode(kind, number) for number in numbers]
    assert IDS.decode_many(kind, written).tolist() == numbers == [IDS.decode(kind, text) for text in written]


@given(st.lists(st.one_of(st.text(max_size=20), accounts, accounts.map(str.upper), payments), min_size=1, max_size=8))
@settings(deadline=None)
def test_what_is_no_public_id_is_noticed_alike(texts_given: list[str]) -> None:
    many = IDS.decode_many(public.Kind.ACCOUNT, texts_given).tolist()
    for text, index in zip(texts_given, many, strict=True):
        if index:
            assert IDS.decode(public.Kind.ACCOUNT, text) == index
        else:
            with pytest.raises(BadPublicId):
                IDS.decode(public.Kind.ACCOUNT, text)


@given(accounts, st.integers(4, 16), st.sampled_from("0123456789abcdefghjkmnpqrstvwxyz"))
@settings(deadline=None)
def test_one_wrong_character_is_noticed(text: str, place: int, character: str) -> None:
    mistyped = text[:place] + character + text[place + 1 :]
    if mistyped != text:
        try:
            assert IDS.decode(public.Kind.ACCOUNT, mistyped) > 0  # 1 of 65,536 passes the check bits
        except BadPublicId:
            return


@given(indices, st.integers(1, 2**31), st.integers(1, 2**31))
@settings(deadline=None)
def test_a_cursor_belongs_to_its_account(seq: int, account: int, other: int) -> None:
    cursor = IDS.encode(public.Kind.CURSOR, seq, bound_to=account)
    assert IDS.decode(public.Kind.CURSOR, cursor, bound_to=account) == seq
    if account * 0x9E3779B97F4A7C15 >> 40 & 0xFFFF != other * 0x9E3779B97F4A7C15 >> 40 & 0xFFFF:
        with pytest.raises(BadPublicId):
            IDS.decode(public.Kind.CURSOR, cursor, bound_to=other)
