"""A large batch of payments as JSON becomes, by columns, what it becomes item by item: records, payloads and problems."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.columnar import IDS, item, row

from penstock.contracts.marks import Marks
from penstock.kit.http.problem import Problem
from penstock.process.commands import bodies
from penstock.process.commands.columns import from_items
from penstock.process.commands.columns.from_items import translate_items
from penstock.process.commands.records import Terms
from penstock.process.commands.translate import translate_many

TERMS = Terms(client=9, tiers={}, payload_bytes=1_024, marks=Marks(bytes(range(32))), maker=3, sandbox=True)
DECODER = msgspec.json.Decoder(list[bodies.Item])


def items(seed: int, count: int, silence: float) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    made = [item(row(chance, silence)) for _ in range(count)]
    for each in made:
        if chance.random() < 0.2:
            each["metadata"] = {"till": str(chance.random()), "é": "午"}
        if chance.random() < 0.1:
            each["reference"] = chance.choice(["sandbox:held", "sandbox:insufficient_funds"])
        if "extras" in each:
            each["extras"] = each["extras"][: chance.randrange(1, 5)]
        each["id"] = chance.choice([each["id"], each["id"].upper()])
    return made


def both(sent: list[dict[str, Any]]) -> list[Any]:
    decoded = DECODER.decode(msgspec.json.encode(sent))
    found: list[Any] = []
    for way in (translate_items, translate_many):
        try:
            commands, payloads = way(decoded, IDS, TERMS)
        except Problem as problem:
            found.append(problem.body())
        else:
            found.append((commands.tobytes(), payloads))
            commands["token"] = 7  # as the link to the lane does
    return found


@given(st.integers(0, 2**64), st.integers(32, 60), st.floats(0, 1))
@settings(deadline=None, max_examples=80)
def test_by_columns_as_item_by_item(seed: int, count: int, silence: float) -> None:
    by_columns, by_items = both(items(seed, count, silence))
    assert by_columns == by_items
    assert isinstance(by_items, tuple)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "019b76da-a800-4000-8000-000000000001"), ("id", "019b76da-a800-7000-8000-00000000000g"), ("id", "x"),
        ("id", "019b76daa-80-07000-8000-000000000001"), ("id", "019b76da-a800-7000-8000-0000000000 1"),
        ("id", "é19b76da-a800-7000-8000-000000000001"), ("payer", "acc_1"), ("payee", "acc_0000000000000"),
        ("payer", "cus_" + "0" * 13), ("payee", "acc_" + "é" * 13), ("hold_lifetime_s", 5), ("reference", "sandbox:no"),
        ("metadata", {"k": "v" * 2_000}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_alike(field: str, value: Any) -> None:
    sent = [{**each, "hold_only": False} for each in items(1, 40, 1.0)]
    sent[17][field] = value
    by_columns, by_items = both(sent)
    assert by_columns == by_items
    assert f"items[17].{field}".encode() in by_items


def test_columns_are_the_way_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways say the same, so which one was taken shows only when the other is gone."""
    monkeypatch.delattr(from_items, "translate_many")
    decoded = DECODER.decode(msgspec.json.encode(items(3, 32, 0.3)))
    assert len(translate_items(decoded, IDS, TERMS)[0]) == 32
    with pytest.raises(NameError):
        translate_items(decoded[:31], IDS, TERMS)
