"""What is kept of a command, and what goes to the lane."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penstock.contracts.commands import COMMAND
from penstock.contracts.ids import make_uuid7, split_uuid
from penstock.office.approvals import rules
from penstock.office.approvals.store import Request

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FILLED = {"token", "id_hi", "id_lo", "client", "payload_bytes", "maker", "approval_1", "approval_2", "approval_3"}
ASKED = [name for name in COMMAND.names or () if name not in FILLED]


def numbers(name: str) -> st.SearchStrategy[int]:
    bits = COMMAND[name].itemsize * 8
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def request(command: dict[str, int], payload: bytes, sent_id: uuid.UUID) -> Request:
    return Request(
        5, 0, 7, sent_id, sent_id, 0, "customer", "cus_1", 11, command, payload, {}, 2, "approved", 0, NOW, NOW, None,
        None, None, None,
    )  # fmt: skip


@given(st.fixed_dictionaries({name: numbers(name) for name in ASKED}), st.binary(max_size=50), st.lists(st.integers(1, 2**31 - 1), max_size=3))
def test_every_field_of_a_command_survives_the_waiting(fields: dict[str, int], payload: bytes, approvers: list[int]) -> None:
    asked: Any = np.zeros(1, COMMAND)
    for name, value in fields.items():
        asked[name] = value
    sent_id = make_uuid7(1_767_323_045_000, bytes(range(10)))
    kept = rules.content(asked.tobytes())
    sent = np.frombuffer(rules.sealed(request(kept, payload, sent_id), approvers), dtype=COMMAND)[0]
    assert {name: int(sent[name]) for name in ASKED} == fields
    assert (int(sent["id_hi"]), int(sent["id_lo"])) == split_uuid(sent_id)
    assert (sent["client"], sent["maker"], sent["payload_bytes"]) == (7, 11, len(payload))
    assert [int(sent[f"approval_{place}"]) for place in (1, 2, 3)] == [*approvers, 0, 0, 0][:3]


def test_what_others_fill_in_is_not_what_was_asked_for() -> None:
    record: Any = np.zeros(1, COMMAND)
    for name in FILLED:
        record[name] = 1
    assert rules.content(record.tobytes()) == {}


def test_each_attempt_has_an_id_of_its_own_and_the_same_again() -> None:
    first = request({}, b"", make_uuid7(1_767_323_045_000, bytes(10)))
    ids = [rules.renewed_id(first._replace(attempts=attempts), NOW) for attempts in (0, 1, 0)]
    assert ids[0] == ids[2] != ids[1]
