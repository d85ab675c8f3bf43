"""From bodies to records, one by one and in batches."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.contracts import ids as public
from penstock.contracts.bank import Party
from penstock.contracts.commands import COMMAND, FORCE_REASON, FORCE_STATE, Flag, Kind, Operation, Option, PaymentType
from penstock.contracts.ids import MAX_INDEX, BadPublicId, PublicIds, make_uuid7
from penstock.contracts.marks import Marks
from penstock.contracts.principal import Principal, Scope
from penstock.contracts.reasons import Reason
from penstock.contracts.states import State
from penstock.kit.http.problem import Problem
from penstock.process.commands import access, bodies
from penstock.process.commands import control_bodies as control
from penstock.process.commands.records import UNKNOWN_TIER, WAYS, Terms
from penstock.process.commands.translate import translate, translate_many

IDS = PublicIds(bytes(range(16)))
TERMS = Terms(client=9, tiers={"basic": 0, "gold": 1}, payload_bytes=200, marks=Marks(bytes(32)), maker=3)
ID = str(make_uuid7(1, bytes(10)))
PAYMENT, ACCOUNT, CUSTOMER = (
    IDS.encode(kind, 7) for kind in (public.Kind.PAYMENT, public.Kind.ACCOUNT, public.Kind.CUSTOMER)
)

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
    st.builds(bodies.RefundItem, id=ids, payment=payments, amount_minor=st.none() | amounts, reference=texts),
    st.builds(bodies.ReturnItem, id=ids, payment=payments, amount_minor=st.none() | amounts),
    st.builds(bodies.ChargebackItem, id=ids, payment=payments, from_suspense=st.booleans()),
    st.builds(bodies.LabelItem, id=ids, payment=payments, label=st.sampled_from(["fraud", "genuine", "none"]), reference=texts),
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
    assert {way.kind for way in WAYS.values()} == set(Kind) - {Kind.EXPIRE, Kind.PUBLISH}  # those are the lane's own


def test_every_kind_of_command_has_its_scopes() -> None:
    assert set(access.NEEDED) == {way.kind for way in WAYS.values()}


def test_operating_is_no_way_around_approvals() -> None:
    """A clear or release of a payment at the bank would be a correction without its approvers."""
    everything = Principal("key", 1, frozenset(Scope))
    assert access.operates(everything) & {Kind.CLEAR, Kind.RELEASE, Kind.CANCEL, Kind.PAY, Kind.WITHDRAW} == set()
    assert access.operates(Principal("key", 1, frozenset({Scope.OPERATE, Scope.APPROVE}))) == set()


def packed(item: bodies.Body, terms: Terms = TERMS) -> dict[str, int]:
    """What a body's record says, without what is 0 or in every record."""
    record, _ = translate(item, IDS, terms)
    (command,) = np.frombuffer(record, COMMAND)
    always = {"id_hi", "id_lo", "client", "maker", "payload_bytes"}
    assert (command["client"], command["maker"]) == (terms.client, terms.maker)
    return {name: int(command[name]) for name in COMMAND.names or () if command[name] and name not in always}


WHY = {"id": ID, "reason": "court order 7"}
TIME = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
TIME_US = 1_767_323_045_678_901
RECORDS = [
    (bodies.RefundItem(id=ID, payment=PAYMENT), {"kind": Kind.REFUND, "ref_seq": 7}),
    (bodies.ReturnItem(id=ID, payment=PAYMENT, amount_minor=5), {"kind": Kind.RETURN, "ref_seq": 7, "amount_minor": 5}),
    (
        bodies.ChargebackItem(id=ID, payment=PAYMENT, from_suspense=True),
        {"kind": Kind.CHARGEBACK, "ref_seq": 7, "flags": Flag.FROM_SUSPENSE},
    ),
    (bodies.LabelItem(id=ID, payment=PAYMENT, label="fraud"), {"kind": Kind.LABEL, "ref_seq": 7, "option": Option.LABEL_FRAUD}),
    (bodies.LabelItem(id=ID, payment=PAYMENT, label="none"), {"kind": Kind.LABEL, "ref_seq": 7, "option": Option.LABEL_NONE}),
    (
        control.DecideItem(id=ID, payment=PAYMENT, decision="reject"),
        {"kind": Kind.DECIDE_REVIEW, "ref_seq": 7, "option": Option.REJECT},
    ),
    (
        control.FreezeItem(**WHY, account=ACCOUNT, side="amount", amount_minor=5, from_=TIME, until=TIME.replace(year=2027)),
        {"kind": Kind.SET_ACCOUNT, "payer_account": 7, "amount_minor": 5, "option": Option.FREEZE_AMOUNT,
         "from_us": TIME_US, "until_us": TIME_US + 365 * 86_400_000_000},
    ),
    (
        control.FreezeItem(**WHY, account=ACCOUNT, side="credit"),
        {"kind": Kind.SET_ACCOUNT, "payer_account": 7, "option": Option.FREEZE_CREDIT},
    ),
    (
        control.UnfreezeItem(**WHY, account=ACCOUNT, side="all"),
        {"kind": Kind.SET_ACCOUNT, "payer_account": 7, "option": Option.UNFREEZE_ALL},
    ),
    (control.CloseItem(id=ID, account=ACCOUNT), {"kind": Kind.SET_ACCOUNT, "payer_account": 7, "option": Option.CLOSE}),
    (
        control.SetTierItem(**WHY, customer=CUSTOMER, tier="gold"),
        {"kind": Kind.SET_CUSTOMER, "customer": 7, "tier": 1, "option": Option.TIER},
    ),
    (
        control.SetLimitItem(
            **WHY, customer=CUSTOMER, type="bill", currency="JPY", limit="month_count", value=9, until=TIME
        ),
        {"kind": Kind.SET_CUSTOMER, "customer": 7, "payment_type": PaymentType.BILL, "currency": 392, "amount_minor": 9,
         "until_us": TIME_US, "option": Option.LIMIT_MONTH_COUNT},
    ),
    (
        control.SetLimitItem(**WHY, customer=CUSTOMER, type="any", currency="CNY", limit="single", remove=True),
        {"kind": Kind.SET_CUSTOMER, "customer": 7, "currency": 156, "flags": Flag.REMOVE, "option": Option.LIMIT_SINGLE},
    ),
    (
        control.RecoverItem(**WHY, payment=PAYMENT, correction="reverse", from_suspense=True, amount_minor=3),
        {"kind": Kind.RECOVER, "ref_seq": 7, "amount_minor": 3, "flags": Flag.FROM_SUSPENSE, "option": Option.REVERSE},
    ),
    (
        control.RecoverItem(**WHY, payment=PAYMENT, correction="finish_unpaid"),
        {"kind": Kind.RECOVER, "ref_seq": 7, "option": Option.FINISH_UNPAID},
    ),
    (
        control.MoveSuspense(**WHY, account=ACCOUNT, amount_minor=4, currency="CNY"),
        {"kind": Kind.RECOVER, "payee_account": 7, "amount_minor": 4, "currency": 156, "option": Option.MOVE_SUSPENSE},
    ),
    (
        control.SetApprovals(**WHY, operation="recover", approvers=3),
        {"kind": Kind.SET_APPROVALS, "amount_minor": 3, "option": Option.APPROVALS + Operation.RECOVER},
    ),
    (
        control.PublishModelItem(**WHY, sha256="0f" * 32, name="march"),
        {"kind": Kind.PUBLISH_MODEL, "option": Option.MODEL_IN_FORCE},
    ),
    (control.WithdrawModel(**WHY), {"kind": Kind.PUBLISH_MODEL, "option": Option.MODEL_WITHDRAWN}),
]  # fmt: skip


@pytest.mark.parametrize(("item", "record"), RECORDS, ids=lambda part: type(part).__name__)
def test_a_command_of_control_becomes_a_record(item: bodies.Body, record: dict[str, int]) -> None:
    assert packed(item) == {name: int(value) for name, value in record.items()}
    operating = TERMS._replace(operates=frozenset({record["kind"]}))
    assert packed(item, operating).get("flags", 0) == record.get("flags", 0) | Flag.OPERATES


def test_what_people_write_goes_beside_the_row() -> None:
    refund = bodies.RefundItem(id=ID, payment=PAYMENT, reference="r", metadata={"a": "1"})
    assert translate(refund, IDS, TERMS)[1] == b'{"metadata":{"a":"1"},"reference":"r"}'
    model = control.PublishModelItem(**WHY, sha256="0f" * 32, name="march")
    wanted = {"sha256": "0f" * 32, "name": "march", "reason": WHY["reason"]}
    assert msgspec.json.decode(translate(model, IDS, TERMS)[1]) == wanted
    close = control.CloseItem(id=ID, account=ACCOUNT, reason="moved away")
    assert translate(close, IDS, TERMS)[1] == b'{"reason":"moved away"}'
    to = Party(name="Anna", account="DE89370400440532013000", agent="COBADEFFXXX")
    out = bodies.WithdrawItem(id=ID, account=ACCOUNT, amount_minor=1, currency="EUR", to=to)
    record, payload = translate(out, IDS, TERMS)
    assert np.frombuffer(record, COMMAND)["flags"] == [Flag.RAIL]
    assert msgspec.json.decode(payload) == {"to": msgspec.to_builtins(to)}


def wish(**more: Any) -> bodies.PayItem:
    fixed = {"id": ID, "payer": ACCOUNT, "payee": ACCOUNT, "amount_minor": 1, "currency": "CNY", "type": "bill"}
    return bodies.PayItem(**{**fixed, **more})


def test_arrivals() -> None:
    assert packed(wish(arrival="instant")).get("flags", 0) == 0
    assert packed(wish(arrival="ordinary"))["flags"] == Flag.ORDINARY
    assert packed(wish(arrival="next_day"))["flags"] == Flag.NEXT_DAY


LIMIT = {**WHY, "customer": CUSTOMER, "type": "any", "currency": "CNY", "limit": "single"}
FREEZE = {**WHY, "account": ACCOUNT}
RECOVER = {**WHY, "payment": PAYMENT}
CONTRADICTIONS = [
    ("arrival", wish(arrival="ordinary", hold_only=True)),
    ("hold_lifetime_s", wish(hold_lifetime_s=5)),
    ("amount_minor", control.FreezeItem(**FREEZE, side="debit", amount_minor=1)),
    ("amount_minor", control.FreezeItem(**FREEZE, side="amount")),
    ("until", control.FreezeItem(**FREEZE, side="debit", from_=TIME, until=TIME)),
    ("from", control.FreezeItem(**FREEZE, side="debit", from_=datetime(1969, 1, 1, tzinfo=UTC))),
    ("value", control.SetLimitItem(**LIMIT)),
    ("value", control.SetLimitItem(**LIMIT, value=1, remove=True)),
    ("until", control.SetLimitItem(**LIMIT, remove=True, until=TIME)),
    ("amount_minor", control.RecoverItem(**RECOVER, correction="finish_paid", amount_minor=1)),
    ("from_suspense", control.RecoverItem(**RECOVER, correction="finish_paid", from_suspense=True)),
]


@pytest.mark.parametrize(("field", "item"), CONTRADICTIONS, ids=[field for field, _ in CONTRADICTIONS])
def test_fields_that_contradict_each_other_are_refused(field: str, item: bodies.Body) -> None:
    with pytest.raises(Problem) as alone:
        translate(item, IDS, TERMS)
    assert [error.field for error in alone.value.errors] == [field]


SANDBOX = TERMS._replace(sandbox=True)


def test_a_reference_forces_an_outcome_in_a_sandbox_only() -> None:
    declined = wish(reference="sandbox:limit_day_amount")
    assert packed(declined, SANDBOX)["option"] == FORCE_REASON + Reason.LIMIT_DAY_AMOUNT
    assert packed(wish(reference="sandbox:review"), SANDBOX)["option"] == FORCE_STATE + State.REVIEW
    assert "option" not in packed(declined)
    assert "option" not in packed(wish(reference="rent"), SANDBOX)
    refund = bodies.RefundItem(id=ID, payment=PAYMENT, reference="sandbox:payer_frozen")
    assert packed(refund, SANDBOX)["option"] == FORCE_REASON + Reason.PAYER_FROZEN
    for item in (
        wish(reference="sandbox:ok"), wish(reference="sandbox:id_conflict"), wish(reference="sandbox:cleared"),
        bodies.RefundItem(id=ID, payment=PAYMENT, reference="sandbox:held"),
    ):  # fmt: skip
        with pytest.raises(Problem) as refused:
            translate_many([wish(), item], IDS, SANDBOX)
        assert refused.value.errors[0].field == "items[1].reference"


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
